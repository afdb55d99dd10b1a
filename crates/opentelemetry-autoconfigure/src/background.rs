//! The telemetry's own runtime.
//!
//! Exports run on a thread of their own: they neither wait for the application's workers nor make
//! them wait. So a flush from anywhere in the application cannot deadlock, even with one worker.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use opentelemetry::Context;
use opentelemetry::context::FutureExt as _;
use opentelemetry_http::{HttpClient, HttpError};
use tokio::runtime::{Builder, Handle, Runtime};

/// A runtime with one thread. Dropping it from async code would panic, so it is shut down in the
/// background, whatever thread drops it.
#[derive(Debug)]
pub(crate) struct Background(Option<Runtime>, Handle);

impl Background {
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("telemetry")
            .on_thread_start(let_others_go_first)
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        Ok(Self(Some(runtime), handle))
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.1
    }
}

/// The nice value of 0, on the library's scale from 0 to 99.
#[cfg(target_os = "linux")]
const NICE_0: u8 = 47;

/// Makes the kernel treat this thread as work in the background (`SCHED_BATCH`): it gets its share of
/// the processors, but does not push a request's thread aside when it wakes. To encode a batch takes
/// a millisecond, and on a small machine one request in a hundred would wait for it.
fn let_others_go_first() {
    #[cfg(target_os = "linux")]
    {
        use thread_priority::unix::{
            NormalThreadSchedulePolicy::Batch, ThreadSchedulePolicy,
            set_thread_priority_and_policy, thread_native_id,
        };
        use thread_priority::{ThreadPriority, ThreadPriorityValue};

        // The policy comes with a nice value. Who gave the process another one has said already
        // what shall go first.
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
            // A sandbox may forbid it. Everything works without.
            log::debug!("the telemetry's thread has no policy of its own: {error}");
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// reqwest on the telemetry's runtime, for exporters that the SDK drives from plain threads.
#[derive(Clone, Debug)]
pub(crate) struct BackgroundClient {
    client: reqwest::Client,
    handle: Handle,
}

/// More than any collector answers; what comes beyond it is not read.
const LONGEST_ANSWER: usize = 4 << 20;

impl BackgroundClient {
    pub(crate) fn new(client: reqwest::Client, handle: Handle) -> Self {
        Self { client, handle }
    }

    async fn send(
        client: reqwest::Client,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, HttpError> {
        let mut response = client.execute(request.try_into()?).await?;
        let mut answer = http::Response::builder().status(response.status());
        if let Some(headers) = answer.headers_mut() {
            *headers = std::mem::take(response.headers_mut());
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > LONGEST_ANSWER {
                return Err("the collector's answer is too long".into());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(answer.body(body.into())?)
    }
}

#[async_trait::async_trait]
impl HttpClient for BackgroundClient {
    async fn send_bytes(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, HttpError> {
        // What the client itself logs must not become records to export, each of which would make
        // the next: the SDK marks its threads so, and the mark has to cross to this runtime.
        let quiet = Context::new().with_telemetry_suppressed();
        let send = Self::send(self.client.clone(), request).with_context(quiet);
        self.handle.spawn(send).await?
    }
}

/// Waits for `work` on a thread of its own, but no longer than `limit`.
pub(crate) fn within<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(work()));
    receiver.recv_timeout(limit).ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn its_thread_pushes_nobody_aside() {
        let background = Background::start().expect("a thread");
        let stat =
            background.handle().spawn(async { std::fs::read_to_string("/proc/thread-self/stat") });
        let stat = background.handle().block_on(stat).expect("no panic").expect("Linux tells");
        let (_, fields) = stat.rsplit_once(')').expect("a name in parentheses");
        // The 19th field is the nice value, the 41st the policy: 3 is SCHED_BATCH.
        let field = |number: usize| fields.split_whitespace().nth(number - 3);
        assert_eq!([field(19), field(41)], [Some("0"), Some("3")], "{stat}");
    }
}
