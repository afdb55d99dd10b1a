//! Templates and static files, compiled in: the binary is one file, and runs from any directory.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use rocket::http::{ContentType, Header};
use rocket::response::{self, Responder};
use rocket::{Request, Response, Route, get, routes};
use rocket_dyn_templates::Engines;
use serde::Serialize;

const TEMPLATES: [(&str, &str); 5] = [
    ("base.html", include_str!("../../templates/base.html.j2")),
    ("index.html", include_str!("../../templates/index.html.j2")),
    ("traces.html", include_str!("../../templates/traces.html.j2")),
    ("trace.html", include_str!("../../templates/trace.html.j2")),
    ("error.html", include_str!("../../templates/error.html.j2")),
];

/// Where a debug build finds the templates that it was built from.
const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/templates");

/// The directory for Rocket to watch: in a debug build the templates' sources, so that a change
/// shows at the next request. Otherwise there is none, but Rocket insists on a path that exists;
/// the program's own file is one, and has no templates in it.
pub(super) fn template_dir() -> PathBuf {
    if sources().is_some() {
        return SOURCES.into();
    }
    std::env::current_exe().unwrap_or_else(|_| "/".into())
}

fn sources() -> Option<&'static Path> {
    Some(Path::new(SOURCES)).filter(|dir| cfg!(debug_assertions) && dir.is_dir())
}

/// Gives the template engine its templates.
pub(super) fn load(engines: &mut Engines) -> Result<(), Box<dyn std::error::Error>> {
    let engine = &mut engines.minijinja;
    engine.set_auto_escape_callback(rocket_dyn_templates::minijinja::default_auto_escape_callback);
    for (name, compiled_in) in TEMPLATES {
        let source: Cow<'static, str> = match sources() {
            Some(dir) => std::fs::read_to_string(dir.join(format!("{name}.j2")))?.into(),
            None => compiled_in.into(),
        };
        engine.add_template_owned(name, source)?;
    }
    Ok(())
}

/// The addresses of the static files, each with a mark of its content: a new file is a new
/// address, so a browser may keep the old one for ever.
#[derive(Debug, Serialize)]
pub(super) struct Assets {
    css: String,
    js: String,
    icon: String,
}

pub(super) static ASSETS: LazyLock<Assets> = LazyLock::new(|| {
    let address = |name: &str| {
        let file = FILES.iter().find(|file| file.name == name);
        file.map(|file| format!("/static/{name}?v={}", file.mark())).unwrap_or_default()
    };
    Assets { css: address("style.css"), js: address("live.js"), icon: address("icon.svg") }
});

#[derive(Clone, Copy)]
struct File {
    name: &'static str,
    content_type: ContentTypeOf,
    bytes: &'static [u8],
}

/// Constants cannot hold Rocket's own type.
type ContentTypeOf = fn() -> ContentType;

static FILES: [File; 3] = [
    File {
        name: "style.css",
        content_type: || ContentType::CSS,
        bytes: include_bytes!("../../static/style.css"),
    },
    File {
        name: "live.js",
        content_type: || ContentType::JavaScript,
        bytes: include_bytes!("../../static/live.js"),
    },
    File {
        name: "icon.svg",
        content_type: || ContentType::SVG,
        bytes: include_bytes!("../../static/icon.svg"),
    },
];

impl File {
    /// FNV-1a: enough to tell two versions of a file apart.
    fn mark(&self) -> String {
        let hash = self.bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        format!("{hash:016x}")
    }
}

/// The static files.
pub(super) fn all() -> Vec<Route> {
    routes![file]
}

#[get("/static/<name>?<v>")]
fn file(name: &str, v: Option<&str>) -> Option<Static> {
    let file = FILES.iter().find(|file| file.name == name)?;
    Some(Static { file, lasting: v.is_some_and(|v| v == file.mark()) })
}

struct Static {
    file: &'static File,
    lasting: bool,
}

impl<'r> Responder<'r, 'static> for Static {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        let cache = if self.lasting { "public, max-age=31536000, immutable" } else { "no-cache" };
        let bytes = self.file.bytes;
        Response::build()
            .header((self.file.content_type)())
            .header(Header::new("Cache-Control", cache))
            .sized_body(bytes.len(), std::io::Cursor::new(bytes))
            .ok()
    }
}
