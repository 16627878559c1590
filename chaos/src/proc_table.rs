//! The process table, read from `/proc`.
//!
//! Parents are read from `stat` and not from `task/*/children`, which not every kernel has and which may skip
//! entries while processes come and go; but see [`below`].

use crate::pidfd::PidFd;
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

/// One process at the moment of reading. Number and start time together name it for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Entry {
    /// Process id.
    pub pid: i32,
    /// Parent process id.
    pub parent: i32,
    /// Start time in clock ticks since boot.
    pub started: u64,
    /// Whether it has ended and only waits to be reaped.
    pub zombie: bool,
}

/// What a process or thread is doing, from its `stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doing {
    /// State letter: `R`, `S`, `T` stopped, `t` stopped by a tracer.
    pub state: char,
    /// Processor time used, user and system, in clock ticks.
    pub cpu_ticks: u64,
}

impl Entry {
    /// Whether it still is the process of its number.
    pub fn is_there(&self) -> bool {
        entry(self.pid).is_some_and(|now| now.started == self.started)
    }

    /// Sends a signal to this very process. `Ok` also when it has gone meanwhile.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        let handle = match PidFd::open(self.pid) {
            Ok(handle) => handle,
            Err(error) if error.raw_os_error() == Some(nix::libc::ESRCH) => return Ok(()),
            Err(error) => return Err(error),
        };
        // The handle is held: if the start time is right now, the signal cannot hit a successor of the number.
        if !self.is_there() {
            return Ok(());
        }
        match handle.signal(signal) {
            Err(error) if error.raw_os_error() == Some(nix::libc::ESRCH) => Ok(()),
            sent => sent,
        }
    }
}

/// Fields of a `stat` file behind the name.
fn fields(path: &str) -> Option<Vec<String>> {
    let stat = fs::read(path).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    // The name stands in parentheses and may hold anything, also parentheses: count from the last one.
    let (_, rest) = stat.rsplit_once(')')?;
    Some(rest.split_ascii_whitespace().map(str::to_owned).collect())
}

fn doing(fields: &[String]) -> Option<Doing> {
    let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Doing { state: fields.first()?.chars().next()?, cpu_ticks: ticks(11)? + ticks(12)? })
}

/// What a process does, with the processor time of all its threads, also of those that have ended.
pub fn process(pid: i32) -> Option<Doing> {
    doing(&fields(&format!("/proc/{pid}/stat"))?)
}

/// What each thread of a process does, by its number.
pub fn threads(pid: i32) -> Vec<(i32, Doing)> {
    let numbers = |file: io::Result<fs::DirEntry>| file.ok()?.file_name().to_str()?.parse::<i32>().ok();
    let Ok(folder) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    let look = |tid: i32| Some((tid, doing(&fields(&format!("/proc/{pid}/task/{tid}/stat"))?)?));
    folder.filter_map(numbers).filter_map(look).collect()
}

/// The name of a thread that the kernel keeps.
pub fn thread_name(pid: i32, tid: i32) -> Option<String> {
    let name = fs::read(format!("/proc/{pid}/task/{tid}/comm")).ok()?;
    Some(String::from_utf8_lossy(name.strip_suffix(b"\n").unwrap_or(&name)).into_owned())
}

/// How often a thread has left a processor: it stays the same for as long as the thread does nothing.
pub fn work_done(pid: i32, tid: i32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/task/{tid}/status")).ok()?;
    let switches = |line: &str| line.split_once("_ctxt_switches:")?.1.trim().parse::<u64>().ok();
    Some(status.lines().filter_map(switches).sum())
}

/// The process of this number, if there is one.
pub fn entry(pid: i32) -> Option<Entry> {
    let fields = fields(&format!("/proc/{pid}/stat"))?;
    Some(Entry {
        pid,
        parent: fields.get(1)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
        // A leader that has ended while other threads run looks dead and is not.
        zombie: matches!(fields.first()?.as_str(), "Z" | "X") && fields.get(17)?.parse::<u32>().ok()? <= 1,
    })
}

