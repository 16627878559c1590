//! Availability probes on a fixed schedule, for components without `/metrics` and for the user's side.
//!
//! Metric names are those of the blackbox exporter. Its gauges say how the last probe went; a recorder that looks
//! once a second at ten probes a second would miss nine, so every probe also counts in two counters.

use crate::metrics::Registry;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use url::Url;

/// 1 when the last probe was answered, else 0, by `job`.
pub const PROBE_SUCCESS: &str = "probe_success";
/// Seconds that the last probe took, by `job`.
pub const PROBE_SECONDS: &str = "probe_duration_seconds";
/// Status of the last answer, 0 without one, by `job`.
pub const PROBE_STATUS: &str = "probe_http_status_code";
/// Probes, by `job`.
pub const PROBES: &str = "mettle_probe_attempts_total";
/// Probes that were answered, by `job`.
pub const PROBES_OK: &str = "mettle_probe_ok_total";

/// How long a connection must stay open to count: a refused one ends within a round trip on loopback.
const STAYS_OPEN: Duration = Duration::from_millis(20);
/// Time between probes: from ten a second to one a second.
const EVERY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReachTarget {
    /// An answer below 400 to a GET.
    Http(Url),
    /// A connection.
    Tcp(SocketAddr),
}

/// One probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReachProbe {
    /// Component.
    pub job: String,
    /// What is asked.
    pub target: ReachTarget,
    /// Time between probes, 100 ms to 1 s; a probe has this long to be answered.
    pub every: Duration,
}

/// A probe that could not start.
#[derive(Debug, thiserror::Error)]
pub enum ReachError {
    /// No HTTP client.
    #[error("failed to make an HTTP client")]
    Client(#[source] reqwest::Error),
}

/// Probes until `stop`, each time over a new connection.
///
/// # Errors
/// The probe could not start.
pub async fn run(probe: ReachProbe, registry: Registry, stop: CancellationToken) -> Result<(), ReachError> {
    let every = probe.every.clamp(EVERY.0, EVERY.1);
    let client = reqwest::Client::builder()
        .no_proxy()
        .pool_max_idle_per_host(0)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent("mettle-probe")
        .build()
        .map_err(ReachError::Client)?;
    let labels = [("job", probe.job.as_str())];
    let (success, seconds) = (registry.gauge(PROBE_SUCCESS, &labels), registry.gauge(PROBE_SECONDS, &labels));
    let (attempts, answered) = (registry.counter(PROBES, &labels), registry.counter(PROBES_OK, &labels));
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            _ = ticks.tick() => {}
        }
        let asked = tokio::time::timeout(every, ask(&client, &probe.target));
        let (status, took) = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            answered = asked => answered.unwrap_or((Reached::No { status: 0 }, every)),
        };
        seconds.set(took.as_secs_f64());
        attempts.inc();
        let (reached, code) = match status {
            Reached::Yes { status } => (1.0, status),
            Reached::No { status } => (0.0, status),
        };
        success.set(reached);
        answered.add(reached);
        if matches!(probe.target, ReachTarget::Http(_)) {
            registry.gauge(PROBE_STATUS, &labels).set(f64::from(code));
        }
    }
}

/// How a probe ended; `status` is 0 without an HTTP answer.
enum Reached {
    Yes { status: u16 },
    No { status: u16 },
}

/// A proxy accepts first and finds out later that nobody is behind it: then it ends the connection at once.
async fn stays_open(stream: &TcpStream) -> bool {
    let mut first = [0; 1];
    let read = tokio::time::timeout(STAYS_OPEN, async {
        stream.readable().await?;
        stream.try_read(&mut first)
    });
    match read.await {
        // Silence is what most servers answer to silence.
        Err(_) => true,
        Ok(Ok(bytes)) => bytes > 0,
        Ok(Err(error)) => error.kind() == std::io::ErrorKind::WouldBlock,
    }
}

/// Asks once; how it ended, and how long the connection or the answer took.
async fn ask(client: &reqwest::Client, target: &ReachTarget) -> (Reached, Duration) {
    let started = Instant::now();
    match target {
        ReachTarget::Tcp(address) => {
            let connected = TcpStream::connect(address).await;
            let took = started.elapsed();
            match connected {
                Ok(stream) if stays_open(&stream).await => (Reached::Yes { status: 0 }, took),
                Ok(_) | Err(_) => (Reached::No { status: 0 }, took),
            }
        }
        ReachTarget::Http(url) => {
            let answer = client.get(url.clone()).send().await.map(|answer| answer.status().as_u16());
            let reached = match answer {
                Ok(status @ ..400) => Reached::Yes { status },
                Ok(status) => Reached::No { status },
                Err(_) => Reached::No { status: 0 },
            };
            (reached, started.elapsed())
        }
    }
}
