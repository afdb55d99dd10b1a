//! The propagators of W3C Trace Context and W3C Baggage, read from a strict carrier.
//!
//! The SDK's own hand on less than came, or more: they drop the random flag, know no key with two
//! at signs, and write properties of baggage that they have decoded, so that a `%2C` in one makes
//! an entry of its own for the next service.

use std::str::FromStr;
use std::sync::OnceLock;

use opentelemetry::Context;
use opentelemetry::baggage::{BaggageExt, KeyValueMetadata};
use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use super::propagation::{BAGGAGE, TRACEPARENT, TRACESTATE, valid_traceparent};

/// The flag of level 2 that says that the trace's id is random.
const RANDOM: u8 = 0x02;

/// Beside sampled, other flags have no meaning to hand on.
const KNOWN_FLAGS: u8 = 0x01 | RANDOM;

/// W3C Trace Context. It relies on a carrier that gives a `tracestate` only where it is valid.
#[derive(Debug)]
pub struct TraceContext;

/// What came with a trace and would be lost: a valid state that the API's type cannot hold, and the
/// random flag, which the SDK drops where it does not sample.
struct Came {
    trace_id: TraceId,
    random: u8,
    state: Option<String>,
}

impl TraceContext {
    fn parent(extractor: &dyn Extractor) -> Option<(SpanContext, Option<Came>)> {
        let parent = valid_traceparent(extractor.get(TRACEPARENT)?)?;
        let trace_id = TraceId::from_hex(&parent[3..35]).ok()?;
        let span_id = SpanId::from_hex(&parent[36..52]).ok()?;
        let flags = u8::from_str_radix(&parent[53..55], 16).ok()? & KNOWN_FLAGS;
        let text = extractor.get(TRACESTATE).unwrap_or_default();
        let state = TraceState::from_str(text).unwrap_or_default();
        let is_lost = !text.is_empty() && state.header().is_empty();
        let raw = is_lost.then(|| text.to_owned());
        let random = flags & RANDOM;
        let came = (is_lost || random != 0).then_some(Came { trace_id, random, state: raw });
        let span = SpanContext::new(trace_id, span_id, TraceFlags::new(flags), true, state);
        span.is_valid().then_some((span, came))
    }
}

impl TextMapPropagator for TraceContext {
    fn inject_context(&self, cx: &Context, injector: &mut dyn Injector) {
        let span = cx.span();
        let span = span.span_context();
        if !span.is_valid() {
            return;
        }
        let came = cx.get::<Came>().filter(|came| came.trace_id == span.trace_id());
        let random = came.map_or(0, |came| came.random);
        let flags = (span.trace_flags().to_u8() | random) & KNOWN_FLAGS;
        let parent = format!("00-{}-{}-{flags:02x}", span.trace_id(), span.span_id());
        injector.set(TRACEPARENT, parent);
        let state = span.trace_state().header();
        let raw = came.filter(|_| state.is_empty()).and_then(|came| came.state.clone());
        injector.set(TRACESTATE, raw.unwrap_or(state));
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        match Self::parent(extractor) {
            Some((span, Some(came))) => cx.with_value(came).with_remote_span_context(span),
            Some((span, None)) => cx.with_remote_span_context(span),
            None => cx.clone(),
        }
    }

    fn fields(&self) -> FieldIter<'_> {
        static FIELDS: OnceLock<[String; 2]> = OnceLock::new();
        FieldIter::new(FIELDS.get_or_init(|| [TRACEPARENT.to_owned(), TRACESTATE.to_owned()]))
    }
}

/// What a value is encoded for (W3C Baggage, section 3.3.1), and the sign of encoding itself.
const IN_VALUES: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b',').add(b';').add(b'\\').add(b'%');

/// Properties stay as they came; only what would end them, or the header, is encoded.
const IN_PROPERTIES: &AsciiSet = &CONTROLS.remove(b'\t').add(b',');

/// The longest list that is read, and written, in bytes (section 3.3.2).
const MAX_BAGGAGE: usize = 8_192;

/// W3C Baggage.
#[derive(Debug)]
pub struct Baggage;

fn entry(member: &str) -> Option<KeyValueMetadata> {
    let (pair, properties) = member.split_once(';').unwrap_or((member, ""));
    let (name, value) = pair.split_once('=')?;
    let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
    Some(KeyValueMetadata::new(name.trim().to_owned(), value.into_owned(), properties.trim()))
}

impl TextMapPropagator for Baggage {
    fn inject_context(&self, cx: &Context, injector: &mut dyn Injector) {
        let mut list = String::new();
        for (name, (value, properties)) in cx.baggage() {
            let value = utf8_percent_encode(value.as_str(), IN_VALUES);
            let properties = utf8_percent_encode(properties.as_str().trim(), IN_PROPERTIES);
            let mut member = format!("{}={value}", name.as_str());
            let separator = member.len();
            member.extend(properties);
            if member.len() > separator {
                member.insert(separator, ';');
            }
            // Encoded it can be longer than the next service reads; some of it is more than none.
            if list.len() + 1 + member.len() <= MAX_BAGGAGE {
                if !list.is_empty() {
                    list.push(',');
                }
                list.push_str(&member);
            }
        }
        injector.set(BAGGAGE, list);
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        match extractor.get(BAGGAGE).filter(|list| list.len() <= MAX_BAGGAGE) {
            Some(list) => cx.with_baggage(list.split(',').filter_map(entry)),
            None => cx.clone(),
        }
    }

