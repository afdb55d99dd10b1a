//! Headers of any framework, and those that spans capture.

use opentelemetry::{Array, Key, KeyValue, StringValue, Value};

/// The headers of a message, whatever type a framework keeps them in.
pub trait Headers {
    /// The values of a header that are text, in the order in which they arrived. Names compare
    /// without regard to case.
    fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str>;

    /// The first value of a header.
    fn first(&self, name: &str) -> Option<&str> {
        self.values(name).next()
    }
}

impl Headers for http::HeaderMap {
    fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.get_all(name).iter().filter_map(|value| value.to_str().ok())
    }
}

/// A header that spans capture, and the attribute that holds its values.
///
/// Capturing is opt-in by convention, because headers can hold secrets.
#[derive(Clone, Debug)]
pub struct CapturedHeader {
    name: String,
    attribute: Key,
}

impl CapturedHeader {
    /// Captures request headers of these names as `http.request.header.<name>`.
    pub fn of_requests<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Vec<Self> {
        names.into_iter().map(|name| Self::new("http.request.header.", name.as_ref())).collect()
    }

    /// Captures response headers of these names as `http.response.header.<name>`.
    pub fn of_responses<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Vec<Self> {
        names.into_iter().map(|name| Self::new("http.response.header.", name.as_ref())).collect()
    }

    fn new(prefix: &str, name: &str) -> Self {
        let name = name.trim().to_ascii_lowercase();
        let attribute = Key::new(format!("{prefix}{name}"));
        Self { name, attribute }
    }

    /// All values of the header as an array of strings; `None` if the message does not have it.
    pub fn attribute(&self, headers: &impl Headers) -> Option<KeyValue> {
        let values = headers.values(&self.name).map(|v| StringValue::from(v.to_owned()));
        let values: Vec<_> = values.collect();
        let present = !values.is_empty();
        let array = Value::Array(Array::String(values));
        present.then(|| KeyValue::new(self.attribute.clone(), array))
    }
}
