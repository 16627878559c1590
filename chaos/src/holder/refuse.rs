//! Refuses what is not the landscape's, whoever asks.

use super::Order;
use crate::act::Hold;
use crate::proc_table::{self, Entry};
use std::io;

/// Checks every process that an order acts on, on the spot: it carries the landscape's mark, and it is neither the first
/// process of the host, nor we, nor one that we descend from. What a component has started may have ended meanwhile and
/// is left out; the component itself must still be the same process.
pub(super) fn check(order: &mut Order) -> io::Result<()> {
    if !order.mark.contains('=') || order.mark.ends_with('=') {
        return Err(io::Error::other("the order names no mark of a landscape"));
    }
    if !matches!(order.hold, Hold::Pause | Hold::Threads(_) | Hold::Fds { .. } | Hold::Cpu { .. }) {
        return Ok(());
    }
    let first = order.processes.first().copied();
    order.processes.retain(|process| Some(*process) == first || process.is_there());
    let line = ancestry();
    for process in &order.processes {
        let pid = process.pid;
        let why = if pid <= 1 {
            "is the first process of the host"
        } else if line.contains(&pid) {
            "is the holder itself or started it"
        } else if !process.is_there() {
            "is gone"
        } else if !is_marked(process, &order.mark) {
            "is not the landscape's: it does not carry its mark"
        } else {
            continue;
        };
        return Err(io::Error::other(format!("process {pid} {why}")));
    }
    Ok(())
}

/// The mark is in its own environment, or in that of a process that it descends from: a component may clear the
/// environment of what it starts.
fn is_marked(process: &Entry, mark: &str) -> bool {
    let marks = [mark.to_owned()];
    let mut next = Some(*process);
    while let Some(entry) = next.filter(|entry| entry.pid > 1) {
        if proc_table::environment_has(entry.pid, &marks) {
            return true;
        }
        next = proc_table::entry(entry.parent);
    }
    false
}

/// This process and everything above it.
fn ancestry() -> Vec<i32> {
    let mut line = Vec::new();
    let mut next = i32::try_from(std::process::id()).ok();
    while let Some(pid) = next.filter(|pid| *pid > 0 && !line.contains(pid)) {
        line.push(pid);
        next = proc_table::entry(pid).map(|entry| entry.parent);
    }
    line
}
