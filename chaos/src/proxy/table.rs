//! The fault table of an edge: entries by id, each alive only while its lease is.
//!
//! Invariant: an entry whose deadline has passed changes nothing any more, whether or not anybody removed it.

use crate::lease::{FaultId, Lease};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Which bytes of an edge a fault concerns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Bytes on their way to the target.
    #[default]
    To,
    /// Bytes on their way from the target.
    From,
    /// Both ways: a round trip meets the fault twice.
    Both,
}

impl Direction {
    /// Whether this direction includes `way` (which is `To` or `From`).
    pub fn covers(self, way: Direction) -> bool {
        self == Direction::Both || self == way
    }

    /// How often a round trip meets a fault of this direction.
    pub fn passes_per_round_trip(self) -> u32 {
        match self {
            Direction::To | Direction::From => 1,
            Direction::Both => 2,
        }
    }
}

/// A share in (0, 1]: of connections or of requests.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Share(f64);

/// A number that is not a share.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{value} is not a share; it must be more than 0 and at most 1")]
pub struct ShareError {
    /// What was given.
    pub value: f64,
}

impl Share {
    /// Everything.
    pub const ALL: Share = Share(1.0);

    /// A share, if `value` lies in (0, 1].
    pub fn try_new(value: f64) -> Result<Self, ShareError> {
        if value > 0.0 && value <= 1.0 { Ok(Self(value)) } else { Err(ShareError { value }) }
    }

    /// The share as a number in (0, 1].
    pub fn value(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Share {
    type Error = ShareError;
    fn try_from(value: f64) -> Result<Self, ShareError> {
        Self::try_new(value)
    }
}

impl From<Share> for f64 {
    fn from(share: Share) -> f64 {
        share.0
    }
}

/// A fault as the proxy understands it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum EdgeFault {
    /// Each chunk is released `delay` (uniform within plus or minus `jitter`) after it arrived, in order.
    Delay {
        /// Added time.
        delay: Duration,
        /// Half width of the uniform jitter; at most `delay`.
        jitter: Duration,
        /// Which way.
        direction: Direction,
    },
    /// New connections, and those open at the injection, are reset (RST), each with this probability.
    Reset {
        /// Share of connections.
        share: Share,
    },
    /// HTTP/1.1 requests are answered with `status` instead of being forwarded, each with this probability.
    Abort {
        /// Status of the answer.
        status: u16,
        /// Share of requests.
        share: Share,
    },
}

/// What an entry did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EntryStats {
    /// Chunks, connections or requests that the entry looked at.
    pub seen: u64,
    /// How many of them it changed.
    pub hits: u64,
}

/// One entry of a fault table, as seen from outside.
#[derive(Clone, Debug, PartialEq)]
pub struct EntryView {
    /// Our id.
    pub id: FaultId,
    /// The fault.
    pub fault: EdgeFault,
    /// What it did so far.
    pub stats: EntryStats,
    /// Time until the lease lapses.
    pub lives_for: Duration,
}

/// Answer to a removal by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// The entry is gone; this is what it did.
    Removed(EntryStats),
    /// No entry has this id: it was removed before, or its lease lapsed.
    NotThere,
}

/// Answer to a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// The lease runs for another time to live.
    Renewed,
    /// No live entry has this id any more; a lapsed fault is never revived.
    Gone,
}

/// Why an entry was not made.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InjectError {
    /// Ids are used once.
    #[error("edge {edge} has a fault with the id `{id}` already")]
    IdInUse {
        /// The edge.
        edge: String,
        /// The id.
        id: FaultId,
    },
}

/// Draw number `n` of the sequence `seed`: uniform in [0, 1). Equal arguments give equal draws on any machine.
pub fn draw(seed: u64, n: u64) -> f64 {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_word_pos(u128::from(n) * 2); // one draw takes two 32-bit words
    // The 53 bits of a double's fraction.
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: FaultId,
    pub(super) fault: EdgeFault,
    seed: u64,
    born: Instant,
    ttl: Duration,
    /// Nanoseconds after `born`.
    deadline: AtomicU64,
    seen: AtomicU64,
    hits: AtomicU64,
}

impl Entry {
    fn deadline(&self) -> Instant {
        self.born + Duration::from_nanos(self.deadline.load(Ordering::Acquire))
    }

    pub(super) fn is_live(&self) -> bool {
        Instant::now() < self.deadline()
    }

    /// Takes the next draw of this entry's sequence.
    fn next_draw(&self) -> f64 {
        draw(self.seed, self.seen.fetch_add(1, Ordering::Relaxed))
    }

    fn hit(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
    }

    fn strikes(&self, share: Share) -> bool {
        let strikes = self.next_draw() < share.value();
        if strikes {
            self.hit();
        }
        strikes
    }

    fn stats(&self) -> EntryStats {
        EntryStats { seen: self.seen.load(Ordering::Relaxed), hits: self.hits.load(Ordering::Relaxed) }
    }
}

type Entries = Arc<Vec<Arc<Entry>>>;

