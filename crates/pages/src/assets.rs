//! The static files, compiled in.

use std::sync::LazyLock;

use serde::Serialize;

/// The addresses of the static files, each with a mark of its content: a new file is a new
/// address, so a browser may keep the old one for ever.
#[derive(Debug, Serialize)]
pub struct Assets {
    css: String,
    js: String,
    icon: String,
}

pub static ASSETS: LazyLock<Assets> = LazyLock::new(|| {
    let address = |name: &str| {
        let file = File::named(name);
        file.map(|file| format!("/static/{name}?v={}", file.mark())).unwrap_or_default()
    };
    Assets { css: address("style.css"), js: address("live.js"), icon: address("icon.svg") }
});

/// A static file, at `/static/{name}`.
pub struct File {
    name: &'static str,
    pub content_type: &'static str,
    pub bytes: &'static [u8],
}

static FILES: [File; 3] = [
    File {
        name: "style.css",
        content_type: "text/css; charset=utf-8",
        bytes: include_bytes!("../../../static/style.css"),
    },
    File {
        name: "live.js",
        content_type: "text/javascript",
        bytes: include_bytes!("../../../static/live.js"),
    },
    File {
        name: "icon.svg",
        content_type: "image/svg+xml",
        bytes: include_bytes!("../../../static/icon.svg"),
    },
];

impl File {
    pub fn named(name: &str) -> Option<&'static Self> {
        FILES.iter().find(|file| file.name == name)
    }

    /// How long a browser may keep it, by the `v` of the address that it asked for.
    pub fn cache_control(&self, v: Option<&str>) -> &'static str {
        if v.is_some_and(|v| v == self.mark()) {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        }
    }

    /// FNV-1a: enough to tell two versions of a file apart.
    fn mark(&self) -> String {
        let hash = self.bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        format!("{hash:016x}")
    }
}
