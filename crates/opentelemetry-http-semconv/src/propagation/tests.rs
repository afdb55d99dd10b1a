//! What goes in and what comes out, rule by rule. The SDK's propagator reads the same carrier, so
//! each rule of the carrier holds for it too.

use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer, TracerProvider,
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};

use super::baggage::MAX_BYTES;
use super::*;
use crate::headers::Headers;

const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT_ID: &str = "b7ad6b7169203331";
const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Headers of any text, as some servers have them.
struct Pairs<'h>(&'h [(&'h str, &'h str)]);

impl Headers for Pairs<'_> {
    fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let name = name.to_owned();
        let same = move |other: &str| other.eq_ignore_ascii_case(&name);
        self.0.iter().filter(move |(other, _)| same(other)).map(|(_, value)| *value)
    }
}

fn extract(headers: &[(&str, &str)]) -> Context {
    let headers = Pairs(headers);
    let carrier = IncomingHeaders::new(&headers);
    let cx = StrictTraceContext.extract_with_context(&Context::new(), &carrier);
    StrictBaggage.extract_with_context(&cx, &carrier)
}

fn inject(cx: &Context) -> http::HeaderMap {
    let mut outgoing = http::HeaderMap::new();
    StrictTraceContext.inject_context(cx, &mut OutgoingHeaders(&mut outgoing));
    StrictBaggage.inject_context(cx, &mut OutgoingHeaders(&mut outgoing));
    outgoing
}

/// What a service propagates of these headers.
fn propagated(headers: &[(&str, &str)]) -> http::HeaderMap {
    inject(&extract(headers))
}

/// The parent in these headers, on which both propagators agree.
fn parent(headers: &[(&str, &str)]) -> SpanContext {
    let strict = extract(headers).span().span_context().clone();
    let pairs = Pairs(headers);
    let sdk = TraceContextPropagator::new().extract(&IncomingHeaders::new(&pairs));
    let sdk = sdk.span().span_context().clone();
    let fields = |span: &SpanContext| {
        let state = span.trace_state().header();
        (span.trace_id(), span.span_id(), span.is_sampled(), state)
    };
    assert_eq!(fields(&strict), fields(&sdk), "{headers:?}");
    strict
}

/// The state that both propagators read from these `tracestate` headers beside a valid parent.
fn state(values: &[&str]) -> String {
    let mut headers = vec![("traceparent", TRACEPARENT)];
    headers.extend(values.iter().map(|value| ("tracestate", *value)));
    let parent = parent(&headers);
    assert_eq!(parent.trace_id().to_string(), TRACE_ID, "the parent stands: {values:?}");
    parent.trace_state().header()
}

#[test]
fn a_valid_parent_is_remote_and_has_the_ids_of_its_header() {
    let padded = format!("\t {TRACEPARENT} \t");
    for (name, value) in [("traceparent", TRACEPARENT), ("TraceParent", &padded)] {
        let parent = parent(&[(name, value)]);
        let ids = (parent.trace_id().to_string(), parent.span_id().to_string());
        assert_eq!(ids, (TRACE_ID.to_owned(), PARENT_ID.to_owned()));
        assert!(parent.is_remote() && parent.is_sampled());
    }
}

#[test]
fn a_malformed_parent_is_ignored_together_with_its_state() {
    for traceparent in [
        "",
        "-",
        "garbage",
        // Short and long fields.
        "00-1-1-01",
        "0-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
        "00-0af7651916cd43dd8448eb211c80319c0-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b71692033310-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-010",
        // Missing fields.
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-",
        // Upper case and other characters than hex digits.
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-B7AD6B7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0A",
        "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333x-01",
        "0x-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-+1",
        // Ids of nothing but zeros.
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        // The forbidden version, and more fields than version 00 has.
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "FF-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01what",
        "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01what",
        // Other dashes, and dashes in other places.
        "00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01",
        "00-0af7651916cd43dd8448eb211c80319-cb7ad6b7169203331-01",
        "00 0af7651916cd43dd8448eb211c80319c b7ad6b7169203331 01",
        "00–0af7651916cd43dd8448eb211c80319c–b7ad6b7169203331–01",
        // Two in one.
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01,00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ] {
        let parent = parent(&[("traceparent", traceparent), ("tracestate", "a=1")]);
        assert_eq!(parent, SpanContext::empty_context(), "{traceparent:?}");
    }
}

