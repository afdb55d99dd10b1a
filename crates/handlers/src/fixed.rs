//! Chance and time that tests hold still, so that two servers give the same answers to the byte.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What the environment asks a [`Host`](super::Host) to hold still: for tests alone.
///
/// With `DEMO_TEST_RANDOM=N` every random number is N. With `DEMO_TEST_CLOCK=simulated` a sleep
/// takes no time, and the handlers' clock goes forward by what they sleep and by nothing else.
#[derive(Debug, Default)]
pub struct Fixed {
    random: Option<u64>,
    clock: Option<Mutex<Instant>>,
}

impl Fixed {
    /// What the variables of this process ask for; nothing, where they are not set.
    #[must_use]
    pub fn from_env() -> Self {
        let variable = |name| std::env::var(name).ok();
        let random = variable("DEMO_TEST_RANDOM").and_then(|number| number.parse().ok());
        let simulated = variable("DEMO_TEST_CLOCK").is_some_and(|clock| clock == "simulated");
        let clock = simulated.then(|| Mutex::new(Instant::now()));
        if random.is_some() || clock.is_some() {
            log::warn!("chance or time is held still by a DEMO_TEST_ variable: for tests alone");
        }
        Self { random, clock }
    }

    /// A random number, else the one that was asked for.
    pub fn random(&self) -> u64 {
        self.random.unwrap_or_else(|| fastrand::u64(..))
    }

    /// The time now.
    pub fn now(&self) -> Instant {
        let clock = self.clock.as_ref();
        clock.map_or_else(Instant::now, |clock| {
            *clock.lock().unwrap_or_else(PoisonError::into_inner)
        })
    }

    /// Lets simulated time pass; `false` where the time is real, and the caller has to sleep.
    pub fn pass(&self, time: Duration) -> bool {
        let Some(clock) = &self.clock else {
            return false;
        };
        *clock.lock().unwrap_or_else(PoisonError::into_inner) += time;
        true
    }
}
