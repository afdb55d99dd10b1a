//! Where a request came from and what it asked for.

use std::net::IpAddr;
use std::sync::Arc;

use opentelemetry::{KeyValue, StringValue, Value};
use opentelemetry_semantic_conventions::attribute as semconv;
use rocket::Request;

use super::attributes::{forwarded_client, forwarded_parameter, redact_query};

/// The most that a request's span usually has: 11 at the start, 3 more at the end.
pub(crate) const MOST_ATTRIBUTES: usize = 14;

/// Where a request came from and what it asked for, with forwarded headers believed or not.
pub(crate) struct Origin<'r> {
    pub(crate) scheme: &'static str,
    host: Option<(&'r str, Option<u16>)>,
    client: Option<IpAddr>,
}

impl<'r> Origin<'r> {
    pub(crate) fn of(request: &'r Request<'_>, trust_forwarded: bool) -> Self {
        let host = request.host().map(|host| (host.domain().as_str(), host.port()));
        let mut origin = Origin {
            scheme: if request.rocket().config().tls_enabled() { "https" } else { "http" },
            host,
            client: request.remote().map(|peer| peer.ip()),
        };
        if trust_forwarded {
            origin.believe(request);
        }
        origin
    }

    fn believe(&mut self, request: &'r Request<'_>) {
        let headers = request.headers();
        let forwarded = headers.get_one("Forwarded");
        let parameter = |name: &str, header: &str| match forwarded {
            Some(value) => forwarded_parameter(value, name),
            None => headers.get_one(header).and_then(|v| v.split(',').next()).map(str::trim),
        };
        match parameter("proto", "X-Forwarded-Proto") {
            Some(proto) if proto.eq_ignore_ascii_case("https") => self.scheme = "https",
            Some(proto) if proto.eq_ignore_ascii_case("http") => self.scheme = "http",
            _ => {}
        }
        if let Some(host) = parameter("host", "X-Forwarded-Host").filter(|h| !h.is_empty()) {
            let split = host.rsplit_once(':').filter(|(name, _)| !name.ends_with(':'));
            self.host = match split.and_then(|(name, port)| Some((name, port.parse().ok()?))) {
                Some((name, port)) => Some((name, Some(port))),
                None => Some((host, None)),
            };
        }
        let client = forwarded_client(forwarded, headers.get_one("X-Forwarded-For"));
        self.client = client.or(self.client);
    }

    /// Adds the attributes that the conventions want at the span's creation, so that samplers see
    /// them.
    pub(crate) fn attributes(
        &self,
        request: &Request<'_>,
        method: &'static str,
        user_agent: Option<&str>,
        add: &mut dyn FnMut(KeyValue),
    ) {
        let mut add = |key: &'static str, value: Value| add(KeyValue::new(key, value));
        let uri = request.uri();
        add(semconv::HTTP_REQUEST_METHOD, method.into());
        add(semconv::URL_PATH, uri.path().as_str().to_owned().into());
        add(semconv::URL_SCHEME, self.scheme.into());
        if let Some(query) = uri.query() {
            add(semconv::URL_QUERY, redact_query(query.as_str()).into_owned().into());
        }
        if let Some((name, port)) = self.host {
            let port = port.unwrap_or(if self.scheme == "https" { 443 } else { 80 });
            add(semconv::SERVER_ADDRESS, name.trim_matches(['[', ']']).to_owned().into());
            add(semconv::SERVER_PORT, i64::from(port).into());
        } else {
            let config = request.rocket().config();
            add(semconv::SERVER_ADDRESS, config.address.to_string().into());
            add(semconv::SERVER_PORT, i64::from(config.port).into());
        }
        if let Some(peer) = request.remote() {
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
        if let Some(agent) = user_agent {
            add(semconv::USER_AGENT_ORIGINAL, agent.to_owned().into());
        }
    }
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
