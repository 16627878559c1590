//! Experiments within a soak: the chaos crate injects, this file marks phases and keeps the journal.

use super::guard::Watch;
use super::session::Session;
use crate::landscape::local::Local;
use crate::store::Store;
use chaos::document::Experiment;
use chaos::execute::{Abort, Context, Ended as ChaosEnded, ExposureRecord, Progress, Report};
use chaos::journal::{Intent, Journal, JournalError};
use chaos::landscape::Landscape;
use chaos::lease::FaultId;
use chaos::plan::{self, Overrides, Plan};
use chrono::Utc;
use probes::clock::RunClock;
use scorer::evidence::{Ended, Exposure, PhaseLabel};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// Progress events of one fault.
const EVENTS_OF_A_FAULT: usize = 4;
/// How often guards are read and processes followed.
const TURN: Duration = Duration::from_millis(250);
/// State of a fault of which nothing is left.
pub const UNDONE: &str = "undone";

/// The write-ahead journal on the worker's store.
pub struct StoreJournal(pub Store);

impl StoreJournal {
    fn put(&self, id: &FaultId, state: &'static str, body: &str) -> Result<(), JournalError> {
        self.0.put_fault(id.as_str(), state, body, Utc::now()).map_err(|e| JournalError {
            entry: state,
            id: id.clone(),
            source: Box::new(e),
        })
    }
}

impl Journal for StoreJournal {
    fn intent(&self, intent: &Intent) -> Result<(), JournalError> {
        let body = serde_json::to_string(intent).map_err(|e| JournalError {
            entry: "intent",
            id: intent.id.clone(),
            source: Box::new(e),
        })?;
        self.put(&intent.id, "intent", &body)
    }

    fn injected(&self, id: &FaultId, at_ms: i64) -> Result<(), JournalError> {
        self.put(id, "injected", &at_ms.to_string())
    }

    fn undone(&self, id: &FaultId, at_ms: i64) -> Result<(), JournalError> {
        self.put(id, UNDONE, &at_ms.to_string())
    }
}

/// The clock of the run, so that exposures and samples share one time.
pub struct Shared(pub RunClock);

impl chaos::clock::Clock for Shared {
    fn now_ms(&self) -> i64 {
        self.0.now_ms()
    }
}

/// How an experiment ended for the soak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Experimented {
    /// It ran.
    Over,
    /// The guard of this signal tripped, under a fault or in a rest: everything is undone, and what was left of it did
    /// not run.
    GuardTripped(String),
    /// The soak was asked to end; everything is undone.
    Stopped,
    /// Something of ours is left.
    Residue(String),
}

/// Makes the plan of an experiment, or says everything that speaks against it.
///
/// # Errors
/// All objections in one text.
pub fn plan(experiment: &Experiment, local: &Local, overrides: Overrides, seed: u64) -> Result<Plan, String> {
    let inventory = local.inventory();
    let plan = plan::build(experiment, &inventory, overrides, seed).map_err(|e| e.to_string())?;
    let objections = plan::check(&plan, &inventory);
    if objections.is_empty() {
        Ok(plan)
    } else {
        Err(objections.iter().map(|o| format!("{}: {}; {}", o.at, o.message, o.remedy)).collect::<Vec<_>>().join("; "))
    }
}

/// What surrounds a plan while it runs.
pub struct Around<'a> {
    /// Guards of the experiment.
    pub guards: &'a [Watch],
    /// Journal of faults.
    pub journal: Arc<StoreJournal>,
    /// Asks for the end.
    pub stop: &'a CancellationToken,
    /// Whoever wants to know what happens.
    pub told: &'a (dyn Fn(&Progress) + Sync),
}

/// Runs a plan inside a session: phases `fault` and `recovery` follow the measured times.
pub async fn run(
    session: &mut Session,
    plan: &Plan,
    guards: &[Watch],
    journal: Arc<StoreJournal>,
    stop: &CancellationToken,
) -> Experimented {
    run_told(session, plan, Around { guards, journal, stop, told: &|_| () }).await
}

/// As [`run`], for somebody who watches.
pub async fn run_told(session: &mut Session, plan: &Plan, around: Around<'_>) -> Experimented {
    run_some(session, plan, 0..plan.repetitions.len(), &around).await
}

