//! JSON or HTML: what a client's `Accept` header asks for (RFC 9110, section 12.5.1).

/// Whether the `Accept` headers of a request put HTML before JSON.
#[must_use]
pub fn wants_html<'a>(mut accept: impl Iterator<Item = &'a str>) -> bool {
    let first = accept.next();
    let rest: Vec<_> = accept.collect();
    match first {
        // Several headers are one list (RFC 9110, section 5.3).
        Some(first) if !rest.is_empty() => {
            prefers_html(Some(&format!("{first},{}", rest.join(","))))
        }
        _ => prefers_html(first),
    }
}

/// Whether `Accept` puts HTML before JSON. Without a preference it is JSON: `curl` sends `*/*`,
/// and only browsers name HTML.
#[must_use]
pub fn prefers_html(accept: Option<&str>) -> bool {
    let Some(accept) = accept else {
        return false;
    };
    quality(accept, "text", "html") > quality(accept, "application", "json")
}

/// The weight of a media type, in thousandths, by the most specific range that covers it.
fn quality(accept: &str, main: &str, sub: &str) -> u16 {
    let mut best = (0, 0);
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let Some((range_main, range_sub)) = parts.next().and_then(|r| r.split_once('/')) else {
            continue;
        };
        let specificity = match (range_main, range_sub) {
            ("*", "*") => 1,
            (m, "*") if m.eq_ignore_ascii_case(main) => 2,
            (m, s) if m.eq_ignore_ascii_case(main) && s.eq_ignore_ascii_case(sub) => 3,
            _ => continue,
        };
        let weight = parts.find_map(|p| p.strip_prefix("q=").or(p.strip_prefix("Q=")));
        // What is no number is taken as if it were not there.
        let weight = weight.and_then(|q| q.parse::<f32>().ok()).filter(|q| q.is_finite());
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
        // Rounded: 0.009 has no exact form in binary, and would come to 8 thousandths.
        let weight = (weight.unwrap_or(1.0).clamp(0.0, 1.0) * 1000.0).round() as u16;
        best = best.max((specificity, weight));
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::prefers_html;

    #[test]
    fn a_browser_gets_html() {
        let firefox = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        assert!(prefers_html(Some(firefox)));
        assert!(prefers_html(Some("TEXT/HTML")));
    }

    #[test]
    fn whoever_has_no_preference_gets_json() {
        for accept in [None, Some("*/*"), Some(""), Some("garbage;;,/"), Some("text/html;q=0")] {
            assert!(!prefers_html(accept), "{accept:?}");
        }
    }

    #[test]
    fn weights_decide_and_the_most_specific_range_counts() {
        assert!(!prefers_html(Some("text/html;q=0.5, application/json")));
        assert!(prefers_html(Some("application/json;q=0.1, text/*;q=0.2")));
        assert!(!prefers_html(Some("text/html;q=0.3, */*;q=0.9")));
        assert!(!prefers_html(Some("text/html;q=NaN, application/json;q=inf")));
    }
}
