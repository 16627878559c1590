//! Looks at what a holder is said to hold: through `/proc` and the file system, never by asking the holder.

use super::Quantities;
use super::threads::ThreadWatch;
use crate::act::{Fill, Flip, Hold};
use crate::holder::{Order, open_files_left, open_files_limit};
use crate::proc_table::{self, Entry};
use crate::shifted_clock;
use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Free bytes beyond what was asked to be left that blocks and metadata explain.
const SLACK: u64 = 1 << 20;

pub(super) struct Observer {
    order: Order,
    /// Limits of open files before the fault.
    limits: Vec<(Entry, Option<u64>)>,
    /// First and last look at a count that grows with time.
    first: Option<(Instant, f64)>,
    last: Option<(Instant, f64)>,
    /// Whether a file was already what the fault would make of it.
    was_so: bool,
    /// Threads, when some of them are to stand still.
    threads: Option<ThreadWatch>,
    sums: Quantities,
    looks: u32,
}

impl Observer {
    /// To be made before the fault is in.
    pub(super) fn new(order: Order) -> Self {
        let limit = |process: &Entry| Some((*process, open_files_limit(process.pid).ok()?.0));
        let limits = order.processes.iter().filter_map(limit).collect();
        let threads = match &order.hold {
            Hold::Threads(choice) => Some(ThreadWatch::new(choice, &order.processes)),
            _ => None,
        };
        let (sums, looks) = (Quantities::new(), 0);
        let mut observer = Self { order, limits, first: None, last: None, was_so: false, threads, sums, looks };
        observer.was_so = observer.changed().is_some();
        observer
    }

    pub(super) fn look(&mut self, holder: i32) {
        if let Some(count) = self.count(holder) {
            let now = (Instant::now(), count);
            self.first.get_or_insert(now);
            self.last = Some(now);
        }
        self.looks += 1;
        let threads = self.threads.as_mut().map(|threads| threads.look(holder));
        for (name, value) in self.state(holder).into_iter().chain(threads.into_iter().flatten()) {
            *self.sums.entry(name.into()).or_default() += value;
        }
    }

    /// Means over all looks, and rates between the first and the last.
    pub(super) fn quantities(&self) -> Quantities {
        let looks = f64::from(self.looks.max(1));
        let mut all: Quantities = self.sums.iter().map(|(name, sum)| (name.clone(), sum / looks)).collect();
        if let (Some((start, from)), Some((end, to))) = (self.first, self.last) {
            let change = to - from;
            let rate = change / (end - start).as_secs_f64().max(f64::MIN_POSITIVE);
            match self.order.hold {
                Hold::Cpu { .. } => all.insert("burnt_cores".into(), if end > start { rate } else { 0.0 }),
                Hold::Io { .. } => all.insert("written_bytes_per_s".into(), if end > start { rate } else { 0.0 }),
                _ => all.insert("cpu_ms".into(), change * 1_000.0),
            };
        }
        all
    }

    /// What grows with time: seconds of processor time, or bytes written.
    fn count(&self, holder: i32) -> Option<f64> {
        match self.order.hold {
            Hold::Cpu { .. } => seconds(holder),
            Hold::Pause => Some(self.order.processes.iter().filter_map(|process| seconds(process.pid)).sum()),
            Hold::Io { .. } => {
                let text = fs::read_to_string(format!("/proc/{holder}/io")).ok()?;
                text.lines().find_map(|line| line.strip_prefix("write_bytes: "))?.trim().parse().ok()
            }
            _ => None,
        }
    }

