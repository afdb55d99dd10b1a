//! An answer that has been read to its end, so that the span of its request has ended too.

use rocket::local::asynchronous::LocalResponse;

#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) async fn read(response: LocalResponse<'_>) -> Self {
        let status = response.status().code;
        let headers = response.headers().iter();
        let headers = headers.map(|h| (h.name().as_str().to_owned(), h.value().to_owned()));
        let headers = headers.collect();
        let body = response.into_bytes().await.unwrap_or_default();
        Self { status, headers, body }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is UTF-8")
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    pub(crate) fn is_json(&self) -> bool {
        self.header("Content-Type").is_some_and(|value| value.starts_with("application/json"))
    }

    pub(crate) fn is_html(&self) -> bool {
        self.header("Content-Type").is_some_and(|value| value.starts_with("text/html"))
    }

    /// The trace, span and flags that `traceresponse` names.
    pub(crate) fn trace(&self) -> [String; 3] {
        let header = self.header("traceresponse").expect("the answer names its trace");
        let fields: Vec<_> = header.split('-').map(str::to_owned).collect();
        let [version, trace, span, flags] = fields.try_into().expect("four fields");
        assert_eq!(version, "00");
        [trace, span, flags]
    }
}
