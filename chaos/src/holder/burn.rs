//! Threads that burn processor time, in short turns so that a partial load is a smooth one.

use super::Held;
use crate::proc_table::Entry;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use std::hint::black_box;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// One turn of burning and resting: a few time slices of the scheduler.
const PERIOD: Duration = Duration::from_millis(20);
/// Turns that a thread may fall behind and make up for: beyond them the host is too busy, and the dose says so.
const BEHIND_MAX: u32 = 10;

pub(super) struct Burners {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Burners {
    /// Burns where the first of `processes` may run, so that it is its processors that are busy.
    pub(super) fn start(cores: u32, load: f64, processes: &[Entry]) -> io::Result<Self> {
        let target = processes.first().map(|process| Pid::from_raw(process.pid));
        let target = target.ok_or_else(|| io::Error::other("there is no process whose processors could be burnt"))?;
        let allowed: CpuSet = sched_getaffinity(target)?;
        sched_setaffinity(Pid::from_raw(0), &allowed)?;
        let stop = Arc::new(AtomicBool::new(false));
        let burner = |_| {
            let stop = stop.clone();
            std::thread::Builder::new().name("burner".into()).spawn(move || burn(load, &stop))
        };
        let threads = (0..cores).map(burner).collect::<io::Result<_>>()?;
        Ok(Self { stop, threads })
    }
}

impl Held for Burners {
    fn out(&mut self) -> io::Result<()> {
        self.stop.store(true, Ordering::Release);
        let failed = self.threads.drain(..).map(JoinHandle::join).filter(Result::is_err).count();
        if failed > 0 { Err(io::Error::other("a burner failed")) } else { Ok(()) }
    }
}

/// Processor time of this thread.
fn burnt() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from).unwrap_or_default()
}

fn burn(load: f64, stop: &AtomicBool) {
    let (start, turn) = (Instant::now(), PERIOD.mul_f64(load));
    let mut forgiven = Duration::ZERO;
    while !stop.load(Ordering::Acquire) {
        // What should have been burnt by the end of this turn, less what a busy host has made impossible.
        let due = start.elapsed().mul_f64(load) + turn;
        let behind = due.saturating_sub(burnt() + forgiven);
        forgiven += behind.saturating_sub(turn * BEHIND_MAX);
        while burnt() + forgiven < due && !stop.load(Ordering::Acquire) {
            for n in 0..2_000_u64 {
                black_box(n.wrapping_mul(n));
            }
        }
        if load < 1.0 {
            std::thread::sleep(PERIOD.saturating_sub(turn));
        }
    }
}
