//! Where a request came from and what it asked for, as a server span tells it.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use opentelemetry::trace::{SpanBuilder, SpanKind};
use opentelemetry::{Array, Key, KeyValue, StringValue, Value};
use opentelemetry_semantic_conventions::attribute as semconv;

use super::Headers;
use super::attributes::redact_query;
use super::forwarded::{forwarded_client, forwarded_parameter};

/// A request as its server received it.
pub struct Incoming<'r> {
    /// `http` or `https`.
    pub scheme: &'static str,
    /// What it calls the server: a name or an address, and a port.
    pub host: Option<(&'r str, Option<u16>)>,
    /// What counts where it does not say: the address that the server listens on.
    pub local: Option<(IpAddr, u16)>,
    /// Who is at the other end of the connection, where the server knows.
    pub peer: Option<SocketAddr>,
    pub path: &'r str,
    pub query: Option<&'r str>,
    pub user_agent: Option<&'r str>,
}

/// The most that a request's span usually has: 11 at the start, 3 more at the end.
const MOST_ATTRIBUTES: usize = 14;

/// The same request, with its forwarded headers believed or not.
pub struct Origin<'r> {
    pub request: Incoming<'r>,
    client: Option<IpAddr>,
}

impl<'r> Origin<'r> {
    pub fn of(request: Incoming<'r>, headers: &'r impl Headers, trust_forwarded: bool) -> Self {
        let client = request.peer.map(|peer| peer.ip());
        let mut origin = Origin { request, client };
        if trust_forwarded {
            origin.believe(headers);
        }
        origin
    }

    fn believe(&mut self, headers: &'r impl Headers) {
        let forwarded = headers.first("Forwarded");
        let parameter = |name: &str, header: &str| match forwarded {
            Some(value) => forwarded_parameter(value, name),
            None => headers.first(header).and_then(|v| v.split(',').next()).map(str::trim),
        };
        match parameter("proto", "X-Forwarded-Proto") {
            Some(proto) if proto.eq_ignore_ascii_case("https") => self.request.scheme = "https",
            Some(proto) if proto.eq_ignore_ascii_case("http") => self.request.scheme = "http",
            _ => {}
        }
        if let Some(host) = parameter("host", "X-Forwarded-Host").filter(|h| !h.is_empty()) {
            self.request.host = Some(host_and_port(host));
        }
        let client = forwarded_client(forwarded, headers.first("X-Forwarded-For"));
        self.client = client.or(self.client);
    }

    /// The request's span, about to start, with all that the conventions want at its creation, so
    /// that samplers see it.
    pub fn span(
        &self,
        named: &Named<'_>,
        headers: &impl Headers,
        captured: &[CapturedHeader],
    ) -> SpanBuilder {
        let mut attributes = Vec::with_capacity(MOST_ATTRIBUTES);
        self.describe(named, headers, captured, &mut |attribute| attributes.push(attribute));
        named.span().with_attributes(attributes)
    }

    /// Adds the attributes of the request's span.
    pub fn describe(
        &self,
        Named { method, original }: &Named<'_>,
        headers: &impl Headers,
        captured: &[CapturedHeader],
        add: &mut dyn FnMut(KeyValue),
    ) {
        self.attributes(method.clone().into(), add);
        if let Some(original) = original {
            let original = (*original).to_owned();
            add(KeyValue::new(semconv::HTTP_REQUEST_METHOD_ORIGINAL, original));
        }
        captured.iter().filter_map(|header| header.attribute(headers)).for_each(add);
    }

