//! Load: wrk at saturation, and a load generator with a fixed rate.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use hdrhistogram::Histogram;

/// The target of every request. Query and user agent are attributes of the span.
pub(crate) const HEALTH: &str = "/health?from=bench";

const USER_AGENT: &str = "bench/1.0";

/// The result of a load.
#[derive(Clone, Copy, Default)]
pub(crate) struct Load {
    pub(crate) requests: u64,
    pub(crate) seconds: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
}

/// Keeps `connections` busy for `time` with wrk.
pub(crate) fn saturate(
    port: u16,
    path: &str,
    connections: usize,
    time: Duration,
    script: Option<&str>,
) -> anyhow::Result<Load> {
    let mut wrk = Command::new("wrk");
    wrk.args(["--latency", "--threads", "1", "--connections", &connections.to_string()]);
    wrk.args(["--duration", &format!("{}s", time.as_secs().max(1))]);
    wrk.args(["--header", &format!("User-Agent: {USER_AGENT}")]);
    wrk.args(script.map(|script| format!("--script={script}")));
    wrk.arg(format!("http://127.0.0.1:{port}{path}"));
    let output = wrk.output().context("cannot run wrk: apt-get install wrk")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "wrk failed: {}", String::from_utf8_lossy(&output.stderr));
    ensure!(!text.contains("Non-2xx"), "responses other than 2xx:\n{text}");
    let field =
        |name: &str| text.lines().find_map(|line| line.trim().strip_prefix(name)).map(str::trim);
    let (requests, rest) = text
        .lines()
        .find_map(|line| line.trim().split_once(" requests in "))
        .with_context(|| format!("no number of requests in wrk's output:\n{text}"))?;
    let seconds = rest.split(',').next().unwrap_or_default();
    Ok(Load {
        requests: requests.parse()?,
        seconds: micros(seconds).context("no duration")? / 1e6,
        p50_us: field("50%").and_then(micros).context("no median")?,
        p99_us: field("99%").and_then(micros).context("no 99th percentile")?,
    })
}

/// `1.23ms`, `987.00us`, `2.01s`, `1.00m` in microseconds.
fn micros(text: &str) -> Option<f64> {
    let unit = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let factor = match &text[unit..] {
        "us" => 1.0,
        "ms" => 1e3,
        "s" => 1e6,
        "m" => 6e7,
        _ => return None,
    };
    Some(text[..unit].parse::<f64>().ok()? * factor)
}

/// Sends `rate` requests per second for `time`, each at its due time.
///
/// The latency of a request that is late because its connection waited for a response counts from the due
/// time; if only the thread woke late, it counts from the time of sending.
pub(crate) fn paced(
    port: u16,
    path: &str,
    connections: usize,
    rate: f64,
    time: Duration,
) -> anyhow::Result<(Load, Histogram<u64>)> {
    let head = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}");
    let request = format!("{head}\r\nUser-Agent: {USER_AGENT}\r\n\r\n");
    let start = Instant::now() + Duration::from_millis(50);
    let threads: Vec<_> = (0..connections)
        .map(|index| {
            let request = request.clone().into_bytes();
            let offset = index as f64 / rate;
            let step = connections as f64 / rate;
            std::thread::Builder::new()
                .stack_size(128 << 10)
                .spawn(move || connection(port, &request, start, offset, step, time))
        })
        .collect::<Result<_, _>>()?;
    let mut all = Histogram::<u64>::new(3)?;
    for thread in threads {
        let one = thread.join().map_err(|_| anyhow::anyhow!("a load thread panicked"))??;
        all.add(one)?;
    }
    let seconds = start.elapsed().as_secs_f64();
    let at = |quantile| all.value_at_quantile(quantile) as f64 / 1e3;
    let load = Load { requests: all.len(), seconds, p50_us: at(0.5), p99_us: at(0.99) };
    Ok((load, all))
}

fn connection(
    port: u16,
    request: &[u8],
    start: Instant,
    offset: f64,
    step: f64,
    time: Duration,
) -> anyhow::Result<Histogram<u64>> {
    let mut histogram = Histogram::new(3)?;
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut buffer = vec![0; 16 << 10];
    for turn in 0_u32.. {
        let after = Duration::from_secs_f64(offset + step * f64::from(turn));
        if after >= time {
            break;
        }
        let due = start + after;
        let late = Instant::now() > due;
        if !late {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        let from = if late { due } else { Instant::now() };
        stream.write_all(request)?;
        read_response(&mut stream, &mut buffer)?;
        histogram.record(u64::try_from(from.elapsed().as_nanos())?)?;
    }
    Ok(histogram)
}

/// Reads a complete response, and returns its length.
pub(crate) fn read_response(stream: &mut TcpStream, buffer: &mut [u8]) -> anyhow::Result<usize> {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..])?;
        ensure!(read > 0, "the server closed the connection");
        filled += read;
        let text = std::str::from_utf8(&buffer[..filled])?;
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        ensure!(head.starts_with("HTTP/1.1 200"), "not 200: {head}");
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
        });
        if body.len() >= length.context("no Content-Length")?? {
            return Ok(filled);
        }
    }
}
