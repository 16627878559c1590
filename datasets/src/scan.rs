//! Reading many evidences, of each what is asked for.

use crate::digest::Digest;
use crate::error::EvidenceError;
use crate::store::EvidenceStore;
use scorer::evidence::{Evidence, RawSeries};
use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

impl EvidenceStore {
    /// Hands every evidence to `each` with the samples that `choose` chooses of it, as [`EvidenceStore::get_only`], and
    /// gives the answers in the order of `digests`. Every processor reads one evidence at a time, and none is kept: memory
    /// does not grow with their number.
    pub fn scan<T: Send>(
        &self,
        digests: &[Digest],
        choose: impl Fn(&[RawSeries]) -> Vec<bool> + Sync,
        each: impl Fn(Evidence) -> T + Sync,
    ) -> Vec<Result<T, EvidenceError>> {
        let next = AtomicUsize::new(0);
        let take = || {
            let place = next.fetch_add(1, Ordering::Relaxed);
            digests.get(place).map(|digest| (place, self.get_only(digest, &choose).map(&each)))
        };
        let work = || std::iter::from_fn(take).collect::<Vec<_>>();
        let threads = thread::available_parallelism().map_or(1, NonZero::get).min(digests.len());
        let mut answers: Vec<_> = thread::scope(|scope| {
            let readers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            readers.into_iter().flat_map(|reader| reader.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
        });
        answers.sort_by_key(|(place, _)| *place);
        answers.into_iter().map(|(_, answer)| answer).collect()
    }
}
