//! The context of a request: continued exactly where the specifications allow it.

use std::collections::BTreeMap;

use opentelemetry::baggage::BaggageExt;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{SpanContext, TraceContextExt};
use opentelemetry::{Context, propagation::Extractor};

use super::headers::Lines;
use opentelemetry_http_semconv::Headers;
use opentelemetry_http_semconv::propagation::{
    IncomingHeaders, OutgoingHeaders, StrictBaggage, StrictTraceContext, traceresponse,
};

/// Extracts a context from headers, one a line.
pub fn extraction(data: &[u8]) {
    check(&Lines::parse(data));
}

fn check(headers: &Lines) {
    let cx = context(&IncomingHeaders::new(headers));
    let span = cx.span().span_context().clone();
    match parent(headers) {
        None => assert_eq!(span, SpanContext::empty_context(), "{headers:?}"),
        Some([trace, id, flags]) => {
            let ids = [span.trace_id().to_string(), span.span_id().to_string()];
            assert_eq!(ids, [trace, id], "{headers:?}");
            // Sampled and random: the two lowest bits.
            let known = flags.chars().last().and_then(|digit| digit.to_digit(16)).map(|d| d & 3);
            assert_eq!(Some(u32::from(span.trace_flags().to_u8())), known, "{headers:?}");
            assert!(span.is_remote());
            let answer = traceresponse(&span);
            assert_eq!(parent_of(&answer).map(|[trace, id, _]| [trace, id]), Some([trace, id]));
        }
    }
    check_propagated(headers, &cx);
    check_baggage(headers);
}

fn context(carrier: &dyn Extractor) -> Context {
    StrictTraceContext.extract_with_context(&Context::new(), carrier)
}

/// Trace, span and flags by the specification's grammar (section 3.2).
fn parent(headers: &Lines) -> Option<[&str; 3]> {
    let mut values = headers.values("traceparent");
    parent_of(values.next().filter(|_| values.next().is_none())?)
}

fn parent_of(value: &str) -> Option<[&str; 3]> {
    let mut fields = value.trim_matches([' ', '\t']).split('-');
    let mut hex = |length: usize| {
        let digits = |field: &&str| field.bytes().all(|b| b"0123456789abcdef".contains(&b));
        fields.next().filter(|field| field.len() == length).filter(digits)
    };
    let (version, trace, span, flags) = (hex(2)?, hex(32)?, hex(16)?, hex(2)?);
    let some = |id: &str| id.bytes().any(|b| b != b'0');
    let known = version != "ff" && (version != "00" || fields.next().is_none());
    (known && some(trace) && some(span)).then_some([trace, span, flags])
}

fn members(headers: &Lines) -> Option<String> {
    let mut kept: Vec<(&str, &str)> = Vec::new();
    let all = headers.values("tracestate").flat_map(|value| value.split(','));
    for member in all.map(|m| m.trim_matches([' ', '\t'])).filter(|m| !m.is_empty()) {
        let (key, value) = member.split_once('=')?;
        let key_fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let sound = !key.is_empty()
            && !value.is_empty()
            && key.len() <= 256
            && value.len() <= 256
            && key.starts_with(key_fits)
            && key.chars().all(|c| key_fits(c) || "_-*/@".contains(c))
            && value.chars().all(|c| (' '..='~').contains(&c) && c != '=');
        if !sound {
            return None;
        }
        if kept.iter().all(|(other, _)| *other != key) {
            kept.push((key, value));
        }
    }
    let members: Vec<_> = kept.iter().map(|(key, value)| format!("{key}={value}")).collect();
    (members.len() <= 32).then(|| members.join(","))
}

/// What is injected is what was extracted; of the state, all members in their order, each key once,
/// or none.
fn check_propagated(headers: &Lines, cx: &Context) {
    let mut outgoing = http::HeaderMap::new();
    StrictTraceContext.inject_context(cx, &mut OutgoingHeaders(&mut outgoing));
    let again = context(&IncomingHeaders::new(&outgoing));
    assert_eq!(again.span().span_context(), cx.span().span_context(), "{outgoing:?}");
    let state = parent(headers).and_then(|_| members(headers)).filter(|state| !state.is_empty());
    let sent = outgoing.get("tracestate").map(|value| String::from_utf8_lossy(value.as_bytes()));
    assert_eq!(sent.as_deref(), state.as_deref(), "{headers:?}");
}

/// Name to value and properties.
type Entries = BTreeMap<String, (String, String)>;

fn baggage(headers: &impl Headers) -> (Context, Entries) {
    let carrier = IncomingHeaders::new(headers);
    let cx = StrictBaggage.extract_with_context(&Context::new(), &carrier);
    let entries = cx.baggage().iter().map(|(name, (value, properties))| {
        let of_name = (value.as_str().to_owned(), properties.as_str().trim().to_owned());
        (name.as_str().to_owned(), of_name)
    });
    let entries = entries.collect();
    (cx, entries)
}

