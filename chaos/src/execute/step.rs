//! One step: faults that go in together, hold together and come out together.

use super::Executor;
use super::measure::Dose;
use super::record::{Abort, Ended, ExposureRecord, Progress};
use crate::landscape::Landscape;
use crate::lease::{FaultId, LEASE_RENEW_EVERY, Lease};
use crate::pidfd::PidFd;
use crate::plan::{self, PlannedFault, PlannedStep, Resource};
use crate::proxy::{Edge, Removal, Renewal};
use nix::sys::signal::Signal;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tracing::warn;

/// How long a killed process may take to vanish.
const GONE_MAX: Duration = Duration::from_secs(1);
/// How often a killed component is asked whether it is ready.
const BACK_EVERY: Duration = Duration::from_millis(10);
/// How often a component that says it is ready is asked for its processes: a landscape may have to read the whole
/// process table for that, and readiness alone may be that of the victim.
const PIDS_EVERY: Duration = Duration::from_millis(50);
/// How often the dose is sampled while a fault holds.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

/// A fault that may be in.
struct Live<'a> {
    fault: &'a PlannedFault,
    id: FaultId,
    edges: Vec<Arc<Edge>>,
    /// Whether the entries were made: from then on a missing one is a lost lease.
    entered: Arc<AtomicBool>,
    victims: Vec<u32>,
    replicas: usize,
    killed_at: Option<Instant>,
    pids_asked_at: Option<Instant>,
    dose: Dose,
    record: ExposureRecord,
    /// Ended by itself: the killed process is back.
    over: bool,
}

/// What renewal needs of a fault: its id, its edges, and whether the entries were made.
type Kept = (FaultId, Vec<Arc<Edge>>, Arc<AtomicBool>);

enum End {
    Held,
    Void,
    LeaseLost,
    Aborted(Abort),
}

