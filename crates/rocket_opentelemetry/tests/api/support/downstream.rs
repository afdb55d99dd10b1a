//! A service that clients call.

use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// Answers every request with this status, and keeps the requests.
pub(crate) struct Downstream(MockServer);

impl Downstream {
    pub(crate) async fn answering(status: u16) -> Self {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(ResponseTemplate::new(status)).mount(&server).await;
        Self(server)
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.address().port()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.0.uri())
    }

    /// The only request.
    pub(crate) async fn request(&self) -> Request {
        let all = self.0.received_requests().await.expect("the requests are kept");
        let [request] = all.try_into().unwrap_or_else(|all| panic!("not one request: {all:?}"));
        request
    }
}
