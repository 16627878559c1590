//! The fault table of an edge: entries by id, each alive only while its lease is.
//!
//! Invariant: an entry whose deadline has passed changes nothing any more, whether or not anybody removed it.

use super::edge_fault::EdgeFault;
use super::entry::{Entry, EntryStats};
use super::share::Share;
use crate::lease::{FaultId, Lease};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

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

/// Answer to a change of dose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The entry has the new dose; its lease runs as before.
    Changed,
    /// No live entry has this id any more.
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

/// What to put into a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Dose {
    /// The fault.
    pub fault: EdgeFault,
    /// Seed of its draws.
    pub seed: u64,
    /// Share of the edge's connections that may feel it; which ones follows from the seed and their order.
    pub connections: Share,
}

pub(super) type Entries = Arc<Vec<Arc<Entry>>>;

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

    /// What is in the table now. Ask each entry whether it lives.
    pub(super) fn entries(&self) -> Entries {
        self.entries.borrow().clone()
    }

    fn change<T>(&self, change: impl FnOnce(&mut Vec<Arc<Entry>>) -> T) -> T {
        let mut answer = None;
        self.entries.send_modify(|entries| {
            answer = Some(change(Arc::make_mut(entries)));
            self.quiet.store(entries.is_empty(), Ordering::Release);
        });
        answer.expect("send_modify always calls its argument")
    }

    pub(super) fn insert(&self, lease: &Lease, dose: Dose) -> Result<(), FaultId> {
        let entry = Entry::new(lease, dose.fault, dose.seed, dose.connections);
        self.change(|entries| {
            if entries.iter().any(|other| other.id == entry.id) {
                return Err(entry.id.clone());
            }
            entries.push(Arc::new(entry));
            Ok(())
        })
    }

    pub(super) fn set(&self, id: &FaultId, dose: Dose) -> Change {
        self.change(|entries| match entries.iter_mut().find(|entry| entry.id == *id && entry.is_live()) {
            Some(entry) => {
                *entry = Arc::new(entry.with(dose.fault, dose.seed, dose.connections));
                Change::Changed
            }
            None => Change::Gone,
        })
    }

    pub(super) fn renew(&self, id: &FaultId) -> Renewal {
        let entries = self.entries.borrow();
        match entries.iter().find(|entry| entry.id == *id && entry.is_live()) {
            Some(entry) => {
                entry.renew();
                Renewal::Renewed
            }
            None => Renewal::Gone,
        }
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

    /// Whether the entry `id` is in the table and alive.
    pub(super) fn lives(&self, id: &FaultId) -> bool {
        self.entries.borrow().iter().any(|entry| entry.id == *id && entry.is_live())
    }
}
