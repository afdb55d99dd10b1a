//! The server span at its start: where a request came from and what it asked for.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use opentelemetry::trace::{SpanBuilder, SpanKind};
use opentelemetry::{KeyValue, StringValue, Value};
use opentelemetry_semantic_conventions::attribute as semconv;

use crate::forwarded::{is_host, node_address, parameter};
use crate::headers::{CapturedHeader, Headers};
use crate::method::MethodName;
use crate::redaction::redact_query;

/// The number of attributes that a server span usually has: 11 at the start, 3 more at the end.
const USUAL_ATTRIBUTES: usize = 14;

/// A request as its server received it: what a server span needs at its creation.
///
/// Source: <https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server-span>.
#[derive(Clone, Debug)]
pub struct ServerRequest<'r> {
    /// `http.request.method`, and `http.request.method_original` where the method is not known.
    pub method: MethodName<'r>,
    /// `url.scheme`: `http` or `https`.
    pub scheme: &'static str,
    /// `server.address` and `server.port`: the host and port that the request names, see
    /// [`host_and_port`].
    pub host: Option<(&'r str, Option<u16>)>,
    /// The same for a request that names no host: the address that the server listens on.
    pub local: Option<(IpAddr, u16)>,
    /// `network.peer.address` and `network.peer.port`: the other end of the connection.
    pub peer: Option<SocketAddr>,
    /// `client.address` where a proxy is in between; the peer's address where this is `None`.
    pub client: Option<IpAddr>,
    /// `url.path`, as sent.
    pub path: &'r str,
    /// `url.query`, as sent: attributes hold it redacted.
    pub query: Option<&'r str>,
    /// `user_agent.original`.
    pub user_agent: Option<&'r str>,
}

impl<'r> ServerRequest<'r> {
    /// Replaces scheme, host and client by what a proxy says of the original request: each one by
    /// the parameter of `Forwarded` (RFC 7239) if there is one, or else by `X-Forwarded-*`. Values
    /// that cannot be parsed change nothing, nor does a host with user information.
    ///
    /// Anyone can send these headers: call this only where no client can reach the server except
    /// through a proxy that sets them.
    pub fn trust_forwarded(&mut self, headers: &'r impl Headers) {
        match parameter(headers, "proto", "X-Forwarded-Proto") {
            Some(proto) if proto.eq_ignore_ascii_case("https") => self.scheme = "https",
            Some(proto) if proto.eq_ignore_ascii_case("http") => self.scheme = "http",
            _ => {}
        }
        if let Some(host) = parameter(headers, "host", "X-Forwarded-Host").filter(|h| is_host(h)) {
            self.host = Some(host_and_port(host));
        }
        let client = parameter(headers, "for", "X-Forwarded-For").and_then(node_address);
        self.client = client.or(self.client);
    }

    /// The request's span, about to start, with every attribute that the conventions require at
    /// creation, so that samplers see them.
    pub fn span(&self, headers: &impl Headers, captured: &[CapturedHeader]) -> SpanBuilder {
        let mut attributes = Vec::with_capacity(USUAL_ATTRIBUTES);
        self.add_attributes(headers, captured, &mut |attribute| attributes.push(attribute));
        self.span_without_attributes().with_attributes(attributes)
    }

    /// The same span for callers that [add the attributes](Self::add_attributes) later, once they
    /// know that it records.
    #[must_use]
    pub fn span_without_attributes(&self) -> SpanBuilder {
        SpanBuilder::from_name(self.method.span_name()).with_kind(SpanKind::Server)
    }

    /// Passes the attributes of the span to `add`, one by one.
    pub fn add_attributes(
        &self,
        headers: &impl Headers,
        captured: &[CapturedHeader],
        add: &mut dyn FnMut(KeyValue),
    ) {
        self.add_own_attributes(add);
        if let Some(original) = self.method.original {
            add(KeyValue::new(semconv::HTTP_REQUEST_METHOD_ORIGINAL, original.to_owned()));
        }
        captured.iter().filter_map(|header| header.attribute(headers)).for_each(add);
    }

    // Not generic over the headers, so that it is compiled once.
    fn add_own_attributes(&self, add: &mut dyn FnMut(KeyValue)) {
        let mut add = |key: &'static str, value: Value| add(KeyValue::new(key, value));
        add(semconv::HTTP_REQUEST_METHOD, self.method.name.clone().into());
        add(semconv::URL_PATH, shared(self.path));
        add(semconv::URL_SCHEME, self.scheme.into());
        if let Some(query) = self.query {
            add(semconv::URL_QUERY, shared(&redact_query(query)));
        }
        if let Some((name, port)) = self.host {
            let port = port.unwrap_or(if self.scheme == "https" { 443 } else { 80 });
            add(semconv::SERVER_ADDRESS, shared(name.trim_matches(['[', ']'])));
            add(semconv::SERVER_PORT, i64::from(port).into());
        } else if let Some((address, port)) = self.local {
            add(semconv::SERVER_ADDRESS, Value::String(address_text(address)));
            add(semconv::SERVER_PORT, i64::from(port).into());
        }
        if let Some(peer) = self.peer {
            let address = address_text(peer.ip());
            let client = match self.client {
                Some(client) if client != peer.ip() => address_text(client),
                _ => address.clone(),
            };
            add(semconv::CLIENT_ADDRESS, Value::String(client));
            add(semconv::NETWORK_PEER_ADDRESS, Value::String(address));
            add(semconv::NETWORK_PEER_PORT, i64::from(peer.port()).into());
        } else if let Some(client) = self.client {
            add(semconv::CLIENT_ADDRESS, Value::String(address_text(client)));
        }
        if let Some(agent) = self.user_agent {
            add(semconv::USER_AGENT_ORIGINAL, shared(agent));
        }
    }
}

/// Splits a host from its port: `name`, `name:80`, `[2001:db8::1]`, `[2001:db8::1]:80`.
#[must_use]
pub fn host_and_port(host: &str) -> (&str, Option<u16>) {
    let split = host.rsplit_once(':').filter(|(name, _)| !name.ends_with(':'));
    match split.and_then(|(name, port)| Some((name, port.parse().ok()?))) {
        Some((name, port)) => (name, Some(port)),
        None => (host, None),
    }
}

/// A text that clones share: span processors clone spans.
fn shared(text: &str) -> Value {
    Value::String(Arc::<str>::from(text).into())
}

/// An address as a text that two attributes can share.
fn address_text(ip: IpAddr) -> StringValue {
    let IpAddr::V4(ip) = ip else {
        return Arc::<str>::from(ip.to_string()).into();
    };
    // Written by hand: every request needs one, and formatting costs ten times as much.
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
    fn addresses_are_written_in_full() {
        for ip in ["0.0.0.0", "10.99.100.255", "255.255.255.255", "::1", "2001:db8::8888"] {
            assert_eq!(address_text(ip.parse().expect("an address")).as_str(), ip);
        }
    }
}
