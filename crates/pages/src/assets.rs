//! The static files, compiled into the binaries.

use std::sync::LazyLock;

use serde::Serialize;

/// The addresses of the static files, each with a hash of its content: a changed file has a new
/// address, so a browser may cache the old one without limit.
#[derive(Debug, Serialize)]
pub(crate) struct Assets {
    css: String,
    js: String,
    icon: String,
}

pub(crate) static ASSETS: LazyLock<Assets> = LazyLock::new(|| {
    let [css, js, icon] =
        [0, 1, 2].map(|n: usize| format!("/static/{}?v={}", FILES[n].name, FILES[n].hash()));
    Assets { css, js, icon }
});

/// A static file, served at `/static/{name}`.
#[derive(Debug)]
pub struct File {
    name: &'static str,
    /// Its media type.
    pub content_type: &'static str,
    /// Its content.
    pub bytes: &'static [u8],
}

macro_rules! file {
    ($name:literal, $content_type:literal) => {
        File {
            name: $name,
            content_type: $content_type,
            bytes: include_bytes!(concat!("../../../static/", $name)),
        }
    };
}

/// In the order of [`Assets`].
static FILES: [File; 3] = [
    file!("style.css", "text/css; charset=utf-8"),
    file!("live.js", "text/javascript"),
    file!("icon.svg", "image/svg+xml"),
];

impl File {
    /// The file of this name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        FILES.iter().find(|file| file.name == name)
    }

    /// How long a browser may cache the file, by the `v` of the requested address.
    #[must_use]
    pub fn cache_control(&self, v: Option<&str>) -> &'static str {
        if v.is_some_and(|v| v == self.hash()) {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        }
    }

    /// FNV-1a: enough to distinguish two versions of a file.
    fn hash(&self) -> String {
        let hash = self.bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        format!("{hash:016x}")
    }
}
