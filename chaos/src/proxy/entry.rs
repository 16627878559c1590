//! One entry of a fault table: a fault, its lease, its sequence of draws, and what it did so far.

use super::edge_fault::{Direction, EdgeFault};
use super::share::{Share, draw};
use crate::lease::{FaultId, Lease};
use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Tells the draws that choose connections from those that strike.
const CHOOSING: u64 = 0x9e37_79b9_7f4a_7c15;

/// Tells the draws of a second quantity (a place, a width) from those that strike.
const SECOND: u64 = 0xd1b5_4a32_d192_ed03;

/// What an entry did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EntryStats {
    /// Chunks, connections or requests that the entry looked at.
    pub seen: u64,
    /// How many of them it changed.
    pub hits: u64,
}

/// When the bottleneck of an edge is free again, each way, in nanoseconds after the entry was born.
#[derive(Debug, Default)]
struct Link {
    to: AtomicU64,
    from: AtomicU64,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: FaultId,
    pub(super) fault: EdgeFault,
    connections: Share,
    seed: u64,
    born: Instant,
    ttl: Duration,
    /// Nanoseconds after `born`.
    deadline: AtomicU64,
    seen: AtomicU64,
    hits: AtomicU64,
    link: Link,
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Entry {
    pub(super) fn new(lease: &Lease, fault: EdgeFault, seed: u64, connections: Share) -> Self {
        Self {
            id: lease.id().clone(),
            fault,
            connections,
            seed,
            born: Instant::now(),
            ttl: lease.ttl(),
            deadline: AtomicU64::new(nanos(lease.ttl())),
            seen: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            link: Link::default(),
        }
    }

    /// The same entry with another dose: id, lease, draws and counts go on.
    pub(super) fn with(&self, fault: EdgeFault, seed: u64, connections: Share) -> Self {
        let copy = |counter: &AtomicU64| AtomicU64::new(counter.load(Ordering::Acquire));
        Self {
            id: self.id.clone(),
            fault,
            connections,
            seed,
            born: self.born,
            ttl: self.ttl,
            deadline: copy(&self.deadline),
            seen: copy(&self.seen),
            hits: copy(&self.hits),
            link: Link { to: copy(&self.link.to), from: copy(&self.link.from) },
        }
    }

    pub(super) fn deadline(&self) -> Instant {
        self.born + Duration::from_nanos(self.deadline.load(Ordering::Acquire))
    }

    pub(super) fn renew(&self) {
        self.deadline.store(nanos(self.born.elapsed() + self.ttl), Ordering::Release);
    }

    pub(super) fn is_live(&self) -> bool {
        Instant::now() < self.deadline()
    }

    /// Whether connection number `connection` of the edge is among those that this entry may touch.
    pub(super) fn takes(&self, connection: u64) -> bool {
        self.connections == Share::ALL || draw(self.seed ^ CHOOSING, connection) < self.connections.value()
    }

    /// Counts one more thing that was looked at; returns its number.
    pub(super) fn see(&self) -> u64 {
        self.seen.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn hit(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one more thing that was looked at, and changed.
    pub(super) fn see_and_hit(&self) -> u64 {
        self.hit();
        self.see()
    }

    /// Draw number `n` of this entry's sequence.
    pub(super) fn draw(&self, n: u64) -> f64 {
        draw(self.seed, n)
    }

    /// Draw number `n` of a sequence that is independent of the first.
    pub(super) fn second_draw(&self, n: u64) -> f64 {
        draw(self.seed ^ SECOND, n)
    }

    /// Looks at one more thing, and draws whether it is chosen; returns its number if so.
    pub(super) fn chooses(&self, share: Share) -> Option<u64> {
        let n = self.see();
        (self.draw(n) < share.value()).then_some(n)
    }

    /// Like [`Entry::chooses`]; what is chosen is hit.
    pub(super) fn strikes(&self, share: Share) -> Option<u64> {
        self.chooses(share).inspect(|_| self.hit())
    }

    /// Takes the shared bottleneck for `takes`, not before `earliest`; returns when it is free again.
    pub(super) fn reserve(&self, way: Direction, earliest: Instant, takes: Duration) -> Instant {
        let link = if way == Direction::To { &self.link.to } else { &self.link.from };
        let earliest = nanos(earliest.saturating_duration_since(self.born));
        let next = |free: u64| free.max(earliest).saturating_add(nanos(takes));
        let before = link.fetch_update(Ordering::AcqRel, Ordering::Acquire, |free| Some(next(free)));
        let free = before.unwrap_or_else(|same| same);
        self.born + Duration::from_nanos(next(free))
    }

    pub(super) fn stats(&self) -> EntryStats {
        EntryStats { seen: self.seen.load(Ordering::Relaxed), hits: self.hits.load(Ordering::Relaxed) }
    }
}
