//! Ends a set of processes that may fork while it is being ended.

use chaos::proc_table::Entry;
use nix::sys::signal::Signal;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Pause between two looks at the process table.
const LOOK: Duration = Duration::from_millis(5);

/// Passes that freeze newly found processes before the killing begins. A process that forks faster than it can be
/// frozen meets the killing passes, which repeat until the deadline.
const FREEZE_PASSES: usize = 20;

/// Ends every process that `find` returns until it returns none, or until the deadline.
///
/// All are stopped first, so that no one sees another die and starts a replacement. `after_pass` runs after each
/// killing pass (a parent reaps its children there). Returns what is left: empty, or what could not be ended.
pub(crate) fn end_all(
    deadline: Instant,
    mut find: impl FnMut() -> Vec<Entry>,
    mut after_pass: impl FnMut(),
) -> Vec<Entry> {
    let mut frozen = BTreeSet::new();
    for _ in 0..FREEZE_PASSES {
        let fresh: Vec<Entry> = find().into_iter().filter(|e| frozen.insert((e.pid, e.started))).collect();
        if fresh.is_empty() {
            break;
        }
        for entry in fresh {
            // What cannot be stopped (another user's process) is reported as left at the end.
            let _ = entry.signal(Signal::SIGSTOP);
        }
    }
    loop {
        let found = find();
        for entry in &found {
            let _ = entry.signal(Signal::SIGKILL);
        }
        after_pass();
        if found.is_empty() || Instant::now() >= deadline {
            return found;
        }
        std::thread::sleep(LOOK);
    }
}
