//! The recent traces: as data, as events, and on the page.

mod list;
mod live;
mod one;
mod page;
