//! Chunks that wait for their release, in order. Pipelined: a delay adds latency and keeps throughput.

use bytes::Bytes;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// Bytes that may wait in one direction of one connection before reading stops.
///
/// 4 MiB keeps 20 MB/s flowing through a delay of 200 ms.
pub(super) const MAX_WAITING_BYTES: usize = 4 << 20;

/// The runtime's timer fires up to a millisecond late; half of it is taken off so that the error has no bias.
const TIMER_BIAS: Duration = Duration::from_micros(500);

/// What waits.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// Bytes.
    Chunk(Bytes),
    /// The end of the stream, which must not overtake the bytes before it.
    End,
}

#[derive(Debug, Default)]
pub(super) struct DelayLine {
    items: VecDeque<(Instant, Item)>,
    bytes: usize,
}

impl DelayLine {
    pub(super) fn push(&mut self, item: Item, release: Instant) {
        let release = self.items.back().map_or(release, |(last, _)| release.max(*last));
        if let Item::Chunk(chunk) = &item {
            self.bytes += chunk.len();
        }
        self.items.push_back((release, item));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(super) fn has_room(&self) -> bool {
        self.bytes < MAX_WAITING_BYTES
    }

    /// When to look again; `None` when nothing waits.
    pub(super) fn next_wake(&self) -> Option<Instant> {
        self.items.front().map(|(release, _)| *release - TIMER_BIAS)
    }

    /// Takes the first item if its time has come.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Item> {
        let (release, _) = self.items.front()?;
        if *release > now + TIMER_BIAS {
            return None;
        }
        let (_, item) = self.items.pop_front()?;
        if let Item::Chunk(chunk) = &item {
            self.bytes -= chunk.len();
        }
        Some(item)
    }

    /// Makes everything due: the fault that held it is gone.
    pub(super) fn release_all(&mut self, now: Instant) {
        for (release, _) in &mut self.items {
            *release = now;
        }
    }
}
