//! The journal: every request of checkout leaves records; full batches go to the archive.
//!
//! The request that fills a batch waits until the archive has confirmed it. The archive is an outside party; its
//! answer time is the one thing in the shop that is a timed wait instead of work.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Records of one batch: one request in fifty waits for the archive.
const BATCH: u64 = 50;

/// Records kept in memory, in a ring.
const KEPT: usize = 65_536;

/// Bytes of a record.
const RECORD: usize = 256;

/// What a request did.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum Kind {
    CartOpened = 1,
    LineAdded = 2,
    Ordered = 3,
    Looked = 4,
    RelatedComputed = 5,
}

struct Ring {
    bytes: Vec<u8>,
    written: u64,
}

/// The journal.
pub(crate) struct Journal(Mutex<Ring>);

impl Journal {
    /// An empty journal whose memory is resident from the start, so that it does not grow while it fills.
    pub(crate) fn new() -> Self {
        // Non-zero, because zeroed memory becomes resident only when it is written.
        Journal(Mutex::new(Ring { bytes: vec![0xff; KEPT * RECORD], written: 0 }))
    }

    /// Records written so far: a number that no two requests share.
    pub(crate) fn written(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).written
    }

    /// Writes a record about `number` per kind; waits when a batch is full. Returns how many batches it filled.
    pub(crate) async fn write(&self, kinds: &[Kind], number: u64) -> u64 {
        let (before, after) = {
            let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let before = ring.written / BATCH;
            for kind in kinds {
                let at = (ring.written % KEPT as u64) as usize * RECORD;
                let record = &mut ring.bytes[at..at + RECORD];
                record.fill(0);
                record[0] = *kind as u8;
                record[1..9].copy_from_slice(&number.to_le_bytes());
                ring.written += 1;
            }
            (before, ring.written / BATCH)
        };
        for batch in before..after {
            tokio::time::sleep(archive_takes(batch)).await;
        }
        after - before
    }
}

/// 62 to 78 milliseconds, by the number of the batch.
fn archive_takes(batch: u64) -> Duration {
    Duration::from_millis(62 + batch * 7 % 17)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn batches(kinds: &[Kind]) -> u64 {
        let journal = Journal::new();
        let mut filled = 0;
        for number in 0..500 {
            filled += journal.write(kinds, number).await;
        }
        filled
    }

    #[tokio::test]
    async fn one_request_in_fifty_fills_a_batch_and_three_records_make_it_three() {
        assert_eq!(batches(&[Kind::Looked]).await, 10);
        assert_eq!(batches(&[Kind::Looked, Kind::RelatedComputed, Kind::RelatedComputed]).await, 30);
    }

    #[test]
    fn the_archive_is_slow_within_narrow_limits() {
        for batch in 0..100 {
            let takes = archive_takes(batch).as_millis();
            assert!((62..=78).contains(&takes), "{takes}");
        }
    }
}
