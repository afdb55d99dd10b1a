//! A request's headers, as a text with a `name: value` on each line.

use opentelemetry_http_semconv::Headers;

/// Headers as a server has them: names in any case, values of any text.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines(pub(super) Vec<(String, String)>);

impl Lines {
    pub(super) fn parse(data: &[u8]) -> Self {
        let text = String::from_utf8_lossy(data);
        let pairs = text.lines().filter_map(|line| line.split_once(": "));
        Self(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// All headers but these.
    pub(super) fn without(&self, names: &[&str]) -> Self {
        let is_left_out = |name: &str| names.iter().any(|other| other.eq_ignore_ascii_case(name));
        Self(self.0.iter().filter(|(name, _)| !is_left_out(name)).cloned().collect())
    }
}

impl Headers for Lines {
    fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let mut found = Vec::new();
        for (other, value) in &self.0 {
            if other.eq_ignore_ascii_case(name) {
                found.push(value.as_str());
            }
        }
        found.into_iter()
    }
}
