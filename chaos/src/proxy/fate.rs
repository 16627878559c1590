//! What the faults of an edge have in store for one connection as a whole.

use super::edge_fault::{Direction, EdgeFault, PartitionMode};
use super::entry::Entry;
use super::table::Table;
use super::tls_fault::Presented;
use crate::lease::FaultId;
use crate::road::Road;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Close {
    /// Both sides get the end of their stream.
    Orderly,
    /// Both sides get a reset.
    Reset,
}

/// What a connection is to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Go on.
    Through,
    /// Go on waiting for the target: nothing reaches it.
    Hang,
    /// End because a fault says so.
    End(Close),
    /// Live on one side alone, until the fault `id` is gone.
    HalfOpen { id: FaultId, direction: Direction },
}

/// A connection that has lost bytes, or will, ends when the fault does that took them, and at the latest `at`.
#[derive(Debug)]
struct Doom {
    id: FaultId,
    direction: Direction,
    after: Option<Duration>,
    at: Option<Instant>,
    close: Close,
}

#[derive(Debug)]
pub(super) struct Fate<'a> {
    table: &'a Table,
    number: u64,
    /// Faults that this connection has met, each counted once.
    met: Mutex<Vec<FaultId>>,
    dooms: Mutex<Vec<Doom>>,
    is_doomed: AtomicBool,
    doomed: Notify,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Fate<'a> {
    /// The fate of connection number `number` of the edge.
    pub(super) fn new(table: &'a Table, number: u64) -> Self {
        Self {
            table,
            number,
            met: Mutex::default(),
            dooms: Mutex::default(),
            is_doomed: AtomicBool::new(false),
            doomed: Notify::new(),
        }
    }

    /// Whether `entry` is alive and takes this connection.
    pub(super) fn feels(&self, entry: &Entry) -> bool {
        entry.is_live() && entry.takes(self.number)
    }

    /// Position of this connection among those of the edge.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Whether the fault `id` is alive and takes this connection.
    pub(super) fn is_felt(&self, id: &FaultId) -> bool {
        self.table.entries().iter().any(|entry| entry.id == *id && self.feels(entry))
    }

    /// Whether a new connection may stay when it makes `active` open ones.
    pub(super) fn admits(&self, active: u64) -> bool {
        if self.table.is_quiet() {
            return true;
        }
        let mut admits = true;
        for entry in self.table.entries().iter().filter(|entry| self.feels(entry)) {
            if let EdgeFault::LimitConnections { max } = entry.fault {
                entry.see();
                if active > max {
                    entry.hit();
                    admits = false;
                }
            }
        }
        admits
    }

    /// What a new connection is to see in place of the target's certificate, and by which fault.
    pub(super) fn presents(&self) -> Option<(FaultId, Presented)> {
        if self.table.is_quiet() {
            return None;
        }
        self.table.entries().iter().filter(|entry| self.feels(entry)).find_map(|entry| match &entry.fault {
            EdgeFault::Tls { presents: Some(presented), .. } => {
                entry.see_and_hit();
                Some((entry.id.clone(), presented.clone()))
            }
            _ => None,
        })
    }

    /// The road that the connection is to take; one that it does not take yet is counted.
    pub(super) fn road(&self, taken: Option<&Road>) -> Option<Road> {
        if self.table.is_quiet() {
            return None;
        }
        self.table.entries().iter().filter(|entry| self.feels(entry)).find_map(|entry| match &entry.fault {
            EdgeFault::Packets { over: Some(road), .. } if !road.is_gone() => {
                if taken != Some(road) {
                    entry.see_and_hit();
                }
                Some(road.clone())
            }
            _ => None,
        })
    }

    /// Judges the connection by what is in the table now.
    pub(super) fn judge(&self) -> Verdict {
        if let Some(close) = self.due() {
            return Verdict::End(close);
        }
        if self.table.is_quiet() {
            return Verdict::Through;
        }
        let entries = self.table.entries();
        let mut met = lock(&self.met);
        met.retain(|id| entries.iter().any(|entry| entry.id == *id));
        let mut verdict = Verdict::Through;
        for entry in entries.iter().filter(|entry| self.feels(entry)) {
            let is_new = !met.contains(&entry.id);
            if is_new {
                met.push(entry.id.clone());
            }
            let says = self.judge_by(entry, is_new);
            // The harshest one counts: a reset ends what a silent partition would keep.
            if rank(&says) > rank(&verdict) {
                verdict = says;
            }
        }
        verdict
    }

    fn judge_by(&self, entry: &Entry, is_new: bool) -> Verdict {
        match &entry.fault {
            EdgeFault::Reset { share } if is_new && entry.strikes(*share).is_some() => Verdict::End(Close::Reset),
            EdgeFault::Partition { mode, direction } => {
                if is_new {
                    entry.see_and_hit();
                }
                match mode {
                    PartitionMode::Drop => Verdict::Hang,
                    PartitionMode::Reject => Verdict::End(Close::Reset),
                    PartitionMode::HalfOpen => Verdict::HalfOpen { id: entry.id.clone(), direction: *direction },
                }
            }
            EdgeFault::Timeout { after, .. } => {
                if is_new {
                    entry.see_and_hit();
                }
                self.doom_by_timeout(entry, *after);
                Verdict::Through
            }
            EdgeFault::ResetAfter { .. } if is_new => {
                entry.see();
                Verdict::Through
            }
            _ => Verdict::Through,
        }
    }

    /// From here on bytes in the direction of `entry` vanish; the connection ends when `entry` does, and `after` from
    /// now if that is sooner. A changed `after` counts anew. True when this doom is new.
    pub(super) fn doom(&self, entry: &Entry, after: Option<Duration>, close: Close) -> bool {
        let mut dooms = lock(&self.dooms);
        let at = after.map(|after| Instant::now() + after);
        let known = dooms.iter().any(|doom| doom.id == entry.id);
        match dooms.iter_mut().find(|doom| doom.id == entry.id) {
            Some(doom) if doom.after == after => return false,
            Some(doom) => (doom.after, doom.at) = (after, at),
            None => {
                let direction = entry.fault.lane().unwrap_or(Direction::Both);
                dooms.push(Doom { id: entry.id.clone(), direction, after, at, close });
            }
        }
        self.is_doomed.store(true, Ordering::Release);
        self.doomed.notify_one();
        !known
    }

    /// Dooms the connection by a timeout; zero means no time limit.
    pub(super) fn doom_by_timeout(&self, entry: &Entry, after: Duration) {
        self.doom(entry, (!after.is_zero()).then_some(after), Close::Orderly);
    }

    /// The stream that goes `way` has ended, and its end vanished like its bytes.
    pub(super) fn stream_ended(&self, way: Direction) {
        let mut dooms = lock(&self.dooms);
        for doom in dooms.iter_mut().filter(|doom| doom.direction.covers(way) && doom.close == Close::Orderly) {
            doom.at = Some(Instant::now());
        }
        self.doomed.notify_one();
    }

    /// Whether bytes that go either way may be lost already.
    pub(super) fn is_doomed(&self) -> bool {
        self.is_doomed.load(Ordering::Acquire)
    }

    /// Whether bytes that go `way` vanish.
    pub(super) fn swallows(&self, way: Direction) -> bool {
        self.is_doomed() && lock(&self.dooms).iter().any(|doom| doom.direction.covers(way))
    }

    /// How the connection ends now, if its doom has come.
    fn due(&self) -> Option<Close> {
        if !self.is_doomed() {
            return None;
        }
        let now = Instant::now();
        let ended = |doom: &&Doom| !self.is_felt(&doom.id) || doom.at.is_some_and(|at| now >= at);
        lock(&self.dooms).iter().find(ended).map(|doom| doom.close)
    }

    /// Waits until a doom is set, or until its time has come.
    pub(super) async fn approaches(&self) {
        let at = lock(&self.dooms).iter().filter_map(|doom| doom.at).min();
        tokio::select! {
            () = self.doomed.notified() => (),
            () = tokio::time::sleep_until(at.unwrap_or_else(Instant::now)), if at.is_some() => (),
        }
    }
}

fn rank(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Through => 0,
        Verdict::Hang => 1,
        Verdict::HalfOpen { .. } => 2,
        Verdict::End(_) => 3,
    }
}
