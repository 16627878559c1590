//! Signals to the main processes of chosen replicas, and how long they are away.

use super::Quantities;
use crate::act::Blow;
use crate::landscape::Landscape;
use crate::pidfd::PidFd;
use crate::plan::PlannedFault;
use nix::sys::signal::Signal;
use std::time::Duration;
use tokio::time::Instant;

/// How long a killed process may take to vanish.
const KILLED_MAX: Duration = Duration::from_secs(1);
/// How long a process that was asked to stop may take.
const STOPPED_MAX: Duration = Duration::from_secs(10);
/// How often a component that was hit is asked whether it is ready.
pub(super) const BACK_EVERY: Duration = Duration::from_millis(10);
/// How often a component that says it is ready is asked for its processes: a landscape may have to read the whole
/// process table for that, and readiness alone may be that of the victim.
const PIDS_EVERY: Duration = Duration::from_millis(50);

pub(in crate::execute) struct SignalGrip {
    component: String,
    chosen: Vec<usize>,
    blow: Blow,
    victims: Vec<i32>,
    replicas: usize,
    struck_at: Option<Instant>,
    pids_asked_at: Option<Instant>,
    downtime: Option<Duration>,
}

impl SignalGrip {
    pub(super) fn new(fault: &PlannedFault, blow: Blow) -> Self {
        Self {
            component: fault.component.clone(),
            chosen: fault.replicas(),
            blow,
            victims: Vec::new(),
            replicas: 0,
            struck_at: None,
            pids_asked_at: None,
            downtime: None,
        }
    }

    /// Main process of each replica.
    fn mains(&self, landscape: &dyn Landscape) -> Vec<i32> {
        let first = |tree: Vec<i32>| tree.first().copied();
        landscape.processes(&self.component).into_iter().filter_map(first).collect()
    }

    pub(super) async fn inject(&mut self, landscape: &dyn Landscape) -> Result<(), String> {
        let pids = self.mains(landscape);
        self.replicas = pids.len();
        for replica in self.chosen.clone() {
            let pid = pids.get(replica).copied().ok_or_else(|| format!("replica {replica} does not run"))?;
            self.strike(landscape, pid).await?;
        }
        if self.victims.is_empty() { Err("there is no replica to hit".into()) } else { Ok(()) }
    }

    async fn strike(&mut self, landscape: &dyn Landscape, pid: i32) -> Result<(), String> {
        let (signal, limit) = match self.blow {
            Blow::Kill | Blow::KillEvery(_) => (Signal::SIGKILL, KILLED_MAX),
            Blow::Stop => (Signal::SIGTERM, STOPPED_MAX),
        };
        let process = PidFd::open(pid).map_err(|error| format!("process {pid}: {error}"))?;
        // The descriptor names a process, the number might have been reused before it was opened: look again.
        if !self.mains(landscape).contains(&pid) {
            return Err(format!("process {pid} is gone"));
        }
        process.signal(signal).map_err(|error| format!("process {pid}: {error}"))?;
        self.struck_at = Some(Instant::now());
        self.victims.push(pid);
        if process.gone_within(limit).await { Ok(()) } else { Err(format!("process {pid} outlives {signal}")) }
    }

    pub(super) async fn turn(&mut self, landscape: &dyn Landscape) -> bool {
        match self.blow {
            Blow::KillEvery(every) => {
                if self.struck_at.is_some_and(|at| at.elapsed() >= every) && self.is_back(landscape) {
                    let pids = self.mains(landscape);
                    for pid in self.chosen.clone().into_iter().filter_map(|replica| pids.get(replica).copied()) {
                        // One that has just ended by itself is met again at the next turn.
                        let _ = self.strike(landscape, pid).await;
                    }
                }
                false
            }
            Blow::Kill | Blow::Stop => {
                let back = self.downtime.is_none() && self.is_back(landscape);
                if back {
                    self.downtime = self.struck_at.map(|at| at.elapsed());
                }
                self.downtime.is_some()
            }
        }
    }

    fn is_back(&mut self, landscape: &dyn Landscape) -> bool {
        // Readiness is cheap to ask and false for most of a downtime.
        let soon = self.pids_asked_at.is_some_and(|asked| asked.elapsed() < PIDS_EVERY);
        if self.struck_at.is_none() || soon || !landscape.ready(&self.component) {
            return false;
        }
        self.pids_asked_at = Some(Instant::now());
        let pids = self.mains(landscape);
        pids.len() >= self.replicas && !pids.iter().any(|pid| self.victims.contains(pid))
    }

    pub(super) fn quantities(&self) -> Quantities {
        let mut all = Quantities::from([("killed".into(), self.victims.len() as f64)]);
        if let Some(downtime) = self.downtime {
            all.insert("downtime_ms".into(), downtime.as_secs_f64() * 1_000.0);
        }
        all
    }

    pub(super) fn remark(&self) -> Option<String> {
        let missing = !matches!(self.blow, Blow::KillEvery(_)) && self.downtime.is_none();
        missing.then(|| "not ready again within the hold".to_string())
    }
}
