//! What a server supplies to its handlers: a timer and one outgoing call. Chance and time are here too.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Error;

/// Time limit of a call to the downstream service. A chain of five hops ends within it.
pub const DOWNSTREAM_TIMEOUT: Duration = Duration::from_secs(10);

/// The runtime and the network under the handlers.
pub trait Platform: Send + Sync + 'static {
    /// Resolves after `time`.
    fn sleep(&self, time: Duration) -> impl Future<Output = ()> + Send;

    /// Sends GET `path` to the configured downstream service, as a child of the current span, and
    /// returns status and body. A handler never names an address.
    ///
    /// # Errors
    /// [`Error::DownstreamUnreachable`]. The log and the client span hold the cause.
    fn get_downstream(
        &self,
        path: &str,
    ) -> impl Future<Output = Result<(u16, Vec<u8>), Error>> + Send;
}

/// Chance and time, real or under the control of a test, so that two servers give equal answers.
///
/// `DEMO_TEST_RANDOM=N` makes every random number N. With `DEMO_TEST_CLOCK=simulated` a sleep
/// returns at once, and the clock advances by the times slept and by nothing else.
#[derive(Debug, Default)]
pub(crate) struct Deterministic {
    pub(crate) random: Option<u64>,
    clock: Option<Mutex<Instant>>,
}

impl Deterministic {
    pub(crate) fn from_env() -> Self {
        let variable = |name| std::env::var(name).ok();
        let random = variable("DEMO_TEST_RANDOM").and_then(|number| number.parse().ok());
        let simulated = variable("DEMO_TEST_CLOCK").is_some_and(|clock| clock == "simulated");
        let clock = simulated.then(|| Mutex::new(Instant::now()));
        if random.is_some() || clock.is_some() {
            log::warn!("a DEMO_TEST_ variable fixes chance or time: only tests should set it");
        }
        Self { random, clock }
    }

    /// A number that is not fit for secrets.
    pub(crate) fn random(&self) -> u64 {
        self.random.unwrap_or_else(|| fastrand::u64(..))
    }

    pub(crate) fn now(&self) -> Instant {
        self.advance(Duration::ZERO).unwrap_or_else(Instant::now)
    }

    /// Advances the simulated clock, and returns its time. `None` means that time is real.
    pub(crate) fn advance(&self, time: Duration) -> Option<Instant> {
        let mut clock = self.clock.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        *clock += time;
        Some(*clock)
    }
}
