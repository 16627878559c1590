//! Looks at which threads of a target stand still, and whether only they do.

use super::observe::tracer;
use crate::proc_table::{self, Entry};
use crate::thread_choice::{ThreadChoice, threads_of};
use std::collections::BTreeMap;

/// Looks at the threads of some processes, again and again.
pub(super) struct ThreadWatch {
    choice: ThreadChoice,
    processes: Vec<Entry>,
    /// What each stopped thread had done at the last look.
    done: BTreeMap<i32, u64>,
}

impl ThreadWatch {
    pub(super) fn new(choice: &ThreadChoice, processes: &[Entry]) -> Self {
        Self { choice: choice.clone(), processes: processes.to_vec(), done: BTreeMap::new() }
    }

    /// How many of the threads that were meant this holder has stopped, so that they have done nothing since the last
    /// look; and whether no other thread stands.
    pub(super) fn look(&mut self, holder: i32) -> [(&'static str, f64); 2] {
        let threads = threads_of(&self.processes);
        let all = threads.iter().filter(|thread| matches!(thread.state, 't' | 'T')).count();
        let stands = |tid: i32, state: char| state == 't' && tracer(tid) == Some(holder);
        let mut meant = 0;
        for thread in self.choice.pool(&threads).into_iter().filter(|thread| stands(thread.tid, thread.state)) {
            let Some(now) = proc_table::work_done(thread.pid, thread.tid) else { continue };
            let before = self.done.insert(thread.tid, now).unwrap_or(now);
            meant += u32::from(before == now);
        }
        let others = all - (meant as usize).min(self.choice.count as usize);
        [("stopped_threads", f64::from(meant)), ("others_running", f64::from(u8::from(others == 0)))]
    }
}
