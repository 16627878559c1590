//! Processor time and resident memory of a component's process tree.
//!
//! Processor time comes from each process's own clock (`clock_getcpuclockid`): nanoseconds, all threads, also those
//! that ended. `stat` has 10 ms ticks and `task/*/schedstat` forgets threads that ended. What a process used stays in
//! the sum when it is gone, so the counter never falls, also across restarts; only what a process used between the
//! last sample and its end is lost.

use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::fs;

/// Most processes of one tree that are looked at; more is a fork bomb, and looking must stay cheap.
const MAX_PROCESSES: usize = 512;

/// What a tree of processes uses.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Usage {
    /// Processor seconds since the sampler exists; never falls.
    pub(super) cpu_s: f64,
    /// Resident bytes, shared pages counted in each process.
    pub(super) resident_bytes: f64,
    /// Live processes of the tree.
    pub(super) processes: usize,
}

/// Remembers what the processes of one component used.
#[derive(Debug, Default)]
pub(super) struct ProcessSampler {
    /// Seconds by process; the start time tells a reused id from the process before.
    used: BTreeMap<(i32, u64), f64>,
    gone_s: f64,
}

impl ProcessSampler {
    /// Looks at the trees that start at `roots`.
    pub(super) fn sample(&mut self, roots: &[u32]) -> Usage {
        let mut usage = Usage::default();
        let mut waiting: Vec<i32> = roots.iter().filter_map(|root| i32::try_from(*root).ok()).collect();
        let mut live = BTreeMap::new();
        while let Some(pid) = waiting.pop() {
            if live.len() == MAX_PROCESSES {
                break;
            }
            let Some(started) = start_of_live(pid) else {
                continue;
            };
            if live.contains_key(&(pid, started)) {
                continue;
            }
            let before = self.used.get(&(pid, started)).copied().unwrap_or(0.0);
            live.insert((pid, started), cpu_seconds(pid).unwrap_or(before).max(before));
            usage.resident_bytes += resident_bytes(pid).unwrap_or(0.0);
            children(pid, &mut waiting);
        }
        usage.processes = live.len();
        for (process, seconds) in &self.used {
            if !live.contains_key(process) {
                self.gone_s += seconds;
            }
        }
        self.used = live;
        usage.cpu_s = self.gone_s + self.used.values().sum::<f64>();
        usage
    }
}

/// Start time in ticks after boot; `None` when the process is gone or a zombie.
fn start_of_live(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may contain anything; the fields start after the last one. Field 3 is the state,
    // field 22 the start time (proc_pid_stat(5)).
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

fn cpu_seconds(pid: i32) -> Option<f64> {
    let clock = ClockId::pid_cpu_clock_id(Pid::from_raw(pid)).ok()?;
    let time = clock_gettime(clock).ok()?;
    Some(time.tv_sec() as f64 + time.tv_nsec() as f64 * 1e-9)
}

fn resident_bytes(pid: i32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: f64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024.0)
}

fn children(pid: i32, into: &mut Vec<i32>) {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return;
    };
    for task in tasks.flatten() {
        if let Ok(text) = fs::read_to_string(task.path().join("children")) {
            into.extend(text.split_ascii_whitespace().filter_map(|child| child.parse::<i32>().ok()));
        }
    }
}