    fn state(&self, holder: i32) -> Vec<(&'static str, f64)> {
        match &self.order.hold {
            Hold::Pause => vec![("stopped_share", self.stopped_share(holder))],
            Hold::Cpu { .. } => vec![("same_processors", truth(self.same_processors(holder)))],
            Hold::Memory { .. } => resident(holder).map(|bytes| ("resident_bytes", bytes)).into_iter().collect(),
            Hold::Io { .. } => vec![("in_folder", truth(!self.nameless(holder).is_empty()))],
            Hold::Disk { fill } => self.filled(holder, *fill),
            Hold::Inodes { .. } => vec![("inodes", self.nameless(holder).len() as f64)],
            Hold::Fds { .. } => self.limited(),
            Hold::Connections { .. } => vec![("connections", self.connections(holder))],
            // Seen in the answers of the component, by doing what it would do, or thread by thread, elsewhere.
            Hold::Clock { .. } | Hold::Files(_) | Hold::Names(_) | Hold::Threads(_) | Hold::Packets(_) => Vec::new(),
            Hold::Toggle(_) => vec![("value_is_ours", truth(self.ours().is_some()))],
            Hold::File { .. } => vec![("content_is_ours", truth(self.ours().is_some()))],
        }
    }

    /// Share of the threads of the targets, and of what they started, that this holder has stopped.
    fn stopped_share(&self, holder: i32) -> f64 {
        let roots = self.order.processes.iter();
        let below = roots.clone().flat_map(|process| proc_table::below(process.pid));
        let all: BTreeSet<i32> = roots.copied().chain(below).map(|entry| entry.pid).collect();
        let threads = all.into_iter().flat_map(proc_table::threads);
        let threads: Vec<_> = threads.filter(|(_, doing)| !matches!(doing.state, 'Z' | 'X')).collect();
        let stopped = threads.iter().filter(|(tid, doing)| doing.state == 't' && tracer(*tid) == Some(holder));
        stopped.count() as f64 / threads.len().max(1) as f64
    }

    /// What of a file is as the fault made it.
    fn ours(&self) -> Option<String> {
        self.changed().filter(|_| !self.was_so)
    }

    /// What of a file is as the fault wants it, as anybody reads it; `None` when it is not.
    fn changed(&self) -> Option<String> {
        let folder = self.order.folder.as_ref()?;
        match &self.order.hold {
            Hold::File { path, content } => {
                let file = folder.join(path);
                let ours = fs::read(&file).is_ok_and(|found| found == content.as_bytes());
                ours.then(|| format!("{} still has our content", file.display()))
            }
            Hold::Toggle(Flip { path, format, key, value }) => {
                let file = folder.join(path);
                let ours = fs::read_to_string(&file).is_ok_and(|text| format.has(&text, key, value));
                ours.then(|| format!("{} still has our {key}", file.display()))
            }
            _ => None,
        }
    }

    fn same_processors(&self, holder: i32) -> bool {
        let allowed = |pid: i32| sched_getaffinity(Pid::from_raw(pid)).ok();
        let target = self.order.processes.first().and_then(|process| allowed(process.pid));
        let same = |one: &CpuSet, other: &CpuSet| {
            (0..CpuSet::count()).all(|cpu| one.is_set(cpu).unwrap_or(false) == other.is_set(cpu).unwrap_or(false))
        };
        matches!((target, allowed(holder)), (Some(target), Some(holder)) if same(&target, &holder))
    }

    /// Files without names in the target's folder that the holder has open, by their links in `/proc`.
    fn nameless(&self, holder: i32) -> Vec<PathBuf> {
        let Some(folder) = self.order.folder.as_ref().and_then(|folder| folder.canonicalize().ok()) else {
            return Vec::new();
        };
        let is_in = |link: &Path| {
            fs::read_link(link).is_ok_and(|to| to.starts_with(&folder) && to.to_string_lossy().ends_with(" (deleted)"))
        };
        let links = fs::read_dir(format!("/proc/{holder}/fd")).into_iter().flatten().flatten().map(|file| file.path());
        links.filter(|link| is_in(link)).collect()
    }

    fn filled(&self, holder: i32, fill: Fill) -> Vec<(&'static str, f64)> {
        let blocks: u64 =
            self.nameless(holder).iter().filter_map(|link| fs::metadata(link).ok()).map(|m| m.blocks()).sum();
        let mut all = vec![("filled_bytes", (blocks * 512) as f64)];
        let disk = self.order.folder.as_ref().and_then(|folder| rustix::fs::statvfs(folder).ok());
        if let Some(disk) = disk {
            let free = disk.f_bavail * disk.f_frsize;
            all.push(("free_bytes", free as f64));
            if let Fill::AllBut(leave) = fill {
                all.push(("left_as_asked", truth(free <= leave + leave / 20 + SLACK)));
            }
        }
        all
    }