impl Executor<'_> {
    pub(super) async fn step(&mut self, repetition: u32, step: &PlannedStep) {
        let objections = plan::check(self.plan, &self.ctx.landscape.inventory());
        if let Some(objection) = objections.first() {
            let why = format!("{}: {}", objection.rule, objection.message);
            return self.not_run(repetition, step, &why).await;
        }
        let mut lives = Vec::new();
        for fault in &step.faults {
            let id = FaultId::new(&self.ctx.run, &fault.local_id);
            if let Err(error) = self.intend(&id, fault).await {
                warn!(error, "no intent, no injection");
                return self.not_run(repetition, step, "not_injected: the intent could not be written").await;
            }
            lives.push(self.prepare(repetition, fault, id));
        }
        let end = self.expose(repetition, step, &mut lives).await;
        self.undo(repetition, &mut lives, &end).await;
        self.rest(repetition, step).await;
        let observed_until_ms = self.now_ms();
        let finish = |live: Live<'_>| ExposureRecord { observed_until_ms, ..live.record };
        self.report.exposures.extend(lives.into_iter().map(finish));
    }

    fn prepare<'f>(&self, repetition: u32, fault: &'f PlannedFault, id: FaultId) -> Live<'f> {
        let landscape = self.ctx.landscape.as_ref();
        let planned = |edge: &Arc<Edge>| fault.resources.contains(&Resource::Edge(edge.name().clone()));
        let edges = landscape.edges(fault.fault.from(), &fault.component).into_iter().filter(planned).collect();
        let record = self.blank(repetition, fault, Some("not_injected".into()));
        Live {
            fault,
            id,
            edges,
            entered: Arc::default(),
            victims: Vec::new(),
            replicas: 0,
            killed_at: None,
            pids_asked_at: None,
            dose: Dose::default(),
            record,
            over: false,
        }
    }

    async fn expose(&self, repetition: u32, step: &PlannedStep, lives: &mut [Live<'_>]) -> End {
        let kept: Vec<_> =
            lives.iter().map(|live| (live.id.clone(), live.edges.clone(), live.entered.clone())).collect();
        let mut abort = self.abort.clone();
        let work = async {
            for live in lives.iter_mut() {
                let at_ms = self.now_ms();
                self.tell(Progress::FaultStarting { id: live.id.clone(), repetition, at_ms }).await;
                let verified = live.inject(self.ctx.landscape.as_ref()).await;
                let at_ms = self.now_ms();
                live.record.verified = verified;
                live.record.start_ms = at_ms;
                let dose = live.record.achieved.clone();
                self.tell(Progress::Injected { id: live.id.clone(), repetition, at_ms, verified, dose }).await;
                if !verified {
                    return End::Void;
                }
                let id = live.id.clone();
                if let Err(error) = self.journal(move |journal| journal.injected(&id, at_ms)).await {
                    warn!(error, "the journal lacks an injection; its intent stands");
                }
            }
            self.hold(step.hold.duration(), lives).await;
            End::Held
        };
        tokio::select! {
            biased;
            abort = tripped(&mut abort) => End::Aborted(abort),
            () = keep(&kept) => End::LeaseLost,
            end = work => end,
        }
    }

    async fn hold(&self, hold: Duration, lives: &mut [Live<'_>]) {
        let until = Instant::now() + hold;
        let landscape = self.ctx.landscape.as_ref();
        let mut sample_at = Instant::now() + SAMPLE_EVERY;
        while Instant::now() < until {
            for live in lives.iter_mut().filter(|live| !live.over) {
                if live.is_back(landscape) {
                    live.over = true;
                    live.record.end_ms = self.now_ms();
                }
            }
            // Here and not at the next sample: nothing is left to hold.
            if lives.iter().all(|live| live.over) {
                return;
            }
            if Instant::now() >= sample_at {
                for live in lives.iter_mut() {
                    let probe = landscape.probe(&live.fault.component);
                    let sampled = live.dose.sample(&live.fault.fault, &live.edges, (&probe, &live.id));
                    // A probe that the end of the hold cuts off is no sample.
                    let _ = timeout_at(until, sampled).await;
                }
                sample_at = Instant::now() + SAMPLE_EVERY;
            }
            let kills = lives.iter().any(|live| live.killed_at.is_some() && !live.over);
            let next = if kills { Instant::now() + BACK_EVERY } else { sample_at };
            sleep_until(next.min(until)).await;
        }
    }

    async fn undo(&mut self, repetition: u32, lives: &mut [Live<'_>], end: &End) {
        for live in lives.iter_mut() {
            let acted = live.take_out();
            let at_ms = self.now_ms();
            if live.record.verified && !live.over {
                live.record.end_ms = at_ms;
            } else if !live.record.verified {
                live.record.end_ms = live.record.start_ms;
            }
            let void = matches!(end, End::Void) || !live.record.verified;
            live.record.achieved = live.quantities(acted);
            live.record.verified &= !void;
            (live.record.ended, live.record.detail) = match end {
                _ if void => (Ended::NotRun, Some("not_injected: the injection could not be verified".into())),
                End::Held | End::Void | End::Aborted(Abort::Decided) => (Ended::Completed, live.remark()),
                End::LeaseLost => (Ended::Aborted, Some("the lease was lost".into())),
                End::Aborted(Abort::GuardTripped { signal }) => {
                    (Ended::GuardTripped, Some(format!("guard on {signal}")))
                }
                End::Aborted(Abort::SoakAborted) => (Ended::Aborted, Some("soak_aborted".into())),
            };
            let id = live.id.clone();
            if let Err(error) = self.journal(move |journal| journal.undone(&id, at_ms)).await {
                warn!(error, "the journal lacks an undo; the next start scans again");
            }
            self.tell(Progress::Undone { id: live.id.clone(), repetition, at_ms }).await;
        }
    }

    /// Observes the recovery; only the end of the soak cuts it short.
    async fn rest(&self, repetition: u32, step: &PlannedStep) {
        let mut abort = self.abort.clone();
        let aborted = abort.wait_for(|abort| *abort == Some(Abort::SoakAborted));
        tokio::select! {
            () = sleep(step.rest.duration()) => (),
            true = async { aborted.await.is_ok() } => (),
        }
        let at_ms = self.now_ms();
        self.tell(Progress::RestOver { repetition, at_ms }).await;
    }
}

/// Waits for an abort that ends a hold.
async fn tripped(abort: &mut watch::Receiver<Option<Abort>>) -> Abort {
    let ends = |abort: &Option<Abort>| abort.as_ref().is_some_and(|abort| *abort != Abort::Decided);
    let signal = abort.wait_for(ends).await.ok().and_then(|abort| abort.clone());
    match signal {
        Some(abort) => abort,
        // The sender is gone: nobody will abort any more.
        None => std::future::pending().await,
    }
}

/// Renews every lease; returns when one is lost.
async fn keep(faults: &[Kept]) {
    loop {
        sleep(LEASE_RENEW_EVERY).await;
        for (id, edges, entered) in faults {
            // Every edge gets its renewal, also after a loss on another.
            let gone = edges.iter().filter(|edge| edge.renew(id) == Renewal::Gone).count();
            if gone > 0 && entered.load(Ordering::Acquire) {
                return;
            }
        }
    }
}

impl Live<'_> {
    /// Injects, and tells whether the fault was seen from outside.
    async fn inject(&mut self, landscape: &dyn Landscape) -> bool {
        let Some(edge_fault) = self.fault.fault.edge_fault() else {
            return self.kill(landscape).await;
        };
        for edge in &self.edges {
            let lease = Lease::grant(self.id.clone());
            if let Err(error) = edge.inject(&lease, edge_fault.clone(), self.fault.seed) {
                warn!(%error, "not injected");
                return false;
            }
        }
        self.entered.store(true, Ordering::Release);
        let probe = landscape.probe(&self.fault.component);
        self.dose.verify(&self.fault.fault, &self.edges, (&probe, &self.id)).await;
        self.record.achieved = self.dose.quantities(&self.fault.fault);
        !self.edges.is_empty() && self.dose.shows(&self.fault.fault)
    }

    async fn kill(&mut self, landscape: &dyn Landscape) -> bool {
        let pids = landscape.pids(&self.fault.component);
        self.replicas = pids.len();
        let mut all_gone = true;
        for resource in &self.fault.resources {
            let Resource::Process { replica, .. } = resource else {
                continue;
            };
            let Some(pid) = pids.get(*replica as usize).copied() else {
                return false;
            };
            let Ok(process) = i32::try_from(pid).map_err(std::io::Error::other).and_then(PidFd::open) else {
                return false;
            };
            // The descriptor names a process, the number might have been reused before it was opened: look again.
            if !landscape.pids(&self.fault.component).contains(&pid) || process.signal(Signal::SIGKILL).is_err() {
                return false;
            }
            self.killed_at.get_or_insert_with(Instant::now);
            self.victims.push(pid);
            all_gone &= process.gone_within(GONE_MAX).await;
        }
        self.record.achieved.insert("killed".into(), self.victims.len() as f64);
        all_gone && !self.victims.is_empty()
    }

    fn is_back(&mut self, landscape: &dyn Landscape) -> bool {
        let Some(killed_at) = self.killed_at else {
            return false;
        };
        // Readiness is cheap to ask and false for most of a downtime.
        let soon = self.pids_asked_at.is_some_and(|asked| asked.elapsed() < PIDS_EVERY);
        if soon || !landscape.ready(&self.fault.component) {
            return false;
        }
        self.pids_asked_at = Some(Instant::now());
        let pids = landscape.pids(&self.fault.component);
        let back = pids.len() >= self.replicas && !pids.iter().any(|pid| self.victims.contains(pid));
        if back {
            self.record.achieved.insert("downtime_ms".into(), killed_at.elapsed().as_secs_f64() * 1_000.0);
        }
        back
    }

    /// Removes our entries, by id; returns what they looked at and what they changed.
    fn take_out(&self) -> (u64, u64) {
        let mut sum = (0, 0);
        for edge in &self.edges {
            if let Removal::Removed(stats) = edge.remove(&self.id) {
                sum = (sum.0 + stats.seen, sum.1 + stats.hits);
            }
        }
        sum
    }

    fn quantities(&self, (seen, hits): (u64, u64)) -> BTreeMap<String, f64> {
        let mut all = self.record.achieved.clone();
        all.extend(self.dose.quantities(&self.fault.fault));
        if !self.edges.is_empty() {
            all.insert("entry_seen".into(), seen as f64);
            all.insert("entry_hits".into(), hits as f64);
        }
        all
    }

    /// Says so when the achieved dose is not the asked one, or the component did not come back.
    fn remark(&self) -> Option<String> {
        if let crate::fault::Fault::NetDelay(delay) = &self.fault.fault {
            let asked = delay.delay.ms() as f64;
            let achieved = *self.record.achieved.get("delay_ms_p50")?;
            let off = (achieved - asked).abs() > asked * 0.05;
            return off.then(|| format!("achieved {achieved:.1} ms of {asked} ms asked"));
        }
        let missing = self.killed_at.is_some() && !self.over;
        missing.then(|| "not ready again within the hold".to_string())
    }
}
