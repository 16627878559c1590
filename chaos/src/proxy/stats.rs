//! Counters of one edge.

use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering};

/// What an edge has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EdgeStats {
    /// Connections accepted.
    pub connections: u64,
    /// Connections open now.
    pub active: u64,
    /// Connections reset because there was no upstream, it did not answer, or the limit was reached.
    pub refused: u64,
    /// Connections reset by a fault.
    pub resets_injected: u64,
    /// Connections closed in order by a fault.
    pub closes_injected: u64,
    /// Requests answered by a fault instead of the target.
    pub responses_aborted: u64,
    /// Bytes forwarded to the target.
    pub bytes_to: u64,
    /// Bytes forwarded from the target.
    pub bytes_from: u64,
    /// Bytes read from callers.
    pub read_to: u64,
    /// Bytes read from the target.
    pub read_from: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) connections: AtomicU64,
    pub(super) active: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) resets_injected: AtomicU64,
    pub(super) closes_injected: AtomicU64,
    pub(super) responses_aborted: AtomicU64,
    pub(super) bytes_to: AtomicU64,
    pub(super) bytes_from: AtomicU64,
    pub(super) read_to: AtomicU64,
    pub(super) read_from: AtomicU64,
    /// Bytes that wait in delay lines now.
    pub(super) waiting: AtomicU64,
}

impl Counters {
    pub(super) fn snapshot(&self) -> EdgeStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        EdgeStats {
            connections: read(&self.connections),
            active: read(&self.active),
            refused: read(&self.refused),
            resets_injected: read(&self.resets_injected),
            closes_injected: read(&self.closes_injected),
            responses_aborted: read(&self.responses_aborted),
            bytes_to: read(&self.bytes_to),
            bytes_from: read(&self.bytes_from),
            read_to: read(&self.read_to),
            read_from: read(&self.read_from),
        }
    }
}

pub(super) fn add(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}
