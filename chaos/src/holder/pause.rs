//! Threads that stand still because we trace them. When the tracer ends, the kernel lets them run.

use super::Held;
use crate::proc_table::{self, Entry};
use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::{Duration, Instant};

/// How long a thread may take to stop: it waits for a disk at the longest.
const STOP_MAX: Duration = Duration::from_millis(1_500);
/// Pause between two looks at a thread that has not stopped yet.
const LOOK: Duration = Duration::from_millis(1);
/// Passes over the process table; each finds only what was started during the one before.
const PASSES: usize = 50;

/// Stopped threads, each with a signal that was on its way to it and is to arrive in the end.
pub(super) struct Paused(BTreeMap<i32, Option<Signal>>);

impl Paused {
    pub(super) fn take(processes: &[Entry]) -> io::Result<Self> {
        if processes.is_empty() {
            return Err(io::Error::other("there is no process to pause"));
        }
        let mut paused = Self(BTreeMap::new());
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

    /// A thread that ends meanwhile needs no stop.
    fn stop(&mut self, tid: i32) -> io::Result<()> {
        let thread = Pid::from_raw(tid);
        match ptrace::seize(thread, Options::empty()).and_then(|()| ptrace::interrupt(thread)) {
            Ok(()) => (),
            Err(Errno::ESRCH) => return Ok(()),
            Err(error) => return Err(io::Error::other(format!("cannot trace thread {tid}: {error}"))),
        }
        self.0.insert(tid, None);
        let until = Instant::now() + STOP_MAX;
        loop {
            match waitpid(thread, Some(WaitPidFlag::__WALL | WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) if Instant::now() < until => std::thread::sleep(LOOK),
                Ok(WaitStatus::StillAlive) => return Err(io::Error::other(format!("thread {tid} does not stop"))),
                Ok(WaitStatus::PtraceEvent(..)) => return Ok(()),
                Ok(WaitStatus::Stopped(_, signal)) => {
                    self.0.insert(tid, Some(signal));
                    return Ok(());
                }
                Ok(_) | Err(Errno::ECHILD | Errno::ESRCH) => {
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
    fn turn(&mut self) -> io::Result<()> {
        while let Ok(WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..)) =
            waitpid(None, Some(WaitPidFlag::__WALL | WaitPidFlag::WNOHANG))
        {
            self.0.remove(&pid.as_raw());
        }
        if self.0.is_empty() { Err(io::Error::other("every paused process is gone")) } else { Ok(()) }
    }

    fn out(&mut self) -> io::Result<()> {
        for (tid, signal) in std::mem::take(&mut self.0) {
            match ptrace::detach(Pid::from_raw(tid), signal) {
                Ok(()) | Err(Errno::ESRCH) => (),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
