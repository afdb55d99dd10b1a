//! Templates and static files, as Rocket takes them.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use rocket::response::{self, Responder};
use rocket::{Request, Response, Route, get, routes};
use rocket_dyn_templates::Engines;

use pages::assets::File;
use pages::{TEMPLATES, TRACE_TEMPLATE};

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
    for (name, compiled_in) in TEMPLATES.into_iter().chain([TRACE_TEMPLATE]) {
        let source: Cow<'static, str> = match sources() {
            Some(dir) => std::fs::read_to_string(dir.join(format!("{name}.j2")))?.into(),
            None => compiled_in.into(),
        };
        engine.add_template_owned(name, source)?;
    }
    Ok(())
}

/// The static files.
pub(super) fn all() -> Vec<Route> {
    routes![file]
}

#[get("/static/<name>?<v>")]
fn file(name: &str, v: Option<&str>) -> Option<Static> {
    let file = File::named(name)?;
    Some(Static { file, cache: file.cache_control(v) })
}

struct Static {
    file: &'static File,
    cache: &'static str,
}

impl<'r> Responder<'r, 'static> for Static {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        let bytes = self.file.bytes;
        Response::build()
            .raw_header("Content-Type", self.file.content_type)
            .raw_header("Cache-Control", self.cache)
            .sized_body(bytes.len(), std::io::Cursor::new(bytes))
            .ok()
    }
}
