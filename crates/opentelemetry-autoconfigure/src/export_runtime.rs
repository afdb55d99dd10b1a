//! The runtime that exports run on.
//!
//! Exports have a thread of their own: they neither wait for the application's workers nor delay
//! them. So a flush from anywhere in the application cannot deadlock, even with one worker.

use std::io;
use std::sync::mpsc;

use tokio::runtime::{Builder, Handle, Runtime};

/// A runtime with one thread. It shuts down in the background: dropping a [`Runtime`] in async code
/// would panic.
#[derive(Debug)]
pub(crate) struct ExportRuntime {
    runtime: Option<Runtime>,
    handle: Handle,
}

impl ExportRuntime {
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("telemetry")
            .on_thread_start(lower_priority)
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        Ok(Self { runtime: Some(runtime), handle })
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for ExportRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The nice value of 0, on the library's scale from 0 to 99.
#[cfg(target_os = "linux")]
const NICE_0: u8 = 47;

/// Gives this thread the policy `SCHED_BATCH`: it keeps its share of the processors, but does not
/// preempt a request's thread when it wakes. Encoding a batch takes a millisecond, for which one
/// request in a hundred would wait on a small machine.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    {
        use thread_priority::unix::{
            NormalThreadSchedulePolicy::Batch, ThreadSchedulePolicy,
            set_thread_priority_and_policy, thread_native_id,
        };
        use thread_priority::{ThreadPriority, ThreadPriorityValue};

        // The policy sets a nice value. One that was given to the process stays.
        if rustix::process::getpriority_process(None) != Ok(0) {
            return;
        }
        let nice = ThreadPriorityValue::try_from(NICE_0);
        let done = nice.and_then(|nice| {
            let (nice, batch) =
                (ThreadPriority::Crossplatform(nice), ThreadSchedulePolicy::Normal(Batch));
            set_thread_priority_and_policy(thread_native_id(), nice, batch)
                .map_err(|e| e.to_string())
        });
        if let Err(error) = done {
            // A sandbox may forbid it. Everything works without it.
            log::debug!("cannot lower the priority of the export thread: {error}");
        }
    }
}

/// Runs blocking work on a thread of its own. The receiver gets the result.
pub(crate) fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> mpsc::Receiver<T> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(work()));
    receiver
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_export_thread_does_not_preempt_other_threads() {
        let runtime = ExportRuntime::start().expect("a thread");
        let stat =
            runtime.handle().spawn(async { std::fs::read_to_string("/proc/thread-self/stat") });
        let stat = runtime.handle().block_on(stat).expect("no panic").expect("a file of Linux's");
        let (_, fields) = stat.rsplit_once(')').expect("a name in parentheses");
        // The 19th field is the nice value, the 41st the policy: 3 is SCHED_BATCH.
        let field = |number: usize| fields.split_whitespace().nth(number - 3);
        assert_eq!([field(19), field(41)], [Some("0"), Some("3")], "{stat}");
    }
}
