//! Bytes per second through an edge: requests that are padded to fill the bottleneck, or a body that drips.

use super::exchange::{self, Line};
use super::{CONCURRENT, PROBE_MAX, median};
use crate::probe::Probe;
use crate::proxy::{Bottleneck, Direction, Edge};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

/// Time that a verification fills the bottleneck for: long against the time of a request.
const FILL: Duration = Duration::from_millis(600);
/// Longest padding of a request: servers take heads of 8 KiB.
const PADDING_MAX: usize = 6 << 10;
/// Longest time that filling may take before it counts as not measured.
const FILL_MAX: Duration = Duration::from_secs(4);
/// How long a dripping body is watched.
const DRIP_MAX: Duration = Duration::from_millis(1_500);
/// The way straight to the target must be so much faster for the edge to be what slows the bytes.
const FASTER: f64 = 1.3;

/// Asks so many times over `lines` connections; how long it took.
async fn flood(addr: SocketAddr, path: &str, (requests, lines): (u32, u32), padding: usize) -> Option<Duration> {
    let left = Arc::new(AtomicU32::new(requests));
    let mut askers = JoinSet::new();
    let start = Instant::now();
    for _ in 0..lines.min(requests) {
        let (left, path) = (left.clone(), path.to_owned());
        askers.spawn(async move {
            let mut line = None;
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
                let mut open = match line.take() {
                    Some(open) => open,
                    None => Line::open(addr).await?,
                };
                match open.ask(&path, padding, FILL_MAX).await {
                    Ok(_) => line = Some(open),
                    // A server that answers once a connection: ask this one again.
                    Err(_) => drop(Line::open(addr).await?.ask(&path, padding, FILL_MAX).await?),
                }
            }
            std::io::Result::Ok(())
        });
    }
    let all = timeout(FILL_MAX, askers.join_all()).await.ok()?;
    all.iter().all(Result::is_ok).then(|| start.elapsed())
}

/// Bytes per second in `direction` through `edge` while requests fill it: over one connection when each has the rate for
/// itself, else over a few, the bytes of others included. None when the target itself is no faster, or does not answer.
pub(super) async fn through(
    edge: &Edge,
    probe: &Probe,
    (rate, per, direction): (u64, Bottleneck, Direction),
) -> Option<f64> {
    let (Probe::Http { path }, Some(target)) = (probe, edge.upstream()) else {
        return None;
    };
    let lines = if per == Bottleneck::Connection { 1 } else { CONCURRENT as u32 };
    let bytes = (rate as f64 * FILL.as_secs_f64()) as usize;
    let (padding, each) = if direction == Direction::From {
        (0, exchange::ask(target, path, PROBE_MAX).await?.length())
    } else {
        let padding = (bytes / lines as usize).min(PADDING_MAX);
        (padding, Line::request_length(path, padding))
    };
    let requests = (u32::try_from(bytes / each).unwrap_or(u32::MAX).max(lines), lines);
    let passed = || {
        let stats = edge.stats();
        if direction == Direction::From { stats.bytes_from } else { stats.bytes_to }
    };
    let before = passed();
    let took = flood(edge.addr(), path, requests, padding).await?;
    let passed = match per {
        Bottleneck::Connection => each as f64 * f64::from(requests.0),
        Bottleneck::Edge => (passed() - before) as f64,
    };
    let straight = flood(target, path, requests, padding).await?;
    (took.as_secs_f64() >= straight.as_secs_f64() * FASTER).then(|| passed / took.as_secs_f64())
}

/// Bytes per second of the bodies that drip, and how many of `count` did.
pub(super) async fn drip(edge: &Edge, probe: &Probe, (rate, count): (u64, u32)) -> Option<(Vec<f64>, u32)> {
    let (Probe::Http { path }, Some(target)) = (probe, edge.upstream()) else {
        return None;
    };
    let straight = exchange::ask(target, path, PROBE_MAX).await?;
    let expected = Duration::from_secs_f64(straight.body.len() as f64 / rate as f64);
    let most = (expected * 3).min(DRIP_MAX);
    let body_time = |response: &exchange::Response| response.to_end.saturating_sub(response.to_head);
    let seen = exchange::ask_many(edge.addr(), path, (count, most + PROBE_MAX), most).await;
    let seen: Vec<_> =
        seen.into_iter().flatten().filter(|response| straight.body.starts_with(&response.body)).collect();
    let base = body_time(&straight);
    let slow =
        |response: &&exchange::Response| !response.is_whole || body_time(response).saturating_sub(base) * 2 >= expected;
    let slow: Vec<f64> = seen
        .iter()
        .filter(slow)
        .map(|response| response.body.len() as f64 / body_time(response).as_secs_f64().max(f64::EPSILON))
        .collect();
    // A body too short to take its time tells nothing.
    (expected > base * 2 + Duration::from_millis(1)).then_some((slow, seen.len() as u32))
}

/// Whether the measured rates are what was asked for, to a half.
pub(super) fn is_near(rates: &[f64], asked: u64) -> bool {
    median(rates).is_some_and(|rate| rate >= asked as f64 / 2.0 && rate <= asked as f64 * 2.0)
}
