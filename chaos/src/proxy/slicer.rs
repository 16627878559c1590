//! Cuts chunks of one way of one connection into small pieces that go one after the other.

use super::edge_fault::EdgeFault;
use super::entry::Entry;
use bytes::Bytes;
use std::num::NonZeroU64;
use std::time::Duration;
use tokio::time::Instant;

/// Pieces of a second of a dripping body: small enough to keep every reader waiting, few enough to be cheap.
const DRIPS_PER_SECOND: u64 = 20;

#[derive(Debug, Default)]
pub(super) struct Slicer {
    /// When the next piece may go.
    free: Option<Instant>,
}

impl Slicer {
    /// Until when no more bytes should be read: the pieces before them are still to go.
    pub(super) fn busy_until(&self) -> Option<Instant> {
        self.free
    }

    /// Forgets pieces that have gone.
    pub(super) fn settle(&mut self, now: Instant) {
        self.free = self.free.filter(|free| *free > now);
    }

    /// Nothing slices any more.
    pub(super) fn clear(&mut self) {
        self.free = None;
    }

    /// Cuts `chunk` into pieces that pass at `rate` bytes per second, the first one after its own time.
    pub(super) fn drip(&mut self, rate: NonZeroU64, mut chunk: Bytes, now: Instant) -> Vec<(Bytes, Instant)> {
        let most = usize::try_from(rate.get() / DRIPS_PER_SECOND).unwrap_or(usize::MAX).max(1);
        let mut pieces = Vec::with_capacity(chunk.len() / most + 1);
        let mut free = self.free.map_or(now, |free| free.max(now));
        while !chunk.is_empty() {
            let piece = chunk.split_to(most.min(chunk.len()));
            free += Duration::from_secs_f64(piece.len() as f64 / rate.get() as f64);
            pieces.push((piece, free));
        }
        self.free = Some(free);
        pieces
    }

    /// Cuts `chunk`, which may go at `now`; each piece comes with the time at which it may go.
    pub(super) fn cut(&mut self, entry: &Entry, mut chunk: Bytes, now: Instant) -> Vec<(Bytes, Instant)> {
        let EdgeFault::Slice { average, variation, delay, .. } = entry.fault else {
            return vec![(chunk, now)];
        };
        let n = entry.see();
        let least = average.get().saturating_sub(variation).max(1);
        let most = average.get().saturating_add(variation);
        let mut pieces = Vec::with_capacity(chunk.len() / average.get() as usize + 1);
        let mut free = self.free.map_or(now, |free| free.max(now));
        // One draw a chunk, then a cheap sequence from it: pieces can be single bytes.
        let mut state = (entry.draw(n) * u64::MAX as f64) as u64 | 1;
        while !chunk.is_empty() {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let width = u64::from(most - least) + 1;
            let length = (u64::from(least) + (state >> 16) % width) as usize;
            pieces.push((chunk.split_to(length.min(chunk.len())), free));
            free += delay;
        }
        if pieces.len() > 1 {
            entry.hit();
        }
        self.free = (delay > Duration::ZERO).then_some(free);
        pieces
    }
}