#[derive(Debug)]
pub(super) struct Table {
    entries: watch::Sender<Entries>,
    /// True while the table is empty: the fast path looks at this alone.
    quiet: AtomicBool,
}

impl Table {
    pub(super) fn new() -> Self {
        Self { entries: watch::Sender::new(Entries::default()), quiet: AtomicBool::new(true) }
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.quiet.load(Ordering::Acquire)
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Entries> {
        self.entries.subscribe()
    }

    fn change<T>(&self, change: impl FnOnce(&mut Vec<Arc<Entry>>) -> T) -> T {
        let mut answer = None;
        self.entries.send_modify(|entries| {
            answer = Some(change(Arc::make_mut(entries)));
            self.quiet.store(entries.is_empty(), Ordering::Release);
        });
        answer.expect("send_modify always calls its argument")
    }

    pub(super) fn insert(&self, lease: &Lease, fault: EdgeFault, seed: u64) -> Result<(), FaultId> {
        let ttl_ns = u64::try_from(lease.ttl().as_nanos()).expect("a lease lasts seconds");
        let entry = Entry {
            id: lease.id().clone(),
            fault,
            seed,
            born: Instant::now(),
            ttl: lease.ttl(),
            deadline: AtomicU64::new(ttl_ns),
            seen: AtomicU64::new(0),
            hits: AtomicU64::new(0),
        };
        self.change(|entries| {
            if entries.iter().any(|other| other.id == entry.id) {
                return Err(entry.id.clone());
            }
            entries.push(Arc::new(entry));
            Ok(())
        })
    }

    pub(super) fn renew(&self, id: &FaultId) -> Renewal {
        let entries = self.entries.borrow().clone();
        let Some(entry) = entries.iter().find(|entry| entry.id == *id && entry.is_live()) else {
            return Renewal::Gone;
        };
        let until = entry.born.elapsed() + entry.ttl;
        entry.deadline.store(u64::try_from(until.as_nanos()).unwrap_or(u64::MAX), Ordering::Release);
        Renewal::Renewed
    }

    pub(super) fn remove(&self, id: &FaultId) -> Removal {
        self.change(|entries| match entries.iter().position(|entry| entry.id == *id) {
            Some(at) => Removal::Removed(entries.remove(at).stats()),
            None => Removal::NotThere,
        })
    }

    pub(super) fn views(&self) -> Vec<EntryView> {
        let now = Instant::now();
        let view = |entry: &Arc<Entry>| EntryView {
            id: entry.id.clone(),
            fault: entry.fault.clone(),
            stats: entry.stats(),
            lives_for: entry.deadline().saturating_duration_since(now),
        };
        self.entries.borrow().iter().map(view).collect()
    }

    /// Removes what has lapsed and tells when to look again.
    pub(super) fn drop_lapsed(&self) -> Option<Instant> {
        if self.entries.borrow().iter().any(|entry| !entry.is_live()) {
            self.change(|entries| entries.retain(|entry| entry.is_live()));
        }
        self.entries.borrow().iter().map(|entry| entry.deadline()).min()
    }

    fn live(&self) -> Vec<Arc<Entry>> {
        self.entries.borrow().iter().filter(|entry| entry.is_live()).cloned().collect()
    }

    /// How long a chunk that goes `way` is held now; `None` when nothing delays it.
    pub(super) fn delay(&self, way: Direction) -> Option<Duration> {
        let mut sum = None;
        for entry in self.live() {
            if let EdgeFault::Delay { delay, jitter, direction } = entry.fault
                && direction.covers(way)
            {
                let offset = jitter.mul_f64(2.0 * entry.next_draw());
                entry.hit();
                *sum.get_or_insert(Duration::ZERO) += (delay + offset).saturating_sub(jitter);
            }
        }
        sum
    }

    /// Whether anything delays chunks that go `way`, without taking a draw.
    pub(super) fn delays(&self, way: Direction) -> bool {
        self.live()
            .iter()
            .any(|entry| matches!(entry.fault, EdgeFault::Delay { direction, .. } if direction.covers(way)))
    }

    /// Draws once for each live reset that is not in `drawn` yet; true when one of them strikes.
    pub(super) fn resets(&self, drawn: &mut Vec<FaultId>) -> bool {
        let mut struck = false;
        for entry in self.live() {
            if let EdgeFault::Reset { share } = entry.fault
                && !drawn.contains(&entry.id)
            {
                drawn.push(entry.id.clone());
                struck |= entry.strikes(share);
            }
        }
        struck
    }

    /// Whether requests must be judged before they are forwarded.
    pub(super) fn aborts(&self) -> bool {
        !self.is_quiet() && self.live().iter().any(|entry| matches!(entry.fault, EdgeFault::Abort { .. }))
    }

    /// Judges one request: the status and the fault that answers it, if one does.
    pub(super) fn abort(&self) -> Option<(u16, FaultId)> {
        self.live().into_iter().find_map(|entry| match entry.fault {
            EdgeFault::Abort { status, share } if entry.strikes(share) => Some((status, entry.id.clone())),
            _ => None,
        })
    }
}