    fn attributes(&self, method: Value, add: &mut dyn FnMut(KeyValue)) {
        let mut add = |key: &'static str, value: Value| add(KeyValue::new(key, value));
        let request = &self.request;
        add(semconv::HTTP_REQUEST_METHOD, method);
        add(semconv::URL_PATH, shared(request.path));
        add(semconv::URL_SCHEME, request.scheme.into());
        if let Some(query) = request.query {
            add(semconv::URL_QUERY, shared(&redact_query(query)));
        }
        if let Some((name, port)) = request.host {
            let port = port.unwrap_or(if request.scheme == "https" { 443 } else { 80 });
            add(semconv::SERVER_ADDRESS, shared(name.trim_matches(['[', ']'])));
            add(semconv::SERVER_PORT, i64::from(port).into());
        } else if let Some((address, port)) = request.local {
            add(semconv::SERVER_ADDRESS, Value::String(shared_text(address)));
            add(semconv::SERVER_PORT, i64::from(port).into());
        }
        if let Some(peer) = request.peer {
            let address = shared_text(peer.ip());
            let client = match self.client {
                Some(client) if client != peer.ip() => Value::String(shared_text(client)),
                _ => Value::String(address.clone()),
            };
            add(semconv::CLIENT_ADDRESS, client);
            add(semconv::NETWORK_PEER_ADDRESS, Value::String(address));
            add(semconv::NETWORK_PEER_PORT, i64::from(peer.port()).into());
        } else if let Some(client) = self.client {
            add(semconv::CLIENT_ADDRESS, Value::String(shared_text(client)));
        }
        if let Some(agent) = request.user_agent {
            add(semconv::USER_AGENT_ORIGINAL, shared(agent));
        }
    }
}

/// A method as telemetry names it: known, or `_OTHER` with what it was, where that is known.
pub struct Named<'a> {
    pub method: Cow<'static, str>,
    pub original: Option<&'a str>,
}

impl Named<'_> {
    /// A server span of this method, with no attributes yet.
    pub fn span(&self) -> SpanBuilder {
        let other = self.original.is_some() || self.method == "_OTHER";
        let name = if other { "HTTP".into() } else { self.method.clone() };
        SpanBuilder::from_name(name).with_kind(SpanKind::Server)
    }
}

/// A header that spans tell, and the attribute that tells it.
#[derive(Clone, Debug)]
pub struct CapturedHeader {
    name: String,
    attribute: Key,
}

impl CapturedHeader {
    pub fn attribute(&self, headers: &impl Headers) -> Option<KeyValue> {
        let values = headers.values(&self.name).map(|v| StringValue::from(v.to_owned()));
        let values: Vec<_> = values.collect();
        let present = !values.is_empty();
        let array = Value::Array(Array::String(values));
        present.then(|| KeyValue::new(self.attribute.clone(), array))
    }
}

/// The headers of these names, told as `{prefix}{name}`.
pub fn captured<S: AsRef<str>>(
    prefix: &str,
    names: impl IntoIterator<Item = S>,
) -> Vec<CapturedHeader> {
    let header = |name: S| {
        let name = name.as_ref().trim().to_ascii_lowercase();
        let attribute = Key::new(format!("{prefix}{name}"));
        CapturedHeader { name, attribute }
    };
    names.into_iter().map(header).collect()
}

/// `name`, `name:80`, `[2001:db8::1]`, `[2001:db8::1]:80`.
pub fn host_and_port(host: &str) -> (&str, Option<u16>) {
    let split = host.rsplit_once(':').filter(|(name, _)| !name.ends_with(':'));
    match split.and_then(|(name, port)| Some((name, port.parse().ok()?))) {
        Some((name, port)) => (name, Some(port)),
        None => (host, None),
    }
}

/// A text that copies of a span share: the recent traces and the exporters have one each.
fn shared(text: &str) -> Value {
    Value::String(Arc::<str>::from(text).into())
}

/// An address as a text that two attributes can share.
fn shared_text(ip: IpAddr) -> StringValue {
    let IpAddr::V4(ip) = ip else {
        return Arc::<str>::from(ip.to_string()).into();
    };
    // By hand: every request has one, and formatting takes ten times as long.
    let mut text = [0; "255.255.255.255".len()];
    let mut length = 0;
    let mut push = |byte| {
        text[length] = byte;
        length += 1;
    };
    for (index, octet) in ip.octets().into_iter().enumerate() {
        if index > 0 {
            push(b'.');
        }
        if octet >= 100 {
            push(b'0' + octet / 100);
        }
        if octet >= 10 {
            push(b'0' + octet / 10 % 10);
        }
        push(b'0' + octet % 10);
    }
    // Digits and dots are UTF-8.
    Arc::<str>::from(std::str::from_utf8(&text[..length]).unwrap_or_default()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_in_full() {
        for ip in ["0.0.0.0", "10.99.100.255", "255.255.255.255", "::1", "2001:db8::8888"] {
            assert_eq!(shared_text(ip.parse().expect("an address")).as_str(), ip);
        }
    }
}
