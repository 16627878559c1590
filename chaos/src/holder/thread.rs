//! Some threads that stand still because we trace them, while the others of their process run on.

use super::pause::Paused;
use crate::proc_table::Entry;
use crate::thread_choice::{ThreadChoice, threads_of};
use std::collections::BTreeSet;
use std::io;

/// Passes over the threads; each makes up for those that ended during the one before.
const PASSES: usize = 50;

/// Stops the threads of the choice; the same seed draws the same of the same threads.
pub(super) fn take(processes: &[Entry], choice: &ThreadChoice, seed: u64) -> io::Result<Paused> {
    if processes.is_empty() {
        return Err(io::Error::other("there is no process with threads to pause"));
    }
    let wanted = choice.count as usize;
    let mut paused = Paused::default();
    let mut tried = BTreeSet::new();
    for _ in 0..PASSES {
        let threads = threads_of(processes);
        let missing = wanted - paused.count();
        let fresh: Vec<i32> = choice.drawn(&threads, seed).into_iter().filter(|tid| !tried.contains(tid)).collect();
        if fresh.len() < missing {
            return Err(io::Error::other(choice.lacks(&threads)));
        }
        for tid in fresh.into_iter().take(missing) {
            tried.insert(tid);
            paused.stop(tid)?;
        }
        if paused.count() == wanted {
            return Ok(paused);
        }
    }
    Err(io::Error::other("threads end faster than they can be stopped"))
}