    fn fields(&self) -> FieldIter<'_> {
        static FIELDS: OnceLock<[String; 1]> = OnceLock::new();
        FieldIter::new(FIELDS.get_or_init(|| [BAGGAGE.to_owned()]))
    }
}

#[cfg(test)]
mod tests {
    use super::super::propagation::{OutgoingHeaders, RequestHeaders};
    use super::*;

    /// What a request goes on with, of the headers that it came with.
    fn handed_on(headers: &[(&'static str, &str)]) -> http::HeaderMap {
        let incoming = headers.iter().map(|(name, value)| {
            (http::HeaderName::from_static(name), value.parse().expect("a header's value"))
        });
        let incoming: http::HeaderMap = incoming.collect();
        let carrier = RequestHeaders::new(&incoming);
        let cx = TraceContext.extract_with_context(&Context::new(), &carrier);
        let cx = Baggage.extract_with_context(&cx, &carrier);
        let mut outgoing = http::HeaderMap::new();
        TraceContext.inject_context(&cx, &mut OutgoingHeaders(&mut outgoing));
        Baggage.inject_context(&cx, &mut OutgoingHeaders(&mut outgoing));
        outgoing
    }

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-";

    #[test]
    fn the_random_flag_is_handed_on_and_flags_without_a_meaning_are_not() {
        for (came, goes) in [("00", "00"), ("01", "01"), ("02", "02"), ("03", "03"), ("fe", "02")] {
            let headers = handed_on(&[("traceparent", &format!("{PARENT}{came}"))]);
            assert_eq!(headers["traceparent"], format!("{PARENT}{goes}"));
        }
    }

    #[test]
    fn the_random_flag_outlives_a_span_that_is_not_sampled() {
        use opentelemetry::trace::{Tracer, TracerProvider};
        use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
        let provider = SdkTracerProvider::builder().with_sampler(Sampler::AlwaysOff).build();
        let mut incoming = http::HeaderMap::new();
        incoming.insert("traceparent", format!("{PARENT}02").parse().expect("a value"));
        let cx =
            TraceContext.extract_with_context(&Context::new(), &RequestHeaders::new(&incoming));
        let span = provider.tracer("not sampled").start_with_context("child", &cx);
        let mut outgoing = http::HeaderMap::new();
        TraceContext.inject_context(&cx.with_span(span), &mut OutgoingHeaders(&mut outgoing));
        let parent = outgoing["traceparent"].to_str().expect("text");
        assert!(parent.starts_with(&PARENT[..36]) && parent.ends_with("-02"), "{parent}");
    }

    fn state_of(state: &str) -> Option<String> {
        let parent = format!("{PARENT}01");
        let headers = handed_on(&[("traceparent", &parent), ("tracestate", state)]);
        headers.get("tracestate").map(|state| state.to_str().expect("text").to_owned())
    }

    #[test]
    fn keys_with_at_signs_are_handed_on_wherever_these_stand() {
        let tenant = format!("{}@{}=1,bar=2", "t".repeat(241), "v".repeat(14));
        for state in ["foo@=1,bar=2", "foo@@bar=1", "foo@bar@baz=1,bar=2", &tenant] {
            assert_eq!(state_of(state).as_deref(), Some(state));
        }
        assert_eq!(state_of("@foo=1,bar=2"), None);
    }

    #[test]
    fn a_state_far_beyond_512_characters_is_handed_on_whole() {
        for length in [4, 200] {
            let members: Vec<_> = (0..32).map(|n| format!("k{n}={n:0>length$}")).collect();
            let state = members.join(",");
            assert_eq!(state_of(&state), Some(state.clone()), "{}", state.len());
        }
    }

    #[test]
    fn a_state_is_of_its_own_trace_alone() {
        let headers = [("traceparent", format!("{PARENT}01")), ("tracestate", "a@@b=1".to_owned())];
        let headers = headers.iter().map(|(name, value)| {
            (http::HeaderName::from_static(name), value.parse().expect("a header's value"))
        });
        let incoming: http::HeaderMap = headers.collect();
        let carrier = RequestHeaders::new(&incoming);
        let cx = TraceContext.extract_with_context(&Context::new(), &carrier);
        let other = SpanContext::new(
            TraceId::from(1),
            SpanId::from(1),
            TraceFlags::SAMPLED,
            false,
            TraceState::default(),
        );
        let mut outgoing = http::HeaderMap::new();
        let cx = cx.with_remote_span_context(other);
        TraceContext.inject_context(&cx, &mut OutgoingHeaders(&mut outgoing));
        assert!(outgoing.contains_key("traceparent") && !outgoing.contains_key("tracestate"));
    }

    #[test]
    fn an_encoded_comma_in_baggage_makes_no_entry_of_its_own() {
        for list in ["a=1;p=%2Crole%3Dadmin", "a=1%2Crole=admin", "a=%2541", "a=x=y;p", "a=%C3%A9"]
        {
            assert_eq!(handed_on(&[("baggage", list)])["baggage"], list);
        }
        assert!(handed_on(&[("baggage", "no pair")]).is_empty());
    }

    #[test]
    fn baggage_is_bounded_in_entries_and_bytes() {
        let count = |list: &str| {
            let headers = handed_on(&[("baggage", list)]);
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
        // What is read is written longer: as much as fits.
        let long = handed_on(&[("baggage", &entries(4, &"\\".repeat(1_500)))]);
        assert!((1..=MAX_BAGGAGE).contains(&long["baggage"].len()), "{}", long["baggage"].len());
    }
}