#[test]
fn several_parents_are_ignored() {
    for second in [TRACEPARENT, "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01", ""] {
        let parent = parent(&[("traceparent", TRACEPARENT), ("Traceparent", second)]);
        assert_eq!(parent, SpanContext::empty_context(), "{second:?}");
    }
}

#[test]
fn a_parent_of_a_later_version_is_read_as_version_00() {
    for later in [
        "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
        "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-the-future-will-be-like",
        "fe-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-.",
    ] {
        let headers = [("traceparent", later)];
        assert_eq!(parent(&headers).span_id().to_string(), PARENT_ID, "{later}");
        assert_eq!(propagated(&headers)["traceparent"], TRACEPARENT, "{later}");
    }
}

#[test]
fn only_the_sampled_and_the_random_flag_are_propagated() {
    for (incoming, outgoing) in
        [("00", "00"), ("01", "01"), ("02", "02"), ("03", "03"), ("fe", "02"), ("ff", "03")]
    {
        let parent = &TRACEPARENT[..53];
        let headers = propagated(&[("traceparent", &format!("{parent}{incoming}"))]);
        assert_eq!(headers["traceparent"], format!("{parent}{outgoing}"));
    }
}

#[test]
fn the_random_flag_outlives_a_span_that_is_not_sampled() {
    let provider = SdkTracerProvider::builder().with_sampler(Sampler::AlwaysOff).build();
    let cx = extract(&[("traceparent", &format!("{}02", &TRACEPARENT[..53]))]);
    let span = provider.tracer("not sampled").start_with_context("child", &cx);
    let outgoing = inject(&cx.with_span(span));
    let parent = outgoing["traceparent"].to_str().expect("text");
    assert!(parent.starts_with(&TRACEPARENT[..36]) && parent.ends_with("-02"), "{parent}");
}

#[test]
fn members_of_a_state_keep_their_order_over_several_headers() {
    let long_key = format!("{}=1", "k".repeat(256));
    let tenant = format!("{}@{}=1", "1".repeat(241), "s".repeat(13));
    let long_value = format!("a={}", "v".repeat(256));
    let punctuation = "a=1 2,b=!\"#$%&'()*+-./:;<>?@[\\]^_`{|}~";
    for whole in [
        "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
        // Keys of every allowed kind.
        "a=1",
        "a_-*/9=1",
        "1a=1",
        "0tenant@system=1",
        "fw529a3039@dt=1",
        &long_key,
        &tenant,
        // Values: every allowed character, up to 256; spaces, but not at the end.
        &long_value,
        punctuation,
    ] {
        assert_eq!(state(&[whole]), whole);
    }
    assert_eq!(state(&["a=1", "b=2,c=3", "d=4"]), "a=1,b=2,c=3,d=4");
    // Of a key that stands twice, the first.
    assert_eq!(state(&["a=1,b=2,a=3"]), "a=1,b=2");
    assert_eq!(state(&["a=1,b=2", "a=1,c=3"]), "a=1,b=2,c=3");
}

#[test]
fn white_space_around_members_and_empty_members_are_left_out() {
    assert_eq!(state(&[" a=1 ,\tb=2\t, ,,c=3,", "", "d=4 "]), "a=1,b=2,c=3,d=4");
    for nothing in [&[""][..], &[",,, ,"], &["", ""], &[]] {
        assert_eq!(state(nothing), "", "{nothing:?}");
    }
}

#[test]
fn a_state_of_more_than_32_members_is_dropped_whole() {
    let list = |count: usize| {
        let members: Vec<_> = (0..count).map(|n| format!("k{n}={n}")).collect();
        members.join(",")
    };
    assert_eq!(state(&[&list(32)]), list(32));
    assert_eq!(state(&[&list(33)]), "");
    assert_eq!(state(&[&list(500)]), "");
    assert_eq!(state(&[&list(32), "one=more"]), "", "over several headers too");
}

