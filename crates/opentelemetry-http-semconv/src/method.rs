//! Methods as telemetry names them.

use std::borrow::Cow;

/// `http.request.method` of a method that is not known.
pub(crate) const OTHER: &str = "_OTHER";

/// The methods that the conventions know by default: those of RFC 9110, and `PATCH` of RFC 5789.
static STANDARD: [Cow<'static, str>; 9] = [
    Cow::Borrowed("GET"),
    Cow::Borrowed("POST"),
    Cow::Borrowed("PUT"),
    Cow::Borrowed("DELETE"),
    Cow::Borrowed("HEAD"),
    Cow::Borrowed("OPTIONS"),
    Cow::Borrowed("PATCH"),
    Cow::Borrowed("TRACE"),
    Cow::Borrowed("CONNECT"),
];

/// The HTTP methods that telemetry names; any other is `_OTHER`.
///
/// A bounded list bounds the number of metric series, whatever clients send. The default is the
/// standard methods (HTTP spans, `http.request.method`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownMethods(Cow<'static, [Cow<'static, str>]>);

impl Default for KnownMethods {
    fn default() -> Self {
        Self(Cow::Borrowed(&STANDARD))
    }
}

impl KnownMethods {
    /// Parses the value of `OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS`: case-sensitive names,
    /// separated by commas. The list replaces the default as a whole.
    #[must_use]
    pub fn parse(list: &str) -> Self {
        let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
        Self(names.map(|name| Cow::Owned(name.to_owned())).collect())
    }

    /// Reads `OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS`; unset or empty, it is the default.
    #[must_use]
    pub fn from_env() -> Self {
        match std::env::var("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS") {
            Ok(list) if !list.trim().is_empty() => Self::parse(&list),
            _ => Self::default(),
        }
    }

    /// Whether telemetry names this method. The comparison is case-sensitive, as methods are.
    #[must_use]
    pub fn contains(&self, method: &str) -> bool {
        self.0.iter().any(|known| known == method)
    }

    /// A method as telemetry names it: itself, or `_OTHER` beside the original.
    #[must_use]
    pub fn normalize<'m>(&self, method: &'m str) -> MethodName<'m> {
        match self.0.iter().find(|known| *known == method) {
            Some(known) => MethodName { name: known.clone(), original: None },
            None => MethodName { name: Cow::Borrowed(OTHER), original: Some(method) },
        }
    }
}

/// A method as telemetry names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodName<'m> {
    /// `http.request.method`: a known method or `_OTHER`.
    pub name: Cow<'static, str>,
    /// `http.request.method_original`: what `_OTHER` stands for, where the server knows it.
    pub original: Option<&'m str>,
}

impl MethodName<'_> {
    /// The name of a span before there is a route: the method, or `HTTP` for `_OTHER` (HTTP spans,
    /// "Name").
    #[must_use]
    pub fn span_name(&self) -> Cow<'static, str> {
        if self.name == OTHER { Cow::Borrowed("HTTP") } else { self.name.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_known_methods_replaces_the_default() {
        let known = KnownMethods::parse("GET, PURGE,");
        assert!(known.contains("PURGE") && known.contains("GET"));
        assert!(!known.contains("POST") && !known.contains("get"));
        assert!(KnownMethods::default().contains("PATCH"));
    }

    #[test]
    fn an_unknown_method_is_other_and_its_span_is_named_http() {
        let known = KnownMethods::default();
        let (get, brew) = (known.normalize("GET"), known.normalize("BREW"));
        assert_eq!((&*get.name, get.original, &*get.span_name()), ("GET", None, "GET"));
        let other = (&*brew.name, brew.original, &*brew.span_name());
        assert_eq!(other, ("_OTHER", Some("BREW"), "HTTP"));
    }
}
