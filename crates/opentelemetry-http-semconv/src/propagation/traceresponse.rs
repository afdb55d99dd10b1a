//! The `traceresponse` header.

use opentelemetry::trace::SpanContext;

/// The value of `traceresponse`, which names the trace of a request to its client (Trace Context
/// Level 2, section 4).
#[must_use]
pub fn traceresponse(span: &SpanContext) -> String {
    // Written by hand: every response has one, and formatting costs ten times as much.
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

    use super::*;

    #[test]
    fn a_traceresponse_has_ids_and_flags_in_hex() {
        let (trace, span) = (TraceId::from(0x0af7_6519_16cd), SpanId::from(0xb7ad));
        let context = SpanContext::new(trace, span, TraceFlags::SAMPLED, false, TraceState::NONE);
        let expected = "00-000000000000000000000af7651916cd-000000000000b7ad-01";
        assert_eq!(traceresponse(&context), expected);
    }
}
