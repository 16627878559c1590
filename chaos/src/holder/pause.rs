//! Threads that stand still because we trace them. When the tracer ends, the kernel lets them run.

use super::Held;
use super::detach::detach;
use crate::proc_table::{self, Entry};
use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::unistd::Pid;
use rustix::process::{WaitOptions, WaitStatus};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::{Duration, Instant};

/// How long a thread may take to stop: it waits for a disk at the longest.
const STOP_MAX: Duration = Duration::from_millis(1_500);
/// Pause between two looks at a thread that has not stopped yet.
const LOOK: Duration = Duration::from_millis(1);
/// Passes over the tree; each finds only what was started during the one before.
const PASSES: usize = 50;

/// Stopped threads, each with the number of a signal that was on its way to it and is to arrive in the end, or 0.
#[derive(Default)]
pub(super) struct Paused(BTreeMap<i32, i32>);

/// What a child or a traced thread did last, without waiting for it; `None` when there is nothing new. Signals are
/// numbers: real-time signals have no names.
fn news(of: Option<i32>) -> rustix::io::Result<Option<(i32, WaitStatus)>> {
    // A thread is waited for like a process only when that is asked for.
    let options = WaitOptions::NOHANG | WaitOptions::from_bits_retain(libc::__WALL as u32);
    let pid = of.and_then(rustix::process::Pid::from_raw);
    let news = if of.is_some() { rustix::process::waitpid(pid, options) } else { rustix::process::wait(options) };
    Ok(news?.map(|(pid, status)| (pid.as_raw_nonzero().get(), status)))
}

/// The signal that a thread has stopped before; 0 when it has stopped because it was asked to.
fn held_back(status: WaitStatus) -> Option<i32> {
    let is_event = status.as_raw() >> 16 != 0;
    status.stopping_signal().map(|signal| if is_event { 0 } else { signal })
}

impl Paused {
    pub(super) fn take(processes: &[Entry]) -> io::Result<Self> {
        if processes.is_empty() {
            return Err(io::Error::other("there is no process to pause"));
        }
        let mut paused = Self::default();
        for _ in 0..PASSES {
            let fresh = paused.not_yet(processes);
            if fresh.is_empty() {
                return Ok(paused);
            }
            for tid in fresh {
                paused.stop(tid)?;
            }
        }
        Err(io::Error::other("new threads were started faster than they could be stopped"))
    }

    /// Threads of the processes and of everything below them that are not stopped yet.
    fn not_yet(&self, processes: &[Entry]) -> Vec<i32> {
        let below = processes.iter().flat_map(|process| proc_table::below(process.pid));
        let all: BTreeSet<i32> = processes.iter().copied().chain(below).map(|entry| entry.pid).collect();
        let threads = all.into_iter().flat_map(proc_table::threads);
        threads
            .filter(|(tid, doing)| !matches!(doing.state, 'Z' | 'X') && !self.0.contains_key(tid))
            .map(|t| t.0)
            .collect()
    }

    /// How many threads stand still.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// A thread that ends meanwhile needs no stop.
    pub(super) fn stop(&mut self, tid: i32) -> io::Result<()> {
        let thread = Pid::from_raw(tid);
        match ptrace::seize(thread, Options::empty()).and_then(|()| ptrace::interrupt(thread)) {
            Ok(()) => (),
            Err(Errno::ESRCH) => return Ok(()),
            Err(error) => return Err(io::Error::other(format!("cannot trace thread {tid}: {error}"))),
        }
        self.0.insert(tid, 0);
        let until = Instant::now() + STOP_MAX;
        loop {
            match news(Some(tid)) {
                Ok(None) if Instant::now() < until => std::thread::sleep(LOOK),
                Ok(None) => return Err(io::Error::other(format!("thread {tid} does not stop"))),
                Ok(Some((_, status))) => {
                    match held_back(status) {
                        Some(signal) => self.0.insert(tid, signal),
                        None => self.0.remove(&tid),
                    };
                    return Ok(());
                }
                Err(rustix::io::Errno::CHILD | rustix::io::Errno::SRCH) => {
                    self.0.remove(&tid);
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Held for Paused {
    /// A traced process that was killed is not reaped by its parent before its tracer has seen it.
    fn turn(&mut self, _: Duration) -> io::Result<()> {
        while let Ok(Some((pid, status))) = news(None) {
            if status.exited() || status.signaled() {
                self.0.remove(&pid);
            }
        }
        if self.0.is_empty() { Err(io::Error::other("every paused process is gone")) } else { Ok(()) }
    }

    fn out(&mut self) -> io::Result<()> {
        for (tid, signal) in std::mem::take(&mut self.0) {
            match detach(tid, signal) {
                Ok(()) | Err(Errno::ESRCH) => (),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
