//! What `instrument` makes of any application's requests.

mod attributes;
mod bodies;
mod children;
mod client;
mod connections;
mod forwarded;
mod metrics;
mod names;
mod panics;
mod unreadable;
