//! The fields on the way to a span's attributes, and nothing else of protobuf.

use bytes::Buf;

/// How many spans an `ExportTraceServiceRequest` has, and the attributes of its first.
pub(crate) fn count(request: &[u8]) -> (u64, u64) {
    let mut all = spans(request).peekable();
    let attributes = all.peek().map_or(0, |span| fields(span, 9).count() as u64);
    (all.count() as u64, attributes)
}

/// The spans of an `ExportTraceServiceRequest`.
pub(crate) fn spans(request: &[u8]) -> impl Iterator<Item = &[u8]> {
    let scopes = fields(request, 1).flat_map(|resource| fields(resource, 2));
    scopes.flat_map(|scope| fields(scope, 2))
}

/// The length-delimited fields of this number in a protobuf message.
pub(crate) fn fields(mut message: &[u8], number: u64) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        while !message.is_empty() {
            let key = varint(&mut message);
            match key & 7 {
                0 => _ = varint(&mut message),
                1 => message.advance(8.min(message.len())),
                5 => message.advance(4.min(message.len())),
                _ => {
                    let length = (varint(&mut message) as usize).min(message.len());
                    let (field, rest) = message.split_at(length);
                    message = rest;
                    if key >> 3 == number {
                        return Some(field);
                    }
                }
            }
        }
        None
    })
}

fn varint(message: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let Some((byte, rest)) = message.split_first() else { break };
        *message = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    value
}
