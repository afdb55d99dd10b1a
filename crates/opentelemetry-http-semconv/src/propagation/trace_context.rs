//! W3C Trace Context: `traceparent` and `tracestate`.

use std::str::FromStr;
use std::sync::OnceLock;

use opentelemetry::Context;
use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};

pub(super) const TRACEPARENT: &str = "traceparent";
pub(super) const TRACESTATE: &str = "tracestate";

/// A `traceparent` of version 00: `00-` + 32 + `-` + 16 + `-` + 2 characters.
const TRACEPARENT_LENGTH: usize = 55;

/// Members that a `tracestate` may have (section 3.3.1.1); a longer list is dropped as a whole.
const MAX_TRACESTATE_MEMBERS: usize = 32;

/// The flag of level 2 for a random trace id.
const RANDOM: u8 = 0x02;

/// Other flags than sampled and random are not propagated (section 3.2.2.5).
const KNOWN_FLAGS: u8 = 0x01 | RANDOM;

/// The propagator of W3C Trace Context, level 1 and 2.
///
/// Beside the SDK's `TraceContextPropagator` it validates each field of a `traceparent`, keeps the
/// random flag of level 2, also where the SDK does not sample, keeps every `tracestate` that the
/// specification allows, and never mixes the state of one trace with the parent of another.
/// It extracts from any carrier; one that joins several `tracestate` headers is
/// [`IncomingHeaders`](super::IncomingHeaders).
#[derive(Clone, Copy, Debug, Default)]
pub struct StrictTraceContext;

/// The part of an incoming context that a `SpanContext` loses: a valid state that the API's type
/// cannot hold, and the random flag, which the SDK drops where it does not sample.
struct CarriedContext {
    trace_id: TraceId,
    random: u8,
    state: Option<String>,
}

impl StrictTraceContext {
    fn parent(extractor: &dyn Extractor) -> Option<(SpanContext, Option<CarriedContext>)> {
        let parent = valid_traceparent(extractor.get(TRACEPARENT)?)?;
        let trace_id = TraceId::from_hex(&parent[3..35]).ok()?;
        let span_id = SpanId::from_hex(&parent[36..52]).ok()?;
        let flags = u8::from_str_radix(&parent[53..55], 16).ok()? & KNOWN_FLAGS;
        let text = extractor.get(TRACESTATE).unwrap_or_default();
        let state = TraceState::from_str(text).unwrap_or_default();
        let is_lost = !text.is_empty() && state.header().is_empty();
        let raw = if is_lost { valid_tracestate(text) } else { None };
        let random = flags & RANDOM;
        let carried = (raw.is_some() || random != 0).then_some(CarriedContext {
            trace_id,
            random,
            state: raw,
        });
        let span = SpanContext::new(trace_id, span_id, TraceFlags::new(flags), true, state);
        span.is_valid().then_some((span, carried))
    }
}

impl TextMapPropagator for StrictTraceContext {
    fn inject_context(&self, cx: &Context, injector: &mut dyn Injector) {
        let span = cx.span();
        let span = span.span_context();
        if !span.is_valid() {
            return;
        }
        let carried = cx.get::<CarriedContext>();
        let carried = carried.filter(|carried| carried.trace_id == span.trace_id());
        let random = carried.map_or(0, |carried| carried.random);
        let flags = (span.trace_flags().to_u8() | random) & KNOWN_FLAGS;
        let parent = format!("00-{}-{}-{flags:02x}", span.trace_id(), span.span_id());
        injector.set(TRACEPARENT, parent);
        let state = span.trace_state().header();
        let raw = carried.filter(|_| state.is_empty()).and_then(|carried| carried.state.clone());
        injector.set(TRACESTATE, raw.unwrap_or(state));
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        match Self::parent(extractor) {
            Some((span, Some(carried))) => cx.with_value(carried).with_remote_span_context(span),
            Some((span, None)) => cx.with_remote_span_context(span),
            None => cx.clone(),
        }
    }

    fn fields(&self) -> FieldIter<'_> {
        static FIELDS: OnceLock<[String; 2]> = OnceLock::new();
        FieldIter::new(FIELDS.get_or_init(|| [TRACEPARENT.to_owned(), TRACESTATE.to_owned()]))
    }
}

/// The `traceparent` if every field has its length and only lower-case hex digits.
///
/// A version above 00 may have more fields after a dash; `ff` is forbidden (section 3.2.2.1).
pub(super) fn valid_traceparent(value: &str) -> Option<&str> {
    let value = value.trim_matches([' ', '\t']);
    let bytes = value.as_bytes();
    let lower_hex = |range: std::ops::Range<usize>| {
        bytes[range].iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let well_formed = bytes.len() >= TRACEPARENT_LENGTH
        && [2, 35, 52].iter().all(|&dash| bytes[dash] == b'-')
        && [0..2, 3..35, 36..52, 53..55].into_iter().all(lower_hex);
    if !well_formed || &bytes[..2] == b"ff" {
        return None;
    }
    match bytes.get(TRACEPARENT_LENGTH) {
        None => Some(value),
        // Of a later version, only the fields of version 00 are read.
        Some(b'-') if &bytes[..2] != b"00" => value.get(..TRACEPARENT_LENGTH),
        Some(_) => None,
    }
}

/// The members of a `tracestate`, without white space and empty members, or `None` where one is
/// invalid: then the parent stands without its state (section 3.3.1).
pub(super) fn valid_tracestate(list: &str) -> Option<String> {
    let mut keys: Vec<&str> = Vec::new();
    let mut members = String::new();
    for member in list.split(',').map(|m| m.trim_matches([' ', '\t'])).filter(|m| !m.is_empty()) {
        let (key, value) = member.split_once('=')?;
        if !valid_key(key) || !valid_value(value) {
            return None;
        }
        // Of a key that stands twice, the first is the newer one (section 3.3.1.4).
        if keys.contains(&key) {
            continue;
        }
        keys.push(key);
        if keys.len() > MAX_TRACESTATE_MEMBERS {
            return None;
        }
        if !members.is_empty() {
            members.push(',');
        }
        members.push_str(member);
    }
    (!members.is_empty()).then_some(members)
}

/// A key of level 2: a lower-case letter or digit, then up to 255 of these and `_-*/@`.
fn valid_key(key: &str) -> bool {
    let key = key.as_bytes();
    let alphanumeric = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    key.len() <= 256
        && key.first().is_some_and(alphanumeric)
        && key.iter().all(|b| alphanumeric(b) || b"_-*/@".contains(b))
}

/// Up to 256 printable ASCII characters without comma and equals sign, and no space at the end.
fn valid_value(value: &str) -> bool {
    (1..=256).contains(&value.len())
        && !value.ends_with(' ')
        && value.bytes().all(|b| matches!(b, b' '..=b'~') && b != b',' && b != b'=')
}
