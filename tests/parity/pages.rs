//! The part of the table for servers with pages, and the one text that differs between them.

use super::cases::{Case, INDEX, PARENT, SETTING, Setting, ask};
use super::servers::Kind;

const INDEX_PAGE: &str = include_str!("pages/index.html");
const ICON: &str = include_str!("../../static/icon.svg");

/// Without traces and exporters, so that no other request changes the page.
pub(crate) const PAGES: Setting = Setting {
    name: "pages, without traces and exporters",
    env: &[
        ("OTEL_SERVICE_NAME", "a <b>parity</b>"),
        ("OTEL_TRACES_EXPORTER", "none"),
        ("RECENT_TRACES_MAX", "0"),
        ("JAEGER_UI_URL", "http://localhost:16686"),
    ],
    cases: &[
        page("the index is a page for a browser", "GET /", 200, INDEX_PAGE)
            .sent(&[("Accept", "text/html,application/xml;q=0.9,*/*;q=0.8")]),
        page("several Accept headers are one list", "GET /", 200, INDEX_PAGE)
            .sent(&[("Accept", "application/json;q=0.1"), ("Accept", "text/html;q=0.2")]),
        ask("JSON wins at equal weights", "GET /", 200, INDEX)
            .sent(&[("Accept", "text/html;q=0.9, */*;q=0.9")])
            .varies(),
        page("the answer to HEAD has the page's length", "HEAD /", 200, INDEX_PAGE)
            .sent(&[("Accept", "text/html")]),
        page("an unknown path is a page", "GET /a&b?c", 404, include_str!("pages/404.html"))
            .sent(&[("Accept", "text/html"), ("traceparent", PARENT)]),
        ask("an API endpoint has no page", "GET /health", 200, r#"{"status":"healthy"}"#)
            .sent(&[("Accept", "text/html")]),
        file(
            "the style sheet",
            "GET {style.css}",
            "text/css; charset=utf-8",
            include_str!("../../static/style.css"),
        ),
        file(
            "the script",
            "HEAD {live.js}",
            "text/javascript",
            include_str!("../../static/live.js"),
        ),
        file("the icon", "GET {icon.svg}", "image/svg+xml", ICON),
        uncached("an outdated address is not cached", "GET /static/icon.svg?v=0123456789abcdef"),
        uncached("an address with an empty hash is not cached", "GET /static/icon.svg?v="),
        uncached("an address without a hash is not cached", "GET /static/icon.svg"),
    ],
    has_pages: true,
    ..SETTING
};

const fn page(name: &'static str, request: &'static str, status: u16, body: &'static str) -> Case {
    Case {
        content_type: "text/html; charset=utf-8",
        headers: &[
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            (
                "content-security-policy",
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                 connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            ),
        ],
        ..ask(name, request, status, body).varies()
    }
}

const fn file(
    name: &'static str,
    request: &'static str,
    content_type: &'static str,
    body: &'static str,
) -> Case {
    Case {
        content_type,
        headers: &[("cache-control", "public, max-age=31536000, immutable")],
        ..ask(name, request, 200, body).untraced()
    }
}

const fn uncached(name: &'static str, request: &'static str) -> Case {
    Case { headers: &[("cache-control", "no-cache")], ..file(name, request, "image/svg+xml", ICON) }
}

/// Fills in the text that differs, and the current addresses of the files.
pub(crate) fn fill(text: &str, kind: &Kind) -> String {
    let no_traces = match kind {
        Kind::Native => {
            "Recent traces are disabled. To enable them, set RECENT_TRACES_MAX above 0 and leave \
             OTEL_SDK_DISABLED unset"
        }
        Kind::Component { .. } => {
            "A component keeps no traces, because an instance may live for one request. The \
             exporter above sends the spans on"
        }
    };
    let files: [(&str, &[u8]); 3] = [
        ("style.css", include_bytes!("../../static/style.css")),
        ("live.js", include_bytes!("../../static/live.js")),
        ("icon.svg", include_bytes!("../../static/icon.svg")),
    ];
    files.into_iter().fold(text.replace("{no traces}", no_traces), |text, (name, bytes)| {
        let address = format!("/static/{name}?v={:016x}", fnv(bytes));
        let escaped = address.replace('/', "&#x2f;");
        text.replace(&format!("{{{name}}}"), &address)
            .replace(&format!("{{{name}|html}}"), &escaped)
    })
}

fn fnv(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}
