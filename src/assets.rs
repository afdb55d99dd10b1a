//! Templates and static files, in the forms that Rocket expects.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use pages::assets::File;
use pages::{TEMPLATES, TRACE_TEMPLATE};
use rocket::http::Header;
use rocket::{Responder, Route, get, routes};
use rocket_dyn_templates::Engines;

/// The templates that a debug build was built from.
const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/templates");

/// The directory for Rocket to watch: in a debug build the templates' sources, so that a change
/// shows at the next request. A release build has no such directory, but Rocket requires a path
/// that exists; the program's own file is one, and holds no templates.
pub(crate) fn template_dir() -> PathBuf {
    if sources().is_some() {
        return SOURCES.into();
    }
    std::env::current_exe().unwrap_or_else(|_| "/".into())
}

fn sources() -> Option<&'static Path> {
    Some(Path::new(SOURCES)).filter(|dir| cfg!(debug_assertions) && dir.is_dir())
}

/// Adds the templates to the engine.
pub(crate) fn load_templates(engines: &mut Engines) -> Result<(), Box<dyn std::error::Error>> {
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

/// The endpoint of the static files.
pub(crate) fn all() -> Vec<Route> {
    routes![file]
}

#[derive(Responder)]
struct Asset {
    bytes: &'static [u8],
    content_type: Header<'static>,
    cache_control: Header<'static>,
}

#[get("/static/<name>?<v>")]
fn file(name: &str, v: Option<&str>) -> Option<Asset> {
    let file = File::named(name)?;
    Some(Asset {
        bytes: file.bytes,
        content_type: Header::new("Content-Type", file.content_type),
        cache_control: Header::new("Cache-Control", file.cache_control(v)),
    })
}
