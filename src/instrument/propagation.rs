//! Strict W3C Trace Context carriers over the headers of Rocket and reqwest.
//!
//! The SDK's propagator accepts fields of any length, reads one header only and writes an empty
//! `tracestate`; the carriers here hold it to <https://www.w3.org/TR/trace-context/>.

use std::borrow::Cow;

use opentelemetry::propagation::{Extractor, Injector};
use opentelemetry::trace::SpanContext;
use rocket::http::HeaderMap;

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// List members that a `tracestate` may hold (section 3.3.1.1); a longer one is discarded whole.
const MAX_TRACESTATE_MEMBERS: usize = 32;

/// A `traceparent` of version 00: `00-` + 32 + `-` + 16 + `-` + 2 characters.
const TRACEPARENT_LENGTH: usize = 55;

/// What one pass over a request's headers finds. To look a name up hashes it letter by letter,
/// which costs as much as to pass a dozen headers by.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Found<'a> {
    /// A header that a propagator reads.
    pub(crate) context: bool,
    pub(crate) user_agent: Option<&'a str>,
    /// The client asks for another protocol.
    pub(crate) upgrade: bool,
}

impl<'a> Found<'a> {
    /// `fields` are the headers that the propagator reads.
    pub(crate) fn among(headers: &'a HeaderMap<'_>, fields: &[String]) -> Self {
        let mut found = Self::default();
        for header in headers.iter() {
            let name = header.name.as_str();
            let is = |other: &str| name.eq_ignore_ascii_case(other);
            if fields.iter().any(|field| is(field)) {
                found.context = true;
            } else if is("user-agent") {
                // The map lends its values, and of several the first counts.
                if let Cow::Borrowed(value) = header.value {
                    found.user_agent = found.user_agent.or(Some(value));
                }
            } else if is("upgrade") {
                found.upgrade = true;
            }
        }
        found
    }
}

/// The context headers of a request, as far as they are valid.
pub(crate) struct RequestHeaders<'a> {
    headers: &'a HeaderMap<'a>,
    traceparent: Option<&'a str>,
    tracestate: Option<Cow<'a, str>>,
}

impl<'a> RequestHeaders<'a> {
    pub(crate) fn new(headers: &'a HeaderMap<'a>) -> Self {
        let traceparent = single(headers, TRACEPARENT).and_then(valid_traceparent);
        // Without a parent there is nothing that a state could belong to (section 3.3).
        let tracestate = traceparent.and_then(|_| joined_tracestate(headers));
        Self { headers, traceparent, tracestate }
    }
}

impl Extractor for RequestHeaders<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            TRACEPARENT => self.traceparent,
            TRACESTATE => self.tracestate.as_deref(),
            _ => self.headers.get_one(key),
        }
    }

    /// Propagators that search among names (Jaeger's `uberctx-`) are not served.
    fn keys(&self) -> Vec<&str> {
        Vec::new()
    }
}

/// The value of a header that came exactly once.
fn single<'a>(headers: &'a HeaderMap<'_>, name: &str) -> Option<&'a str> {
    let mut values = headers.get(name);
    let first = values.next()?;
    values.next().is_none().then_some(first)
}

/// The `traceparent` if every field has its length and only lower-case hex digits.
///
/// A version above 00 may have more fields behind a dash; `ff` is forbidden (section 3.2.2.1).
fn valid_traceparent(value: &str) -> Option<&str> {
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
fn joined_tracestate<'a>(headers: &'a HeaderMap<'_>) -> Option<Cow<'a, str>> {
    let mut values = headers.get(TRACESTATE);
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
        if !valid_key(key) || !valid_value(value) || keys.contains(&key) {
            return None;
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

/// `simple-key` or `tenant@system` of section 3.3.1.3.1.
fn valid_key(key: &str) -> bool {
    let part = |part: &str, most: usize, digit_first: bool| {
        let Some(first) = part.bytes().next() else {
            return false;
        };
        (first.is_ascii_lowercase() || digit_first && first.is_ascii_digit())
            && part.len() <= most
            && part
                .bytes()
                .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/'))
    };
    match key.split_once('@') {
        Some((tenant, system)) => part(tenant, 241, true) && part(system, 14, false),
        None => part(key, 256, false),
    }
}

/// Up to 256 printable ASCII characters without comma and equals sign, no space at the end.
fn valid_value(value: &str) -> bool {
    (1..=256).contains(&value.len())
        && !value.ends_with(' ')
        && value.bytes().all(|b| matches!(b, b' '..=b'~') && b != b',' && b != b'=')
}

/// Writes the context into the headers of an outgoing request; an empty value is left out.
pub(crate) struct OutgoingHeaders<'a>(pub(crate) &'a mut http::HeaderMap);

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

/// `traceresponse` of W3C Trace Context level 2: it tells a client the trace of its request.
#[must_use]
pub fn traceresponse(span: &SpanContext) -> String {
    // Every answer has one: by hand it takes a tenth of what formatting does.
    let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
    hex(&mut text[3..35], &span.trace_id().to_bytes());
    hex(&mut text[36..52], &span.span_id().to_bytes());
    hex(&mut text[53..], &[span.trace_flags().to_u8()]);
    // Digits and dashes are UTF-8.
    std::str::from_utf8(&text).unwrap_or_default().to_owned()
}

fn hex(text: &mut [u8], bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanId, TraceFlags, TraceId, TraceState};
    use rocket::http::Header;

    use super::*;

    #[test]
    fn a_traceresponse_tells_ids_and_flags_in_hex() {
        let (trace, span) = (TraceId::from(0x0af7_6519_16cd), SpanId::from(0xb7ad));
        let context = SpanContext::new(trace, span, TraceFlags::SAMPLED, false, TraceState::NONE);
        let expected = "00-000000000000000000000af7651916cd-000000000000b7ad-01";
        assert_eq!(traceresponse(&context), expected);
    }

    #[test]
    fn one_pass_finds_what_tracing_reads() {
        let fields = ["traceparent".to_owned(), "baggage".to_owned()];
        let mut headers = HeaderMap::new();
        assert!(!Found::among(&headers, &fields).context);
        headers.add(Header::new("User-Agent", "first"));
        headers.add(Header::new("user-agent", "second"));
        let found = Found::among(&headers, &fields);
        assert_eq!((found.context, found.user_agent, found.upgrade), (false, Some("first"), false));
        headers.add(Header::new("BAGGAGE", "a=1"));
        headers.add(Header::new("Upgrade", "websocket"));
        let found = Found::among(&headers, &fields);
        assert!(found.context && found.upgrade);
    }
}
