//! A response that owns all it has, so that its request can be over.

use rocket::local::asynchronous::LocalRequest;

/// A response, from the local client or from a socket.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Sends a local request and reads the response to its end. Then the request is over, and its span
/// has ended.
pub(crate) async fn answer(request: LocalRequest<'_>) -> Answer {
    let response = request.dispatch().await;
    let status = response.status().code;
    let header = |h: rocket::http::Header<'_>| (h.name().as_str().to_owned(), h.value().to_owned());
    let headers = response.headers().iter().map(header).collect();
    let body = response.into_bytes().await.unwrap_or_default();
    Answer { status, headers, body }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is UTF-8")
    }

    /// The trace, span and flags that `traceresponse` names.
    pub(crate) fn trace(&self) -> [&str; 3] {
        let header = self.header("traceresponse").expect("the response names its trace");
        let fields: Vec<_> = header.split('-').collect();
        let [version, trace, span, flags] = fields.try_into().expect("four fields");
        assert_eq!(version, "00");
        [trace, span, flags]
    }
}
