//! Connections that an edge still takes, bytes that a connection lives for, pieces that a message comes in.

use super::PROBE_MAX;
use super::exchange::{self, Line};
use crate::probe::Probe;
use crate::proxy::{Direction, Edge};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long a sliced exchange is waited for.
const SLICED_MAX: Duration = Duration::from_millis(1_500);
/// How long a connection is watched for its reset: it comes at once.
const RESET_MAX: Duration = Duration::from_millis(100);

/// Connections open at once, ours and those of others, when further ones were reset; none when none was.
pub(super) async fn cap(edge: &Edge, max: u64) -> Option<f64> {
    let others = edge.stats().active;
    let mut watched = JoinSet::new();
    // Two more than allowed: one that must be reset, and one that takes the place of a connection that ends meanwhile.
    for _ in 0..max + 2 {
        // A reset can be as early as the connection itself.
        let stream = TcpStream::connect(edge.addr()).await;
        watched.spawn(async move {
            let stream = stream.ok()?;
            let is_reset = matches!(timeout(RESET_MAX, stream.peek(&mut [0])).await, Ok(Err(_)));
            (!is_reset).then_some(stream)
        });
    }
    // All are kept until each has been watched.
    let open = watched.join_all().await.into_iter().flatten().count() as u64;
    (open < max + 2).then_some((others + open) as f64)
}

/// Bytes that passed in `direction` on one connection until it was closed; none when it was not, or not by `limit`.
pub(super) async fn life(edge: &Edge, probe: &Probe, (limit, direction): (u64, Direction)) -> Option<f64> {
    let (Probe::Http { path }, Some(target)) = (probe, edge.upstream()) else {
        return None;
    };
    let answer = exchange::ask(target, path, PROBE_MAX).await?;
    // Fifty steps: a step is as much as the figure can hide.
    let padding = (limit as usize / 50).saturating_sub(Line::request_length(path, 0)).min(4 << 10);
    let padding = if direction == Direction::From { 0 } else { padding };
    let asked = Line::request_length(path, padding) as f64;
    let each = match direction {
        Direction::To => asked,
        Direction::From => answer.length() as f64,
        Direction::Both => asked.max(answer.length() as f64),
    };
    let mut line = Line::open(edge.addr()).await.ok()?;
    let mut straight = Line::open(target).await.ok()?;
    let mut whole = 0.0;
    while whole <= limit as f64 * 2.0 {
        // The target must keep its connections: else it is not the limit that ends them.
        timeout(PROBE_MAX, straight.ask(path, padding, PROBE_MAX)).await.ok()?.ok()?;
        match timeout(PROBE_MAX, line.ask(path, padding, PROBE_MAX)).await {
            Ok(Ok(response)) if response.is_whole => whole += each,
            // It ended somewhere within this exchange: at the limit, if that is in it.
            Ok(_) => return Some((limit as f64).clamp(whole, whole + each)),
            Err(_) => return None,
        }
    }
    None
}

/// Milliseconds that slices add to one exchange, and those that their number lets expect.
pub(super) async fn slices(edge: &Edge, probe: &Probe, slice: (u32, Duration, Direction)) -> Option<(f64, f64)> {
    let (Probe::Http { path }, Some(target)) = (probe, edge.upstream()) else {
        return None;
    };
    let (average, delay, direction) = slice;
    let straight = exchange::ask(target, path, PROBE_MAX).await?;
    let rests = |length: usize| (length as f64 / f64::from(average) - 1.0).max(0.0);
    let mut expected = 0.0;
    if direction.covers(Direction::To) {
        expected += rests(Line::request_length(path, 0));
    }
    if direction.covers(Direction::From) {
        expected += rests(straight.length());
    }
    let expected = delay.mul_f64(expected);
    let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
    let limit = (expected * 3 + PROBE_MAX).min(SLICED_MAX);
    let mut line = Line::open(edge.addr()).await.ok()?;
    match timeout(limit, line.ask(path, 0, limit)).await {
        Ok(sliced) => Some((ms(sliced.ok()?.to_end.saturating_sub(straight.to_end)), ms(expected.min(limit)))),
        // Longer than anybody waits here is as long as this for sure.
        Err(_) => (expected > limit).then(|| (ms(limit), ms(limit))),
    }
}
