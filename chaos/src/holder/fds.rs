//! The limit of open files of a running process, lowered to what it has open.

use super::Held;
use super::guard::{Guard, Undo};
use crate::proc_table::{self, Entry};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

/// A limit before and during the fault.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Limit {
    process: Entry,
    before: Option<u64>,
    ours: u64,
}

pub(super) struct Lowered {
    guard: Guard,
}

impl Lowered {
    pub(super) fn lower(processes: &[Entry], leave: u32, mark: &str) -> io::Result<Self> {
        if processes.is_empty() {
            return Err(io::Error::other("there is no process to limit"));
        }
        let limits = processes.iter().map(|process| Limit::plan(*process, leave)).collect::<io::Result<Vec<_>>>()?;
        let guard = Guard::post(Undo::Limits { limits: limits.clone(), mark: mark.to_owned() })?;
        limits.iter().try_for_each(Limit::lower)?;
        Ok(Self { guard })
    }
}

impl Held for Lowered {
    fn turn(&mut self, _: Duration) -> io::Result<()> {
        self.guard.stands()
    }

    fn out(&mut self) -> io::Result<()> {
        self.guard.undo()
    }
}

impl Limit {
    /// The lowest limit that lets the process open `leave` more: descriptors are numbers below the limit.
    fn plan(process: Entry, leave: u32) -> io::Result<Self> {
        let open: BTreeSet<u64> = open_files(process.pid)?;
        let free = (0..).filter(|number| !open.contains(number));
        let ours = free.take(leave as usize + 1).last().unwrap_or_default();
        let (before, _) = open_files_limit(process.pid)?;
        if before.is_some_and(|before| before <= ours) {
            let text = format!("process {} may open no more than that anyway", process.pid);
            return Err(io::Error::other(text));
        }
        Ok(Self { process, before, ours })
    }

    fn lower(&self) -> io::Result<()> {
        self.swap(self.before, Some(self.ours))
    }

    /// Puts the old limit back if it is still ours.
    pub(super) fn restore(&self) -> io::Result<()> {
        self.swap(Some(self.ours), self.before)
    }

    fn swap(&self, expected: Option<u64>, new: Option<u64>) -> io::Result<()> {
        swap(self.process, expected, new)
    }
}

/// Puts all old limits back: of the processes, and of whatever they have started meanwhile, which inherits a limit and
/// may have lost its parent. One that cannot be set does not keep the others.
pub(super) fn restore_all(limits: &[Limit], mark: &str) -> io::Result<()> {
    let marks = [mark.to_owned()];
    let table = proc_table::snapshot()?;
    let mut first = Ok(());
    for limit in limits {
        first = first.and(limit.restore());
        let below = proc_table::descendants(&table, limit.process.pid);
        let marked = table.iter().filter(|entry| proc_table::environment_has(entry.pid, &marks));
        for heir in below.iter().chain(marked) {
            first = first.and(swap(*heir, Some(limit.ours), limit.before));
        }
    }
    first
}

/// Sets the limit of a process if it is the expected one. A process that is gone needs nothing.
fn swap(process: Entry, expected: Option<u64>, new: Option<u64>) -> io::Result<()> {
    let swapped = open_files_limit(process.pid).and_then(|(current, maximum)| {
        if current == expected && process.is_there() {
            prlimit(Pid::from_raw(process.pid), Resource::Nofile, Rlimit { current: new, maximum })?;
        }
        Ok(())
    });
    if process.is_there() { swapped } else { Ok(()) }
}

/// Numbers of the descriptors that a process has open.
fn open_files(pid: i32) -> io::Result<BTreeSet<u64>> {
    let number = |file: io::Result<std::fs::DirEntry>| file.ok()?.file_name().to_str()?.parse().ok();
    Ok(std::fs::read_dir(format!("/proc/{pid}/fd"))?.filter_map(number).collect())
}

/// Soft and hard limit of open files of a process; `None` is unlimited.
///
/// # Errors
/// The process is gone.
pub fn open_files_limit(pid: i32) -> io::Result<(Option<u64>, Option<u64>)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/limits"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"));
    let mut words = line.unwrap_or_default().split_whitespace().map(|word| word.parse::<u64>().ok());
    match (words.next(), words.next()) {
        (Some(soft), Some(hard)) => Ok((soft, hard)),
        _ => Err(io::Error::other(format!("the limits of process {pid} cannot be read"))),
    }
}

/// How many files a process may still open below its limit; `None` when it cannot be looked at or has no limit.
pub fn open_files_left(pid: i32) -> Option<u64> {
    let limit = open_files_limit(pid).ok()?.0?;
    let open = open_files(pid).ok()?;
    proc_table::entry(pid)?;
    Some(limit - open.range(..limit).count() as u64)
}
