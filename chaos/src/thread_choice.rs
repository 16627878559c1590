//! Which threads of a component a fault holds.

use crate::proc_table::{self, Entry};
use crate::proxy::draw;
use glob::Pattern;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Longest name of a thread that the kernel keeps, bytes (`TASK_COMM_LEN` of `linux/sched.h` without the end mark).
pub const NAME_MAX: usize = 15;
/// Most names that an error lists.
const LISTED: usize = 20;

/// Threads by the name that the kernel keeps for each (`/proc/PID/task/TID/comm`), and how many of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreadChoice {
    /// Pattern of the name with `*`, `?` and `[...]`; any name without it.
    pub name: Option<String>,
    /// How many.
    pub count: u32,
}

/// A thread at the moment of reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Thread {
    /// Its process.
    pub(crate) pid: i32,
    /// Its number; that of the process for the main thread.
    pub(crate) tid: i32,
    /// State letter.
    pub(crate) state: char,
    /// Its name.
    pub(crate) name: String,
}

impl Thread {
    fn is_main(&self) -> bool {
        self.tid == self.pid
    }
}

/// The threads of these processes that have not ended, in the order of their numbers.
pub(crate) fn threads_of(processes: &[Entry]) -> Vec<Thread> {
    let of_one = |process: &Entry| {
        let pid = process.pid;
        let alive = proc_table::threads(pid).into_iter().filter(|(_, doing)| !matches!(doing.state, 'Z' | 'X'));
        let thread = move |(tid, doing): (i32, proc_table::Doing)| {
            Some(Thread { pid, tid, state: doing.state, name: proc_table::thread_name(pid, tid)? })
        };
        alive.filter_map(thread).collect::<Vec<_>>()
    };
    let mut all: Vec<Thread> = processes.iter().flat_map(of_one).collect();
    all.sort_by_key(|thread| thread.tid);
    all
}

impl ThreadChoice {
    /// The threads that may be held: of those with a fitting name the main threads only when there are no others, or
    /// when the name is written out. Without its main thread a process often does nothing at all, and that is another
    /// fault.
    pub(crate) fn pool<'t>(&self, threads: &'t [Thread]) -> Vec<&'t Thread> {
        let pattern = self.name.as_deref().map(Pattern::new);
        let fits = |thread: &&Thread| match &pattern {
            None => true,
            Some(Ok(pattern)) => pattern.matches(&thread.name),
            Some(Err(_)) => false,
        };
        let fitting: Vec<&Thread> = threads.iter().filter(fits).collect();
        let is_written_out = |thread: &Thread| self.name.as_deref() == Some(thread.name.as_str());
        let wanted = |thread: &&Thread| !thread.is_main() || is_written_out(thread);
        let others: Vec<&Thread> = fitting.iter().copied().filter(wanted).collect();
        if others.is_empty() { fitting } else { others }
    }

    /// The pool in a seeded order: the same threads, the same order.
    pub(crate) fn drawn(&self, threads: &[Thread], seed: u64) -> Vec<i32> {
        let mut pool: Vec<i32> = self.pool(threads).iter().map(|thread| thread.tid).collect();
        let count = pool.len() as u64;
        let take = |n| pool.swap_remove((draw(seed, n) * pool.len() as f64) as usize);
        (0..count).map(take).collect()
    }

    /// Why these threads are too few.
    pub(crate) fn lacks(&self, threads: &[Thread]) -> String {
        let fitting = self.pool(threads).len();
        let asked = self.name.as_ref().map_or_else(String::new, |name| format!(" named `{name}`"));
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        threads.iter().for_each(|thread| *counts.entry(&thread.name).or_default() += 1);
        let more = counts.len().saturating_sub(LISTED);
        let count =
            |(name, count): (&&str, &usize)| if *count == 1 { (*name).into() } else { format!("{name} ({count})") };
        let mut listed: Vec<String> = counts.iter().take(LISTED).map(count).collect();
        listed.extend((more > 0).then(|| format!("{more} other names")));
        format!("{fitting} threads{asked} may be held, {} asked for; there are: {}", self.count, listed.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(name: Option<&str>, count: u32) -> ThreadChoice {
        ThreadChoice { name: name.map(str::to_owned), count }
    }

    fn threads() -> Vec<Thread> {
        let thread = |(tid, name): (i32, &str)| Thread { pid: 10, tid, state: 'S', name: name.into() };
        [(10, "web"), (11, "worker-0"), (12, "worker-1"), (13, "web"), (14, "timer")].map(thread).into()
    }

    fn pool(threads: &[Thread], name: Option<&str>) -> Vec<i32> {
        choice(name, 1).pool(threads).iter().map(|thread| thread.tid).collect()
    }

    #[test]
    fn main_threads_come_last_or_by_their_name() {
        let all = threads();
        assert_eq!(pool(&all, None), [11, 12, 13, 14]);
        assert_eq!(pool(&all, Some("worker-*")), [11, 12]);
        assert_eq!(pool(&all, Some("w*")), [11, 12, 13]);
        assert_eq!(pool(&all, Some("web")), [10, 13]);
        assert_eq!(pool(&all[..1], None), [10]);
        assert!(pool(&all, Some("none-*")).is_empty());
    }

    #[test]
    fn a_seed_draws_one_order() {
        let (all, any) = (threads(), choice(None, 2));
        let orders: Vec<Vec<i32>> = (0..40).map(|seed| any.drawn(&all, seed)).collect();
        assert_eq!(orders[7], any.drawn(&all, 7));
        for tid in [11, 12, 13, 14] {
            assert!(orders.iter().any(|order| order[0] == tid), "{tid} is never first");
            assert!(orders.iter().all(|order| order.contains(&tid) && order.len() == 4));
        }
    }

    #[test]
    fn what_there_is_is_said() {
        let said = choice(Some("worker-*"), 3).lacks(&threads());
        assert_eq!(
            said,
            "2 threads named `worker-*` may be held, 3 asked for; there are: timer, web (2), worker-0, worker-1"
        );
    }
}
