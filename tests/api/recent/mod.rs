//! The recent traces: as data, as news, and as a page.

mod assets;
mod hidden;
mod list;
mod live;
mod one;
mod page;
