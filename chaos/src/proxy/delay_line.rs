//! Chunks that wait for their release, in order. Pipelined: a delay adds latency and keeps throughput.

use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::time::Instant;

/// Bytes that may wait in one direction of one connection whatever else waits: one read of a fast sender.
const OWN_BYTES: u64 = 256 << 10;

/// Most bytes that may wait in one direction of one connection before reading stops.
///
/// 64 MiB keep 640 MB/s flowing through a delay of 100 ms.
const LANE_BYTES_MAX: u64 = 64 << 20;

/// Bytes beyond their own that may wait in all connections of an edge together.
const EDGE_BYTES_MAX: u64 = 256 << 20;

/// What an item takes besides its bytes: a queue has room for up to twice of what is in it.
const ITEM_BYTES: u64 = 2 * size_of::<(Instant, Item)>() as u64;

/// What waits.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// Bytes.
    Chunk(Bytes),
    /// The end of the stream, which must not overtake the bytes before it.
    End,
}

impl Item {
    /// Memory that it takes.
    fn bytes(&self) -> u64 {
        let own = if let Item::Chunk(chunk) = self { chunk.len() as u64 } else { 0 };
        own + ITEM_BYTES
    }
}

#[derive(Debug)]
pub(super) struct DelayLine<'a> {
    items: VecDeque<(Instant, Item)>,
    /// Memory that all items take.
    bytes: u64,
    /// The same in all lines of the edge.
    together: &'a AtomicU64,
}

impl<'a> DelayLine<'a> {
    /// An empty line that counts its bytes in `together` too.
    pub(super) fn new(together: &'a AtomicU64) -> Self {
        Self { items: VecDeque::new(), bytes: 0, together }
    }

    pub(super) fn push(&mut self, item: Item, release: Instant) {
        let release = self.items.back().map_or(release, |(last, _)| release.max(*last));
        self.bytes += item.bytes();
        self.together.fetch_add(item.bytes(), Ordering::Relaxed);
        self.items.push_back((release, item));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(super) fn has_room(&self) -> bool {
        let together = || self.together.load(Ordering::Relaxed);
        self.bytes < OWN_BYTES || (self.bytes < LANE_BYTES_MAX && together() < EDGE_BYTES_MAX)
    }

    /// When to look again; `None` when nothing waits.
    pub(super) fn next_wake(&self) -> Option<Instant> {
        self.items.front().map(|(release, _)| *release)
    }

    /// Whether the first item's time has come.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.items.front().is_some_and(|(release, _)| *release <= now)
    }

    /// Whether the next item is the end of the stream.
    pub(super) fn ends_next(&self) -> bool {
        matches!(self.items.front(), Some((_, Item::End)))
    }

    /// Takes the first item if its time has come.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Item> {
        if !self.is_due(now) {
            return None;
        }
        let (_, item) = self.items.pop_front()?;
        if self.items.is_empty() {
            // An idle connection keeps no memory of its busy times.
            self.items = VecDeque::new();
        }
        self.bytes -= item.bytes();
        self.together.fetch_sub(item.bytes(), Ordering::Relaxed);
        Some(item)
    }

    /// Makes all bytes due: the fault that held them is gone.
    pub(super) fn release_chunks(&mut self) {
        let now = Instant::now();
        for (release, _) in self.items.iter_mut().filter(|(_, item)| *item != Item::End) {
            *release = (*release).min(now);
        }
    }

    /// Makes the end of the stream due.
    pub(super) fn release_end(&mut self) {
        if let Some((release, Item::End)) = self.items.back_mut() {
            *release = (*release).min(Instant::now());
        }
    }
}

impl Drop for DelayLine<'_> {
    fn drop(&mut self) {
        self.together.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
