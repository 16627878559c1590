//! Connections that an edge still takes, bytes that a connection lives for, pieces that a message comes in.

use super::PROBE_MAX;
use super::exchange::{self, Line};
use crate::probe::Probe;
use crate::proxy::{Direction, Edge};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a connection is watched for its reset: it comes at once.
const RESET_MAX: Duration = Duration::from_millis(100);

/// Connections open at once when the next one was reset; none when none was.
pub(super) async fn cap(edge: &Edge, max: u64) -> Option<f64> {
    let mut open = Vec::new();
    // Two more than allowed: one that must be reset, and one that ends while we count.
    for _ in 0..max + 2 {
        let others = edge.stats().active;
        // A reset can be as early as the connection itself.
        let Ok(stream) = TcpStream::connect(edge.addr()).await else {
            return Some(others as f64);
        };
        let mut byte = [0];
        match timeout(RESET_MAX, stream.peek(&mut byte)).await {
            Ok(Err(_)) => return Some(others as f64),
            Ok(Ok(_)) | Err(_) => open.push(stream),
        }
    }
    None
}

/// Bytes that passed in `direction` on one connection until it was closed; none when it was not, or not by `limit`.
pub(super) async fn life(edge: &Edge, probe: &Probe, (limit, direction): (u64, Direction)) -> Option<f64> {
    let (Probe::Http { path }, Some(target)) = (probe, edge.upstream()) else {
        return None;
    };
    let answer = exchange::ask(target, path, PROBE_MAX).await?;
    // Fifty steps: a step is how coarse the figure is.
    let padding = (limit as usize / 50).saturating_sub(Line::request_length(path)).min(4 << 10);
    let padding = if direction == Direction::From { 0 } else { padding };
    let asked =
        (Line::request_length(path) + padding + if padding > 0 { "x-mettle-padding: \r\n".len() } else { 0 }) as f64;
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
        timeout(PROBE_MAX, straight.ask(path, padding)).await.ok()?.ok()?;
        match timeout(PROBE_MAX, line.ask(path, padding)).await {
            Ok(Ok(response)) if response.is_whole => whole += each,
            // It ended somewhere within this exchange.
            Ok(_) => return Some(whole + each / 2.0),
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
        expected += rests(Line::request_length(path));
    }
    if direction.covers(Direction::From) {
        expected += rests(straight.length());
    }
    let expected = delay.mul_f64(expected);
    let sliced = exchange::ask(edge.addr(), path, expected * 3 + PROBE_MAX).await?;
    let added = sliced.to_end.saturating_sub(straight.to_end);
    Some((added.as_secs_f64() * 1_000.0, expected.as_secs_f64() * 1_000.0))
}
