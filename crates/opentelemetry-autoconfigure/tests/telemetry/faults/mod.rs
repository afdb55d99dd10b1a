//! Receivers that refuse, hang, restart and lie: every span arrives or is counted as lost.

mod accounting;
mod outage;
mod shutdown;
mod threads;
