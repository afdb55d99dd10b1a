//! The part of the table that a server with pages answers, and what differs in them by right.

use super::cases::{Case, PARENT, SETTING, Setting, ask};
use super::servers::Kind;

/// Neither has traces to show nor counts that another request could change.
pub(crate) const PAGES: Setting = Setting {
    name: "pages, without traces and exporters",
    env: &[
        ("OTEL_SERVICE_NAME", "a <b>parity</b>"),
        ("OTEL_TRACES_EXPORTER", "none"),
        ("RECENT_TRACES_MAX", "0"),
        ("JAEGER_UI_URL", "http://localhost:16686"),
    ],
    cases: &[
        page("the index is a page for a browser", "GET /", 200, include_str!("pages/index.html"))
            .sent(&[("Accept", "text/html,application/xml;q=0.9,*/*;q=0.8")]),
        page("to HEAD it is the page's length", "HEAD /", 200, include_str!("pages/index.html"))
            .sent(&[("Accept", "text/html")]),
        page("what is not found is a page", "GET /a&b?c", 404, include_str!("pages/404.html"))
            .sent(&[("Accept", "text/html"), ("traceparent", PARENT)]),
        ask("an API has no pages", "GET /health", 200, r#"{"status":"healthy"}"#)
            .sent(&[("Accept", "text/html")]),
        file(
            "the style is there",
            "GET {style.css}",
            "text/css; charset=utf-8",
            include_str!("../../static/style.css"),
        ),
        file(
            "the script is there",
            "HEAD {live.js}",
            "text/javascript",
            include_str!("../../static/live.js"),
        ),
        file(
            "the icon is there",
            "GET {icon.svg}",
            "image/svg+xml",
            include_str!("../../static/icon.svg"),
        ),
        Case {
            headers: &[("cache-control", "no-cache")],
            ..file(
                "an old address is not kept",
                "GET /static/icon.svg?v=0",
                "image/svg+xml",
                include_str!("../../static/icon.svg"),
            )
        },
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

/// Puts in what the two have different, and the addresses of the files as they are now.
pub(crate) fn fill(text: &str, kind: &Kind) -> String {
    let no_traces = match kind {
        Kind::Native => {
            "Recent traces are switched off. RECENT_TRACES_MAX above 0, and OTEL_SDK_DISABLED \
             unset, switch it on"
        }
        Kind::Component { .. } => {
            "A component keeps no traces: an instance may live for one request. Spans go where \
             the exporter above says"
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