/// Baggage is bounded, several headers are one list, and what is injected is what was extracted.
fn check_baggage(headers: &Lines) {
    let (cx, entries) = baggage(headers);
    let bytes = entries.iter().map(|(name, (value, _))| name.len() + value.len());
    assert!(entries.len() <= 64 && bytes.sum::<usize>() <= 8_192, "{entries:?}");

    let list: Vec<_> = headers.values("baggage").collect();
    let one = Lines(vec![("baggage".to_owned(), list.join(","))]);
    assert_eq!(baggage(&one).1, entries, "{headers:?}");

    let mut outgoing = http::HeaderMap::new();
    StrictBaggage.inject_context(&cx, &mut OutgoingHeaders(&mut outgoing));
    // Encoded, a list may be longer than the limit: then some of it is injected.
    let propagated = baggage(&outgoing).1;
    let is_short = 4 * headers.values("baggage").map(str::len).sum::<usize>() < 8_192;
    assert!(!is_short || propagated.len() == entries.len(), "{outgoing:?} of {entries:?}");
    assert!(
        propagated.iter().all(|(name, value)| entries.get(name) == Some(value)),
        "{outgoing:?}"
    );
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Nearly a `traceparent`: valid, or with one wrong character.
    fn traceparent() -> impl Strategy<Value = String> {
        let version = prop_oneof![Just("00".to_owned()), Just("ff".to_owned()), "[0-9a-f]{2}"];
        let trace = prop_oneof![8 => "[0-9a-f]{32}", 1 => "0{32}", 1 => "[0-9a-fA-F]{31,33}"];
        let span = prop_oneof![8 => "[0-9a-f]{16}", 1 => "0{16}", 1 => "[0-9a-fA-F]{15,17}"];
        let end = prop_oneof![4 => Just(String::new()), 1 => "-[ -~]{0,8}", 1 => "[ -~\\t]{1,3}"];
        let whole = (version, trace, span, "[0-9a-f]{2}", end)
            .prop_map(|(v, t, s, f, end)| format!("{v}-{t}-{s}-{f}{end}"));
        prop_oneof![
            6 => whole.clone(),
            1 => (whole, any::<prop::sample::Index>(), any::<char>()).prop_map(|(text, at, c)| {
                let mut chars: Vec<_> = text.chars().collect();
                let at = at.index(chars.len());
                chars[at] = c;
                chars.into_iter().collect()
            }),
            1 => any::<String>(),
        ]
    }

    fn tracestate() -> impl Strategy<Value = String> {
        let key = prop_oneof![9 => "[a-d][a-z0-9_*/-]{0,3}", 1 => "[a-z0-9@A-Z ]{0,5}"];
        let value = prop_oneof![9 => "[!-+.-<>-~]{1,6}", 1 => "[ -~]{0,4}"];
        let member = (key, value, "[ \t]?").prop_map(|(k, v, space)| format!("{space}{k}={v}"));
        let about_the_limit = (30..36_usize).prop_map(|count| {
            let members: Vec<_> = (0..count).map(|number| format!("k{number}=v")).collect();
            members.join(",")
        });
        prop_oneof![
            4 => prop::collection::vec(member, 0..40).prop_map(|members| members.join(",")),
            1 => about_the_limit,
        ]
    }

    fn baggage_list() -> impl Strategy<Value = String> {
        prop_oneof![
            1 => "[a-c]=(%25|%2C|%41|[0-9]){0,5}(;p=(%25|%2C|,q=1)?)?",
            3 => "([a-c%]{1,3}=[ -~é]{0,6}(;[a-z]{1,3}(=[0-9])?)?,?){0,70}",
            1 => any::<String>(),
        ]
    }

    fn lines() -> impl Strategy<Value = Lines> {
        let some = |name: &'static str, value: BoxedStrategy<String>, most: usize| {
            let header = value.prop_map(move |value| (name.to_owned(), value));
            prop::collection::vec(header, 0..=most)
        };
        let one_parent = traceparent().prop_map(|value| vec![("Traceparent".to_owned(), value)]);
        let parents = prop_oneof![
            5 => one_parent,
            1 => some("traceparent", traceparent().boxed(), 2),
        ];
        let states = some("tracestate", tracestate().boxed(), 3);
        let baggage = some("baggage", baggage_list().boxed(), 2);
        (parents, states, baggage).prop_map(|all| Lines([all.0, all.1, all.2].concat()))
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

        #[test]
        fn a_context_is_continued_exactly_where_the_specification_allows_it(headers in lines()) {
            check(&headers);
        }
    }
}
