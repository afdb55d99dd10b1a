//! Strict W3C Trace Context carriers over headers.
//!
//! The SDK's propagator accepts fields of any length, reads one header only and writes an empty
//! `tracestate`; the carriers here hold it to <https://www.w3.org/TR/trace-context/>.

use std::borrow::Cow;

use opentelemetry::propagation::{Extractor, Injector};

use super::Headers;

pub const TRACEPARENT: &str = "traceparent";
pub const TRACESTATE: &str = "tracestate";
pub const BAGGAGE: &str = "baggage";

/// List members that a `tracestate` may hold (section 3.3.1.1); a longer one is discarded whole.
const MAX_TRACESTATE_MEMBERS: usize = 32;

/// A `traceparent` of version 00: `00-` + 32 + `-` + 16 + `-` + 2 characters.
const TRACEPARENT_LENGTH: usize = 55;

/// The context headers of a request, as far as they are valid.
pub struct RequestHeaders<'a, H> {
    headers: &'a H,
    traceparent: Option<&'a str>,
    tracestate: Option<Cow<'a, str>>,
    baggage: Option<Cow<'a, str>>,
}

impl<'a, H: Headers> RequestHeaders<'a, H> {
    pub fn new(headers: &'a H) -> Self {
        let traceparent = single(headers, TRACEPARENT).and_then(valid_traceparent);
        // Without a parent there is nothing that a state could belong to (section 3.3).
        let tracestate = traceparent.and_then(|_| joined_tracestate(headers));
        Self { headers, traceparent, tracestate, baggage: joined_baggage(headers) }
    }
}

impl<H: Headers> Extractor for RequestHeaders<'_, H> {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            TRACEPARENT => self.traceparent,
            TRACESTATE => self.tracestate.as_deref(),
            BAGGAGE => self.baggage.as_deref(),
            _ => self.headers.first(key),
        }
    }

    /// Propagators that search among names (Jaeger's `uberctx-`) are not served.
    fn keys(&self) -> Vec<&str> {
        Vec::new()
    }
}

/// The value of a header that came exactly once.
fn single<'a>(headers: &'a impl Headers, name: &str) -> Option<&'a str> {
    let mut values = headers.values(name);
    let first = values.next()?;
    values.next().is_none().then_some(first)
}

/// The `traceparent` if every field has its length and only lower-case hex digits.
///
/// A version above 00 may have more fields behind a dash; `ff` is forbidden (section 3.2.2.1).
pub fn valid_traceparent(value: &str) -> Option<&str> {
    let value = value.trim_matches([' ', '\t']);
    let bytes = value.as_bytes();
    let lower_hex = |range: std::ops::Range<usize>| {
        bytes[range].iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let shaped = bytes.len() >= TRACEPARENT_LENGTH
        && [2, 35, 52].iter().all(|&dash| bytes[dash] == b'-')
        && [0..2, 3..35, 36..52, 53..55].into_iter().all(lower_hex);
    if !shaped || &bytes[..2] == b"ff" {
        return None;
    }
    match bytes.get(TRACEPARENT_LENGTH) {
        None => Some(value),
        // Only the fields that version 00 defines are read of a later version.
        Some(b'-') if &bytes[..2] != b"00" => value.get(..TRACEPARENT_LENGTH),
        Some(_) => None,
    }
}

/// All `tracestate` headers as one list (RFC 9110, section 5.3), or `None` where it is invalid:
/// then the parent stands without its state (section 3.3.1).
fn joined_tracestate(headers: &impl Headers) -> Option<Cow<'_, str>> {
    let mut values = headers.values(TRACESTATE);
    let first = values.next()?;
    let joined = match values.next() {
        None => Cow::Borrowed(first),
        Some(second) => {
            let mut all = format!("{first},{second}");
            for value in values {
                all.push(',');
                all.push_str(value);
            }
            Cow::Owned(all)
        }
    };
    let mut keys: Vec<&str> = Vec::new();
    let mut members = String::new();
    for member in joined.split(',').map(|m| m.trim_matches([' ', '\t'])) {
        // Empty members are allowed, and count for nothing.
        if member.is_empty() {
            continue;
        }
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
    (!members.is_empty()).then_some(Cow::Owned(members))
}

/// All `baggage` headers as one list (W3C Baggage, section 3.2), without the members that are not of
/// printable ASCII.
///
/// Such a member has no place in a header, and the next service might read none of it.
fn joined_baggage(headers: &impl Headers) -> Option<Cow<'_, str>> {
    let sound = |text: &&str| text.bytes().all(|b| matches!(b, b'\t' | b' '..=b'~'));
    let mut values = headers.values(BAGGAGE);
    let first = values.next()?;
    let second = values.next();
    if second.is_none() && sound(&first) {
        return Some(Cow::Borrowed(first));
    }
    let all = [first].into_iter().chain(second).chain(values);
    let members: Vec<_> = all.flat_map(|value| value.split(',')).filter(sound).collect();
    Some(Cow::Owned(members.join(",")))
}

/// A key of level 2: a lower-case letter or digit, then up to 255 of these and `_-*/@`.
///
/// (The API's own type takes only one `@`, with up to 13 characters behind it: the propagator
/// keeps what that cannot hold.)
fn valid_key(key: &str) -> bool {
    let key = key.as_bytes();
    let alphanumeric = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    key.len() <= 256
        && key.first().is_some_and(alphanumeric)
        && key.iter().all(|b| alphanumeric(b) || b"_-*/@".contains(b))
}

/// Up to 256 printable ASCII characters without comma and equals sign, no space at the end.
fn valid_value(value: &str) -> bool {
    (1..=256).contains(&value.len())
        && !value.ends_with(' ')
        && value.bytes().all(|b| matches!(b, b' '..=b'~') && b != b',' && b != b'=')
}

/// Writes the context into the headers of an outgoing request; an empty value is left out.
pub struct OutgoingHeaders<'a>(pub &'a mut http::HeaderMap);

impl Injector for OutgoingHeaders<'_> {
    fn set(&mut self, key: &str, value: String) {
        if value.is_empty() {
            return;
        }
        // A propagator's own names and values are valid; another's that are not are left out.
        if let (Ok(name), Ok(value)) =
            (http::HeaderName::from_bytes(key.as_bytes()), http::HeaderValue::from_str(&value))
        {
            self.0.insert(name, value);
        }
    }
}
