//! The executor: takes a plan through check, intent, lease, inject, verify, hold, undo, residual scan, rest, record.
//!
//! Invariant: what was injected is undone on every path out of a step. If the executor's future is dropped, nobody
//! renews the leases any more, and every entry is inert within [`crate::lease::LEASE_TTL`].

mod grip;
mod loads;
mod measure;
mod record;
mod step;

pub use record::{Abort, Ended, ExposureRecord, Progress, Report};

use crate::clock::Clock;
use crate::journal::{Intent, Journal, JournalError};
use crate::landscape::Landscape;
use crate::lease::FaultId;
use crate::load::{Loads, NoLoads};
use crate::plan::{Plan, PlannedFault, PlannedStep, Repetition};
use crate::residual::{self, Residue};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};
use tracing::warn;

/// How long a guard that has undone may take to exit.
const SETTLES_WITHIN: Duration = Duration::from_secs(2);
/// Pause between two scans.
const SETTLE_LOOK: Duration = Duration::from_millis(20);
/// How long a full queue of progress events may hold up the executor; undo must not wait for a slow reader.
const SEND_MAX: Duration = Duration::from_millis(200);

/// Everything around a plan.
#[derive(Clone)]
pub struct Context {
    /// Names this run; the start of every fault id. Unique in the landscape.
    pub run: String,
    /// What faults act on.
    pub landscape: Arc<dyn Landscape>,
    /// Write-ahead journal.
    pub journal: Arc<dyn Journal>,
    /// Wall clock of the records.
    pub clock: Arc<dyn Clock>,
}

/// Runs a plan to its end, or to its abort, and leaves nothing behind. `abort` is watched at every moment. A step that
/// asks for load is not run: see [`run_some`].
pub async fn run(
    plan: &Plan,
    ctx: Context,
    abort: watch::Receiver<Option<Abort>>,
    events: mpsc::Sender<Progress>,
) -> Report {
    run_some((plan, &plan.repetitions), ctx, Arc::new(NoLoads), (abort, events)).await
}

/// As [`run`], only these repetitions of the plan, and with load beside the faults.
pub async fn run_some(
    (plan, repetitions): (&Plan, &[Repetition]),
    ctx: Context,
    loads: Arc<dyn Loads>,
    (abort, events): (watch::Receiver<Option<Abort>>, mpsc::Sender<Progress>),
) -> Report {
    let plan_hash = plan.hash();
    let mut executor = Executor { plan, plan_hash, ctx, loads, abort, events, report: Report::default() };
    for repetition in repetitions {
        for step in &repetition.steps {
            let signal = executor.abort.borrow().clone();
            match signal {
                Some(Abort::GuardTripped { .. }) => executor.not_run(repetition.number, step, "guard_tripped").await,
                Some(Abort::SoakAborted) => executor.not_run(repetition.number, step, "soak_aborted").await,
                None => executor.step(repetition.number, step).await,
            }
        }
    }
    let left = executor.scan().await;
    executor.report.residue.extend(left);
    executor.report
}

struct Executor<'a> {
    plan: &'a Plan,
    plan_hash: String,
    ctx: Context,
    loads: Arc<dyn Loads>,
    abort: watch::Receiver<Option<Abort>>,
    events: mpsc::Sender<Progress>,
    report: Report,
}

impl Executor<'_> {
    fn now_ms(&self) -> i64 {
        self.ctx.clock.now_ms()
    }

    /// What is left, once whatever is just ending has ended.
    async fn scan(&self) -> Vec<Residue> {
        let until = Instant::now() + SETTLES_WITHIN;
        loop {
            let left = residual::scan(self.ctx.landscape.as_ref(), &self.ctx.run);
            if left.is_empty() || Instant::now() >= until {
                return left;
            }
            sleep(SETTLE_LOOK).await;
        }
    }

    async fn tell(&self, progress: Progress) {
        if let Err(mpsc::error::SendTimeoutError::Timeout(lost)) = self.events.send_timeout(progress, SEND_MAX).await {
            warn!(?lost, "nobody reads the progress of {}", self.plan.experiment);
        }
    }

    async fn not_run(&mut self, repetition: u32, step: &PlannedStep, why: &str) {
        for fault in &step.faults {
            let record = self.blank(repetition, fault, Some(why.to_string()));
            self.report.exposures.push(record);
        }
        let at_ms = self.now_ms();
        self.tell(Progress::NotRun { repetition, at_ms, why: why.to_string() }).await;
    }

    fn blank(&self, repetition: u32, fault: &PlannedFault, detail: Option<String>) -> ExposureRecord {
        let now = self.now_ms();
        ExposureRecord {
            experiment: self.plan.experiment.clone(),
            kind: fault.fault.kind().to_string(),
            target: fault.component.clone(),
            repetition,
            start_ms: now,
            end_ms: now,
            observed_until_ms: now,
            requested: fault.fault.requested(),
            achieved: Default::default(),
            verified: false,
            ended: Ended::NotRun,
            recover_within_ms: self.plan.recover_within_ms,
            signals: self.plan.signals.clone(),
            seed: fault.seed,
            detail,
        }
    }

    /// Calls the journal off the runtime: it waits for the disk.
    async fn journal(
        &self,
        write: impl FnOnce(&dyn Journal) -> Result<(), JournalError> + Send + 'static,
    ) -> Result<(), String> {
        let journal = self.ctx.journal.clone();
        match tokio::task::spawn_blocking(move || write(journal.as_ref())).await {
            Ok(written) => written.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn intend(&self, id: &FaultId, fault: &PlannedFault) -> Result<(), String> {
        let intent = Intent {
            id: id.clone(),
            experiment: self.plan.experiment.clone(),
            kind: fault.fault.kind().to_string(),
            plan: self.plan_hash.clone(),
            resources: fault.resources.clone(),
            at_ms: self.now_ms(),
        };
        self.journal(move |journal| journal.intent(&intent)).await
    }
}
