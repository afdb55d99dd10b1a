//! JSON or HTML: which of the two an `Accept` header prefers (RFC 9110, section 12.5.1).
//!
//! Rocket's `format` and its `Accept` type compare the preferred range alone, read one header of
//! several, and reject a list with one malformed range. None of the three decides as the RFC does.

/// The weight of a media type so far: how specific the range is that set it, and thousandths.
type Weight = (u8, u16);

/// Whether the `Accept` headers of a request, which form one list, prefer HTML to JSON. Equal
/// weights mean JSON: `curl` sends `*/*`, and only browsers name HTML.
#[must_use]
pub fn prefers_html<'a>(accept: impl IntoIterator<Item = &'a str>) -> bool {
    let (mut html, mut json) = (Weight::default(), Weight::default());
    for range in accept.into_iter().flat_map(|header| header.split(',')) {
        html = html.max(weight(range, "text", "html"));
        json = json.max(weight(range, "application", "json"));
    }
    html.1 > json.1
}

/// The weight that a range gives to a media type; the default if it does not cover the type.
fn weight(range: &str, main: &str, sub: &str) -> Weight {
    let mut parts = range.split(';').map(str::trim);
    let Some((range_main, range_sub)) = parts.next().and_then(|range| range.split_once('/')) else {
        return Weight::default();
    };
    let specificity = match (range_main, range_sub) {
        ("*", "*") => 1,
        (m, "*") if m.eq_ignore_ascii_case(main) => 2,
        (m, s) if m.eq_ignore_ascii_case(main) && s.eq_ignore_ascii_case(sub) => 3,
        _ => return Weight::default(),
    };
    let q = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
    // An invalid weight counts as absent.
    let q = q.and_then(|q| q.parse::<f32>().ok()).filter(|q| q.is_finite()).unwrap_or(1.0);
    // Rounded: 0.009 has no exact form in binary, and would become 8 thousandths.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    let thousandths = (q.clamp(0.0, 1.0) * 1000.0).round() as u16;
    (specificity, thousandths)
}

#[cfg(test)]
mod tests {
    use super::prefers_html;

    #[test]
    fn a_browser_gets_html() {
        let firefox = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        assert!(prefers_html([firefox]));
        assert!(prefers_html(["TEXT/HTML"]));
    }

    #[test]
    fn a_client_without_a_preference_gets_json() {
        assert!(!prefers_html([]));
        for accept in [
            "*/*",
            "application/json",
            "application/*",
            "text/plain",
            "text/html;q=0",
            "text/html;q=0.9, */*;q=0.9",
            "",
            "garbage;;,/",
            "no media type at all",
        ] {
            assert!(!prefers_html([accept]), "{accept:?}");
        }
    }

    #[test]
    fn the_weight_of_the_most_specific_range_decides() {
        assert!(!prefers_html(["text/html;q=0.5, application/json"]));
        assert!(prefers_html(["application/json;q=0.1, text/*;q=0.2"]));
        assert!(prefers_html(["TEXT/HTML;q=0.2, application/json;q=0.1"]));
        assert!(!prefers_html(["text/html;q=0.3, */*;q=0.9"]));
        assert!(!prefers_html(["text/html;q=NaN, application/json;q=inf"]));
    }

    #[test]
    fn several_headers_are_one_list() {
        assert!(prefers_html(["application/json;q=0.1", "text/html;q=0.2"]));
        assert!(!prefers_html(["text/html;q=0.2", "application/json"]));
    }
}
