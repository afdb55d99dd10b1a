//! W3C Baggage.

use std::borrow::Cow;
use std::sync::OnceLock;

use opentelemetry::Context;
use opentelemetry::baggage::{BaggageExt, KeyValueMetadata};
use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

pub(super) const BAGGAGE: &str = "baggage";

/// The longest list, in bytes, that is extracted or injected (section 3.3.2).
pub(super) const MAX_BYTES: usize = 8_192;

/// The characters of a value that are percent-encoded (section 3.3.1).
const IN_VALUES: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b',').add(b';').add(b'\\').add(b'%');

/// Properties stay as they are; only what would end them, or the header, is encoded.
const IN_PROPERTIES: &AsciiSet = &CONTROLS.remove(b'\t').add(b',');

/// The propagator of W3C Baggage.
///
/// Beside the SDK's `BaggagePropagator` it leaves the properties of an entry as they are, so a
/// `%2C` in one does not become an entry of its own downstream, and ignores a list longer than
/// 8,192 bytes. Injected, entries that do not fit into that length are left out.
#[derive(Clone, Copy, Debug, Default)]
pub struct StrictBaggage;

/// An entry of the list: `name=value;properties`, the value percent-decoded.
fn entry(member: &str) -> Option<KeyValueMetadata> {
    let (pair, properties) = member.split_once(';').unwrap_or((member, ""));
    let (name, value) = pair.split_once('=')?;
    let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
    Some(KeyValueMetadata::new(name.trim().to_owned(), value.into_owned(), properties.trim()))
}

impl TextMapPropagator for StrictBaggage {
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
            // Encoding can make the list longer than the next service reads.
            if list.len() + 1 + member.len() <= MAX_BYTES {
                if !list.is_empty() {
                    list.push(',');
                }
                list.push_str(&member);
            }
        }
        injector.set(BAGGAGE, list);
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        match extractor.get(BAGGAGE).filter(|list| list.len() <= MAX_BYTES) {
            Some(list) => cx.with_baggage(list.split(',').filter_map(entry)),
            None => cx.clone(),
        }
    }

    fn fields(&self) -> FieldIter<'_> {
        static FIELDS: OnceLock<[String; 1]> = OnceLock::new();
        FieldIter::new(FIELDS.get_or_init(|| [BAGGAGE.to_owned()]))
    }
}

/// The members of a list that are printable ASCII. Others are not valid in a header, and could
/// make the next service ignore all of it.
pub(super) fn valid_members(list: Cow<'_, str>) -> Cow<'_, str> {
    let is_valid = |text: &&str| text.bytes().all(|b| matches!(b, b'\t' | b' '..=b'~'));
    if is_valid(&&*list) {
        return list;
    }
    list.split(',').filter(is_valid).collect::<Vec<_>>().join(",").into()
}