    fn limited(&self) -> Vec<(&'static str, f64)> {
        let lower = |(process, before): &(Entry, Option<u64>)| {
            let now = open_files_limit(process.pid).ok().and_then(|(soft, _)| soft);
            now.is_some_and(|now| before.is_none_or(|before| now < before))
        };
        let limited = self.limits.iter().filter(|limit| lower(limit)).count();
        let left = self.limits.iter().filter_map(|(process, _)| open_files_left(process.pid)).max();
        let share = limited as f64 / self.limits.len().max(1) as f64;
        std::iter::once(("limited_share", share)).chain(left.map(|left| ("fds_left", left as f64))).collect()
    }

    /// Established connections of the holder to the port of the target.
    fn connections(&self, holder: i32) -> f64 {
        let Some(address) = self.order.address else {
            return 0.0;
        };
        let links = fs::read_dir(format!("/proc/{holder}/fd")).into_iter().flatten().flatten();
        let inode = |link: PathBuf| {
            Some(fs::read_link(link).ok()?.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
        };
        let sockets: BTreeSet<String> = links.filter_map(|link| inode(link.path())).collect();
        let text = fs::read_to_string(format!("/proc/{holder}/net/tcp")).unwrap_or_default();
        let port = format!(":{:04X}", address.port());
        let ours = |line: &&str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let there = words.get(2).is_some_and(|remote| remote.ends_with(&port)) && words.get(3) == Some(&"01");
            there && words.get(9).is_some_and(|inode| sockets.contains(*inode))
        };
        text.lines().skip(1).filter(ours).count() as f64
    }

    /// What of the fault is still to be seen once the holder has ended; `None` when nothing is.
    pub(super) fn left(&self) -> Option<String> {
        match &self.order.hold {
            Hold::Pause | Hold::Threads(_) => {
                let stopped = |process: &&Entry| proc_table::threads(process.pid).iter().any(|(_, d)| d.state == 't');
                let left = self.order.processes.iter().find(stopped);
                left.map(|process| format!("process {} still stands", process.pid))
            }
            Hold::Fds { .. } => {
                let table = proc_table::snapshot().unwrap_or_default();
                // What was started meanwhile has inherited the limit.
                let with_heirs = self.limits.iter().flat_map(|(process, before)| {
                    let heirs = proc_table::descendants(&table, process.pid).into_iter();
                    heirs.chain([*process]).map(move |entry| (entry, *before))
                });
                let lower = |(process, before): &(Entry, Option<u64>)| {
                    process.is_there() && open_files_limit(process.pid).is_ok_and(|(soft, _)| soft != *before)
                };
                let left = with_heirs.into_iter().find(lower);
                left.map(|(process, _)| format!("process {} still has another limit of open files", process.pid))
            }
            Hold::Clock { .. } => {
                let page = self.order.clock.as_ref()?;
                let shifted = shifted_clock::is_shifted(page).unwrap_or(true);
                shifted.then(|| format!("the clock of {} is still shifted", page.display()))
            }
            Hold::File { .. } | Hold::Toggle(_) => self.ours(),
            // These are the holder's own, and the kernel took them back with it.
            _ => None,
        }
    }
}

fn truth(is: bool) -> f64 {
    f64::from(u8::from(is))
}

/// Processor time of a process, seconds.
fn seconds(pid: i32) -> Option<f64> {
    let per_second = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK).ok().flatten()?;
    Some(proc_table::process(pid)?.cpu_ticks as f64 / per_second as f64)
}

fn status(pid: i32, key: &str) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    Some(text.lines().find_map(|line| line.strip_prefix(key))?.trim().to_owned())
}

pub(super) fn tracer(tid: i32) -> Option<i32> {
    status(tid, "TracerPid:")?.parse().ok()
}

/// Anonymous memory of a process that is in memory, bytes.
fn resident(pid: i32) -> Option<f64> {
    let kib: f64 = status(pid, "RssAnon:")?.strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024.0)
}