/// All processes of the host that we can see.
///
/// # Errors
/// `/proc` cannot be listed.
pub fn snapshot() -> io::Result<Vec<Entry>> {
    let mut table = Vec::new();
    for file in fs::read_dir("/proc")? {
        // A process may end while its folder is listed: such an entry is skipped, not an error.
        let Ok(file) = file else { continue };
        if let Some(entry) = file.file_name().to_str().and_then(|name| name.parse().ok()).and_then(entry) {
            table.push(entry);
        }
    }
    Ok(table)
}

/// The descendants of a process, nearest first.
pub fn descendants(table: &[Entry], root: i32) -> Vec<Entry> {
    let mut children: BTreeMap<i32, Vec<Entry>> = BTreeMap::new();
    for entry in table {
        children.entry(entry.parent).or_default().push(*entry);
    }
    let mut found = Vec::new();
    let mut seen = BTreeSet::from([root]);
    let mut layer = vec![root];
    while !layer.is_empty() {
        let next: Vec<Entry> = layer
            .iter()
            .filter_map(|pid| children.get(pid))
            .flatten()
            .filter(|entry| seen.insert(entry.pid))
            .copied()
            .collect();
        layer = next.iter().map(|entry| entry.pid).collect();
        found.extend(next);
    }
    found
}

/// The descendants of a process whose tree stands still: by the lists of children, which the kernel keeps right for
/// processes that are stopped (proc(5)), and whose reading costs no look at every process of the host. Where the kernel
/// keeps no such lists, by the whole table.
pub fn below(root: i32) -> Vec<Entry> {
    let (mut found, mut next) = (Vec::new(), 0);
    let mut parents = vec![root];
    while let Some(parent) = parents.get(next).copied() {
        next += 1;
        for (tid, _) in threads(parent) {
            match fs::read_to_string(format!("/proc/{parent}/task/{tid}/children")) {
                Ok(children) => {
                    let all = children.split_ascii_whitespace().filter_map(|pid| entry(pid.parse().ok()?));
                    let fresh: Vec<Entry> = all.filter(|child| !parents.contains(&child.pid)).collect();
                    parents.extend(fresh.iter().map(|child| child.pid));
                    found.extend(fresh);
                }
                // A thread that has just ended has no list; one that is there and has none lives in another kernel.
                Err(_) if !Path::new(&format!("/proc/{parent}/task/{tid}")).exists() => (),
                Err(_) => return descendants(&snapshot().unwrap_or_default(), root),
            }
        }
    }
    found
}

/// Whether the environment with which a process was started holds these assignments (`NAME=value`), all of them.
pub fn environment_has(pid: i32, assignments: &[String]) -> bool {
    let Ok(environ) = fs::read(format!("/proc/{pid}/environ")) else {
        return false;
    };
    assignments.iter().all(|wanted| environ.split(|byte| *byte == 0).any(|item| item == wanted.as_bytes()))
}

/// The value of a variable in the environment with which a process was started.
pub fn variable(pid: i32, name: &str) -> Option<String> {
    let environ = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let value = |item: &[u8]| {
        let text = String::from_utf8_lossy(item);
        Some(text.strip_prefix(name)?.strip_prefix('=')?.to_owned())
    };
    environ.split(|byte| *byte == 0).find_map(value)
}

/// The command line of a process, for people.
pub fn command_line(pid: i32) -> String {
    let raw = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<String> =
        raw.split(|b| *b == 0).filter(|w| !w.is_empty()).map(|w| String::from_utf8_lossy(w).into_owned()).collect();
    words.join(" ").chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_itself_and_finds_a_child() {
        let me = i32::try_from(std::process::id()).unwrap();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let child_pid = i32::try_from(child.id()).unwrap();
        let entry = entry(child_pid).unwrap();
        assert_eq!(entry.parent, me);
        assert!(descendants(&snapshot().unwrap(), me).iter().any(|e| e.pid == child_pid));
        assert!(below(me).contains(&entry));
        let successor = Entry { started: entry.started + 1, ..entry };
        successor.signal(Signal::SIGKILL).unwrap();
        assert!(child.try_wait().unwrap().is_none(), "a process with another start time was hit");
        entry.signal(Signal::SIGKILL).unwrap();
        assert!(!child.wait().unwrap().success());
        entry.signal(Signal::SIGKILL).unwrap();
    }
}
