//! Lets bytes of one way of one connection pass at a rate: a chunk is cut into pieces that have a time each.

use super::edge_fault::{Bottleneck, Direction, EdgeFault};
use super::entry::Entry;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Pieces of one second: small enough that a rate looks smooth, large enough that the timer is seldom asked.
const PIECES_PER_SECOND: u64 = 100;

/// A sender that has nothing for longer than this is idle: there is nothing to catch up for.
const GAP_MAX: Duration = Duration::from_millis(2);

/// How far a sender that could not be served in time may catch up.
///
/// Timers are late by milliseconds; a receiver that did not read for longer gets the rate and not a burst.
const CATCH_UP_MAX: Duration = Duration::from_millis(50);

#[derive(Debug, Default)]
pub(super) struct Shaper {
    chunk: Bytes,
    /// Length of the piece that goes next, and when it may.
    next: Option<(usize, Instant)>,
    /// When the last piece was to go.
    last: Option<Instant>,
    /// Since when there is nothing to send.
    idle_since: Option<Instant>,
}

fn time_for(bytes: usize, rate: u64) -> Duration {
    let nanos = u128::from(bytes as u64) * 1_000_000_000 / u128::from(rate);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

impl Shaper {
    pub(super) fn is_empty(&self) -> bool {
        self.chunk.is_empty()
    }

    /// When to look again; `None` when nothing waits here.
    pub(super) fn next_wake(&self) -> Option<Instant> {
        self.next.map(|(_, at)| at)
    }

    /// Takes a chunk that is due. Only while empty.
    pub(super) fn load(&mut self, chunk: Bytes, now: Instant) {
        if self.idle_since.take().is_some_and(|since| now > since + GAP_MAX) {
            self.last = None;
        }
        self.chunk = chunk;
    }

    /// There is nothing to send.
    pub(super) fn rest(&mut self, now: Instant) {
        self.idle_since.get_or_insert(now);
    }

    /// Takes off what may pass now, under the rates of `entries`; everything when there are none.
    pub(super) fn take(&mut self, way: Direction, entries: &[Arc<Entry>], now: Instant) -> Option<Bytes> {
        if self.chunk.is_empty() {
            return None;
        }
        let rates = || {
            entries.iter().filter_map(|entry| match entry.fault {
                EdgeFault::Bandwidth { bytes_per_second, per, .. } => Some((entry, bytes_per_second.max(1), per)),
                _ => None,
            })
        };
        let Some(slowest) = rates().map(|(_, rate, _)| rate).min() else {
            (self.next, self.last) = (None, None);
            return Some(std::mem::take(&mut self.chunk));
        };
        let (length, at) = self.next.unwrap_or_else(|| {
            let most = usize::try_from(slowest / PIECES_PER_SECOND).unwrap_or(usize::MAX).max(1);
            let length = self.chunk.len().min(most);
            let earliest = self.last.map_or(now, |last| last.max(now.checked_sub(CATCH_UP_MAX).unwrap_or(now)));
            let free = rates().map(|(entry, rate, per)| {
                entry.see_and_hit();
                match per {
                    Bottleneck::Connection => earliest + time_for(length, rate),
                    Bottleneck::Edge => entry.reserve(way, earliest, time_for(length, rate)),
                }
            });
            (length, free.max().unwrap_or(now))
        });
        self.next = Some((length, at));
        if at > now {
            return None;
        }
        self.next = None;
        let piece = self.chunk.split_to(length);
        self.last = Some(at);
        Some(piece)
    }
}