/// As [`run_told`], only these repetitions of the plan, by index.
pub async fn run_some(
    session: &mut Session,
    plan: &Plan,
    repetitions: Range<usize>,
    around: &Around<'_>,
) -> Experimented {
    let Around { guards, journal, stop, told } = around;
    let (abort, aborted) = watch::channel(None);
    let steps = plan.repetitions.iter().flat_map(|repetition| &repetition.steps);
    let most = steps.map(|step| step.faults.len()).max().unwrap_or(0);
    // A step may make all of its events at once.
    let (events, mut progress) = mpsc::channel(EVENTS_OF_A_FAULT * (most + 1));
    let run = format!("{}-{}-{}", session_name(session), plan.experiment, plan.seed);
    let landscape: Arc<dyn Landscape> = session.local.clone();
    let context = Context { run, landscape, journal: journal.clone(), clock: Arc::new(Shared(session.clock)) };
    let (owned, loads) = (plan.clone(), session.loads.clone());
    let mut execution = tokio::spawn(async move {
        let some = &owned.repetitions[repetitions];
        chaos::execute::run_some((&owned, some), context, loads, (aborted, events)).await
    });
    let mut turn = tokio::time::interval(TURN);
    let report: Result<Report, _> = loop {
        tokio::select! {
            report = &mut execution => break report,
            Some(event) = progress.recv() => {
                told(&event);
                mark(session, &plan.experiment, event);
            }
            _ = turn.tick() => {
                session.follow();
                if stop.is_cancelled() {
                    abort.send_if_modified(|a| a.replace(Abort::SoakAborted) != Some(Abort::SoakAborted));
                } else if let Some(signal) = guards.iter().find_map(|g| g.tripped(&session.recorder)) {
                    let signal = signal.to_owned();
                    abort.send_if_modified(|a| a.is_none() && a.replace(Abort::GuardTripped { signal }).is_none());
                }
            }
        }
    };
    while let Ok(event) = progress.try_recv() {
        told(&event);
        mark(session, &plan.experiment, event);
    }
    let now = session.clock.now_ms();
    if session.phases().last().is_some_and(|p| {
        matches!(p.label, PhaseLabel::Fault | PhaseLabel::Recovery | PhaseLabel::Excluded) && p.end_ms <= p.start_ms
    }) {
        session.close_phase(now);
    }
    match report {
        Ok(report) => came_to(session, report, abort.borrow().as_ref(), stop.is_cancelled()),
        // The executor's leases lapse by themselves; what it did is not known.
        Err(error) => Experimented::Residue(format!("the executor ended by itself: {error}")),
    }
}

/// Keeps what a report says, and tells how the experiment ended.
fn came_to(session: &mut Session, report: Report, abort: Option<&Abort>, is_stopped: bool) -> Experimented {
    session.expose(report.exposures.iter().map(exposure));
    session.ran_beside(report.loads);
    let left: Vec<String> = report.residue.iter().map(|r| format!("fault {}: {}", r.id, r.place)).collect();
    match abort {
        // What is left counts more than who asked for the end.
        _ if !left.is_empty() => Experimented::Residue(left.join("; ")),
        _ if is_stopped => Experimented::Stopped,
        Some(Abort::GuardTripped { signal }) => Experimented::GuardTripped(signal.clone()),
        Some(Abort::SoakAborted) | None => Experimented::Over,
    }
}

fn session_name(session: &Session) -> String {
    format!("{}", session.origin_ms)
}

fn mark(session: &mut Session, experiment: &str, event: Progress) {
    let last = session.phases().last().map(|p| p.label);
    let is_void = session.phases().last().is_some_and(|p| p.label == PhaseLabel::Excluded && p.end_ms <= p.start_ms);
    match event {
        // A step with a void fault is void, whichever of its faults was heard of first.
        Progress::Injected { .. } if is_void => {}
        Progress::Injected { repetition, at_ms, verified, .. } => {
            // A void injection disturbed the product all the same: its window counts for nothing.
            let label = if verified { PhaseLabel::Fault } else { PhaseLabel::Excluded };
            session.open_phase(label, &format!("{experiment}#{repetition}"), at_ms, 0);
        }
        Progress::Undone { repetition, at_ms, .. } if last == Some(PhaseLabel::Fault) => {
            session.close_phase(at_ms);
            session.open_phase(PhaseLabel::Recovery, &format!("{experiment}#{repetition}"), at_ms, 0);
        }
        Progress::RestOver { at_ms, .. } if matches!(last, Some(PhaseLabel::Recovery | PhaseLabel::Excluded)) => {
            session.close_phase(at_ms)
        }
        Progress::FaultStarting { .. }
        | Progress::Undone { .. }
        | Progress::RestOver { .. }
        | Progress::NotRun { .. } => {}
    }
}

/// The exposure in the words of the evidence.
pub fn exposure(record: &ExposureRecord) -> Exposure {
    Exposure {
        experiment: record.experiment.clone(),
        kind: record.kind.clone(),
        target: record.target.clone(),
        repetition: record.repetition,
        start_ms: record.start_ms,
        end_ms: record.end_ms,
        observed_until_ms: record.observed_until_ms,
        requested: record.requested.clone(),
        achieved: record.achieved.clone(),
        verified: record.verified,
        ended: match record.ended {
            ChaosEnded::Completed => Ended::Completed,
            ChaosEnded::GuardTripped => Ended::GuardTripped,
            ChaosEnded::Aborted => Ended::Aborted,
            ChaosEnded::NotRun => Ended::NotRun,
        },
        recover_within_ms: record.recover_within_ms,
        signals: record.signals.clone(),
        seed: record.seed,
        detail: record.detail.clone(),
    }
}