#[test]
fn one_invalid_member_drops_the_whole_state() {
    let long_key = format!("{}=1", "k".repeat(257));
    let long_value = format!("a={}", "v".repeat(257));
    let long_system = format!("t@{}=1", "s".repeat(15));
    // Level 2 allows these keys; the API's type cannot hold them. `StrictTraceContext` propagates
    // them all the same, see below.
    let of_level_2 = ["a@b@c=1", &long_system];
    let invalid = [
        // Keys.
        "=1",
        "A=1",
        "a b=1",
        " =1",
        "a\u{e9}=1",
        "a.b=1",
        "@a=1",
        "_a=1",
        &long_key,
        // Values.
        "a",
        "a=",
        "a=1=2",
        "a=\u{e9}",
        "a=\u{7f}",
        &long_value,
    ];
    for member in of_level_2.into_iter().chain(invalid) {
        assert_eq!(state(&[&format!("good=1,{member},fine=2")]), "", "{member:?}");
        assert_eq!(state(&["good=1", member]), "", "{member:?} in a header of its own");
    }
    for member in invalid {
        let headers = [("traceparent", TRACEPARENT), ("tracestate", &format!("a@@b=1,{member}"))];
        assert!(!propagated(&headers).contains_key("tracestate"), "{member:?}");
    }
}

#[test]
fn a_state_that_the_api_cannot_hold_is_propagated_whole() {
    let tenant = format!("{}@{}=1,bar=2", "t".repeat(241), "v".repeat(14));
    let many = |length: usize| {
        let members: Vec<_> = (0..32).map(|n| format!("k{n}={n:0>length$}")).collect();
        members.join(",")
    };
    let (short, beyond_512_characters) = (many(4), many(200));
    for state in [
        "foo@=1,bar=2",
        "foo@@bar=1",
        "foo@bar@baz=1,bar=2",
        &tenant,
        &short,
        &beyond_512_characters,
    ] {
        let outgoing = propagated(&[("traceparent", TRACEPARENT), ("tracestate", state)]);
        assert_eq!(outgoing["tracestate"], state);
    }
}

#[test]
fn a_propagator_validates_what_a_carrier_does_not() {
    let carrier = std::collections::HashMap::from([
        ("traceparent".to_owned(), TRACEPARENT.to_owned()),
        ("tracestate".to_owned(), "a@@b=1,A=1".to_owned()),
    ]);
    let cx = StrictTraceContext.extract(&carrier);
    assert_eq!(cx.span().span_context().trace_id().to_string(), TRACE_ID);
    assert!(!inject(&cx).contains_key("tracestate"));
}

#[test]
fn a_state_is_not_propagated_with_the_parent_of_another_trace() {
    let cx = extract(&[("traceparent", TRACEPARENT), ("tracestate", "a@@b=1")]);
    let (trace, span) = (TraceId::from(1), SpanId::from(1));
    let other = SpanContext::new(trace, span, TraceFlags::SAMPLED, false, TraceState::NONE);
    let outgoing = inject(&cx.with_remote_span_context(other));
    assert!(outgoing.contains_key("traceparent") && !outgoing.contains_key("tracestate"));
}

#[test]
fn an_encoded_comma_in_baggage_does_not_become_an_entry() {
    for list in ["a=1;p=%2Crole%3Dadmin", "a=1%2Crole=admin", "a=%2541", "a=x=y;p", "a=%C3%A9"] {
        assert_eq!(propagated(&[("baggage", list)])["baggage"], list);
    }
    assert!(propagated(&[("baggage", "no pair")]).is_empty());
}

#[test]
fn baggage_is_bounded_in_entries_and_bytes() {
    let count = |list: &str| {
        let headers = propagated(&[("baggage", list)]);
        let list = headers.get("baggage").map(|list| list.to_str().expect("text").to_owned());
        list.map_or(0, |list| list.split(',').count())
    };
    let entries = |count: usize, value: &str| {
        let entries: Vec<_> = (0..count).map(|n| format!("k{n}={value}")).collect();
        entries.join(",")
    };
    assert_eq!([count(&entries(64, "v")), count(&entries(65, "v"))], [64, 64]);
    assert_eq!(count(&entries(4, &"v".repeat(2_000))), 4);
    assert_eq!(count(&entries(5, &"v".repeat(2_000))), 0);
    // Encoding makes this list longer than the limit: as many entries as fit are propagated.
    let long = propagated(&[("baggage", &entries(4, &"\\".repeat(1_500)))]);
    assert!((1..=MAX_BYTES).contains(&long["baggage"].len()), "{}", long["baggage"].len());
}
