//! What a server supplies to its handlers: a clock, random numbers and one outgoing call.

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

    /// The current time. A platform for tests may have a clock of its own.
    fn now(&self) -> Instant {
        Instant::now()
    }

    /// A random number, not fit for secrets.
    fn random(&self) -> u64;

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

/// Chance and time under the control of a test, so that two servers give equal answers.
///
/// `DEMO_TEST_RANDOM=N` makes every random number N. With `DEMO_TEST_CLOCK=simulated` a sleep
/// returns at once, and the clock advances by the times slept and by nothing else.
#[derive(Debug, Default)]
pub struct Deterministic {
    random: Option<u64>,
    clock: Option<Mutex<Instant>>,
}

impl Deterministic {
    /// Reads the variables. Without them, chance and time are real.
    #[must_use]
    pub fn from_env() -> Self {
        let variable = |name| std::env::var(name).ok();
        let random = variable("DEMO_TEST_RANDOM").and_then(|number| number.parse().ok());
        let simulated = variable("DEMO_TEST_CLOCK").is_some_and(|clock| clock == "simulated");
        let clock = simulated.then(|| Mutex::new(Instant::now()));
        if random.is_some() || clock.is_some() {
            log::warn!("a DEMO_TEST_ variable fixes chance or time: only tests should set it");
        }
        Self { random, clock }
    }

    /// The fixed number, otherwise a random one.
    pub fn random(&self) -> u64 {
        self.random.unwrap_or_else(|| fastrand::u64(..))
    }

    /// The current time.
    pub fn now(&self) -> Instant {
        self.clock.as_ref().map_or_else(Instant::now, |clock| {
            *clock.lock().unwrap_or_else(PoisonError::into_inner)
        })
    }

    /// Advances the simulated clock. `false` means that time is real and the caller has to sleep.
    pub fn advance(&self, time: Duration) -> bool {
        let Some(clock) = &self.clock else {
            return false;
        };
        *clock.lock().unwrap_or_else(PoisonError::into_inner) += time;
        true
    }
}
