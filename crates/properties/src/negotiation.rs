//! `Accept`: neither the order of its ranges, nor their case, nor their headers change the result.

use pages::negotiation::prefers_html;

/// Checks negotiation by `Accept` headers, one a line.
pub fn negotiation(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    check(&text.lines().collect::<Vec<_>>());
}

fn check(headers: &[&str]) {
    let html = prefers_html(headers.iter().copied());
    let list = headers.join(",");
    assert_eq!(prefers_html([&*list]), html, "several headers are one list: {headers:?}");
    let reversed: Vec<_> = list.rsplit(',').collect();
    assert_eq!(prefers_html([&*reversed.join(", ")]), html, "in any order: {headers:?}");
    assert_eq!(prefers_html([&*list.to_ascii_uppercase()]), html, "in any case: {headers:?}");

    let lower = list.to_ascii_lowercase();
    let accepts_html = ["text/html", "text/*", "*/*"].iter().any(|range| lower.contains(range));
    assert!(!html || accepts_html, "only a client that accepts HTML gets it: {headers:?}");
    let json = format!("{list},application/json");
    assert!(!prefers_html([&*json]), "JSON of full weight wins: {headers:?}");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A weight in thousandths, in one of the ways to write it.
    fn weight(thousandths: u16, short: bool) -> String {
        let whole = format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000);
        let trimmed = whole.trim_end_matches('0').trim_end_matches('.');
        if short { trimmed.to_owned() } else { whole }
    }

    fn range() -> impl Strategy<Value = String> {
        let types =
            ["text/html", "text/*", "*/*", "application/json", "application/*", "image/png"];
        let other = prop_oneof!["[a-z*/]{0,8}", ".{0,8}"];
        let name = prop_oneof![4 => prop::sample::select(Vec::from(types)).prop_map(str::to_owned), 1 => other];
        let parameter = prop_oneof![
            4 => (0..=1_000_u16, any::<bool>()).prop_map(|(q, short)| format!(";q={}", weight(q, short))),
            2 => Just(String::new()),
            1 => "[ ;]{1,2}[qQa]=[0-9.a-zA-Z+-]{0,4}",
        ];
        (name, parameter).prop_map(|(name, parameter)| name + &parameter)
    }

    /// The weight of a type by definition: that of the most specific range that covers it.
    fn by_definition(ranges: &[(usize, u16)], covering: [usize; 3]) -> u16 {
        let of = |range: &usize| ranges.iter().filter(|(r, _)| r == range).map(|(_, q)| *q).max();
        covering.iter().find_map(of).unwrap_or(0)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

        #[test]
        fn preferences_do_not_depend_on_how_they_are_written(
            headers in prop::collection::vec(prop::collection::vec(range(), 0..5), 0..3),
        ) {
            let headers: Vec<_> = headers.iter().map(|ranges| ranges.join(",")).collect();
            check(&headers.iter().map(String::as_str).collect::<Vec<_>>());
        }

        #[test]
        fn the_greater_weight_of_the_most_specific_range_wins(
            ranges in prop::collection::vec((0..5_usize, 0..=1_000_u16), 0..6),
            short: bool,
        ) {
            let names = ["text/html", "text/*", "*/*", "application/json", "application/*"];
            let text = |(name, q): &(usize, u16)| format!("{};q={}", names[*name], weight(*q, short));
            let accept = ranges.iter().map(text).collect::<Vec<_>>().join(", ");
            let [html, json] = [[0, 1, 2], [3, 4, 2]].map(|names| by_definition(&ranges, names));
            prop_assert_eq!(prefers_html([&*accept]), html > json, "{}: {} {}", accept, html, json);
        }
    }

    #[test]
    fn a_thousandth_decides() {
        for q in 1..=1_000 {
            let [more, less] = [q, q - 1].map(|q| weight(q, false));
            let accept = format!("text/html;q={more},application/json;q={less}");
            assert!(prefers_html([&*accept]), "{accept}");
        }
    }
}
