//! Receivers that refuse, hang, restart and lie: what is told, what is counted, and what is lost.

mod accounting;
mod collector;
mod lines;
mod logs;
mod outage;
mod shutdown;
mod signals;
mod threads;
mod together;
