//! `mettle chaos run` and `replay`: an experiment in the landscape of an installation.

use super::chaos::{Dose, objected, plan_text, read_document};
use super::chaos_report::load_text;
use super::output::{Output, table, tell};
use super::run::{myself, on_interrupt};
use super::{Dir, Exit};
use crate::documents::{Complaint, Document, Problems};
use crate::worker::chaos_record::{ChaosOutcome, ChaosRecord, RecordError};
use crate::worker::experiment::{Ground, NoSuchTag, Told, Wanted};
use crate::worker::{Installation, Notice, View};
use ::chaos::document::Experiment;
use ::chaos::execute::Progress;
use ::chaos::plan::Plan;
use chrono::Utc;
use clap::Args;
use scorer::evidence::{Ended, Exposure};
use scorer::hypothesis::Decision;
use std::path::PathBuf;

pub(super) const RUN_EXAMPLES: &str = "Examples:
  mettle chaos run payments-slow.yaml --dir soak --dry-run   shows the plan, changes nothing
  mettle chaos run payments-slow.yaml --dir soak --tag v1.2.0

With `repeat: {until: decided}` the tag is watched without a fault first. Then repetitions go on
until the hypothesis is decided: at most 10 percentage points more of its events are bad under the
fault, and it recovers in time, or not. That takes three repetitions at least. It is wrong in at
most 5 % about its events, and as often about its recovery, where repetitions scatter about a
mean; a fault that hurts rarely can go unseen: n quiet repetitions exclude only a chance of harm
above 1 - 0.05^(1/n), 63 % for 3 and 22 % for 12 (`min`).
Ctrl-C undoes the fault and ends.

Exit: 0 ran, or the hypothesis held, 2 objections, 10 the hypothesis is broken, 11 an injection
could not be verified, or undecided, 13 ended early and undone (Ctrl-C or a guard), 14 something
could not be undone.";

pub(super) const REPLAY_EXAMPLES: &str = "Examples:
  mettle chaos replay payments-slow-20260101T120000Z-0a1b2c3d --dir soak --dry-run
  mettle chaos replay record.json --dir soak --tag v1.3.0   the same plan on another tag";

/// `mettle chaos run`.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// The experiment.
    file: PathBuf,
    #[command(flatten)]
    stage: Stage,
    #[command(flatten)]
    dose: Dose,
}

/// `mettle chaos replay`.
#[derive(Debug, Args)]
pub(super) struct Replay {
    /// File of a record, or the beginning of its id.
    record: String,
    #[command(flatten)]
    stage: Stage,
}

/// Where an experiment runs.
#[derive(Debug, Args)]
pub(super) struct Stage {
    #[command(flatten)]
    dir: Dir,
    /// Tag that is deployed [default: the one that was soaked last, else the newest; of a replay: the recorded one].
    #[arg(long)]
    tag: Option<String>,
    /// Show the plan and stop.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    output: Output,
}

pub(super) async fn run(run: Run) -> anyhow::Result<u8> {
    let document = read_document(&run.file)?;
    let wanted = run.dose.wanted(document.value.clone());
    let installation = Installation::open(&run.stage.dir.dir)?;
    perform(installation, &wanted, Origin::Document(&document), run.stage).await
}

pub(super) async fn replay(replay: Replay) -> anyhow::Result<u8> {
    let installation = Installation::open(&replay.stage.dir.dir)?;
    let Some(record) = recorded(&installation, &replay.record)? else {
        return Ok(Exit::Usage as u8);
    };
    let wanted = Wanted {
        experiment: record.experiment.clone(),
        repeat: record.repeat,
        seed: record.seed,
        replay_of: Some(record.id.clone()),
    };
    let tag = replay.stage.tag.clone().or(Some(record.tag.clone()));
    perform(installation, &wanted, Origin::Record(&record), Stage { tag, ..replay.stage }).await
}

/// Where an experiment comes from.
#[derive(Clone, Copy)]
enum Origin<'a> {
    Document(&'a Document<Experiment>),
    Record(&'a ChaosRecord),
}

impl Origin<'_> {
    /// Gives complaints their place.
    fn place(self, complaints: Vec<Complaint>) -> Problems {
        match self {
            Origin::Document(document) => document.place(complaints),
            Origin::Record(record) => Problems(complaints.into_iter().map(|c| c.within(&record.id)).collect()),
        }
    }
}

/// The record of this name; `None` when there is none, which was told.
pub(super) fn recorded(installation: &Installation, name: &str) -> anyhow::Result<Option<ChaosRecord>> {
    match ChaosRecord::find(installation, name) {
        Ok(record) => Ok(Some(record)),
        Err(error @ (RecordError::NotFound { .. } | RecordError::Unreadable { .. })) => {
            tell!("error: {:#}", anyhow::Error::from(error));
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

async fn perform(installation: Installation, wanted: &Wanted, origin: Origin<'_>, stage: Stage) -> anyhow::Result<u8> {
    let ground = match Ground::take(installation.clone(), stage.tag.as_deref(), &myself()?).await {
        Err(error) if error.is::<NoSuchTag>() => {
            tell!("error: {error:#}");
            return Ok(Exit::Usage as u8);
        }
        ground => ground?,
    };
    origin.place(ground.complaints(wanted)).or(())?;
    let (plan, objections) = wanted.plan(&ground.inventory())?;
    if let Origin::Record(recorded) = origin
        && plan.hash() != recorded.plan_hash
    {
        tell!(
            "error: the plan is {} and was {}: the landscape has changed since (components or edges), so it is not the same experiment any more; run the experiment itself: mettle chaos run FILE",
            plan.hash(),
            recorded.plan_hash
        );
        return Ok(Exit::Usage as u8);
    }
    tell!("{}", plan_text(wanted, &plan).trim_end());
    if objected(&objections) {
        return Ok(Exit::Usage as u8);
    }
    if stage.dry_run {
        stage.output.print(&plan, || format!("{}\n", plan.hash()))?;
        return Ok(Exit::Ok as u8);
    }
    let (stop, view) = (on_interrupt()?, View::new());
    let tag = ground.tag().to_owned();
    view.show(&Notice::Says(format!("deploying {tag}")));
    let began = Utc::now();
    let told = |event: &Progress| {
        let gone = (Utc::now() - began).num_milliseconds() as f64;
        show(&view, &plan, event, (gone / plan.duration_ms().max(1) as f64).clamp(0.0, 1.0));
    };
    let says = |line: &str| view.show(&Notice::Says(format!("{}: {line}", plan.experiment)));
    let Some(record) = ground.run((wanted, &plan), &stop, Told { progress: &told, says: &says }).await? else {
        tell!("ended before anything was injected");
        return Ok(Exit::Interrupted as u8);
    };
    tell!(
        "{}: record {}",
        outcome_text(&record),
        installation.work("chaos").join(format!("{}.json", record.id)).display()
    );
    if let Some(residue) = &record.residue {
        tell!(
            "error: not undone: {residue}; the processes have ended since, and changed files were put back where they could be; see the record"
        );
    }
    stage.output.print(&record, || {
        let loads: String = record.loads.iter().map(|load| load_text(load) + "\n").collect();
        exposures_text(&record.exposures) + &loads
    })?;
    Ok(exit_of(&record) as u8)
}

/// Shows what happens in a run.
pub(super) fn show(view: &View, plan: &Plan, event: &Progress, share: f64) {
    let (repetition, text) = match event {
        Progress::FaultStarting { repetition, .. } => (*repetition, "injecting".to_owned()),
        Progress::Injected { repetition, verified: true, dose, .. } => {
            (*repetition, format!("fault is in{}", measured(dose.iter())))
        }
        Progress::Injected { repetition, verified: false, .. } => {
            (*repetition, "the injection could not be verified".to_owned())
        }
        Progress::Undone { repetition, .. } => (*repetition, "undone, recovering".to_owned()),
        Progress::RestOver { repetition, .. } => (*repetition, "rest is over".to_owned()),
        Progress::NotRun { repetition, why, .. } => (*repetition, format!("not run: {why}")),
    };
    view.show(&Notice::Stands {
        tag: plan.experiment.clone(),
        phase: format!("#{repetition} of {}: {text}", plan.repetitions.len()),
        share,
        score: None,
        missing: String::new(),
    });
}

fn measured<'a>(dose: impl Iterator<Item = (&'a String, &'a f64)>) -> String {
    let all: Vec<String> = dose.map(|(name, value)| format!("{name} {value:.1}")).collect();
    if all.is_empty() { String::new() } else { format!(" ({})", all.join(", ")) }
}

/// One line for each injection, with requested and achieved dose.
fn exposures_text(exposures: &[Exposure]) -> String {
    let head = ["#", "FAULT", "TARGET", "HELD", "REQUESTED", "ACHIEVED", "ENDED"].map(str::to_owned).to_vec();
    table(&std::iter::once(head).chain(exposures.iter().map(exposure_cells)).collect::<Vec<_>>())
}

/// Repetition, fault, target, time held, requested and achieved dose, and how an injection ended.
pub(super) fn exposure_cells(e: &Exposure) -> Vec<String> {
    let requested: Vec<String> = e.requested.iter().map(|(k, v)| format!("{k} {v}")).collect();
    let achieved: Vec<String> = e.achieved.iter().map(|(k, v)| format!("{k} {v:.1}")).collect();
    let ended = match e.ended {
        Ended::Completed => "completed",
        Ended::GuardTripped => "guard tripped",
        Ended::Aborted => "aborted, undone",
        Ended::NotRun => "not run",
    };
    let detail = e.detail.as_ref().map_or_else(String::new, |detail| format!(": {detail}"));
    vec![
        e.repetition.to_string(),
        e.kind.clone(),
        e.target.clone(),
        format!("{:.1} s", (e.end_ms - e.start_ms).max(0) as f64 / 1e3),
        requested.join(", "),
        if e.verified { achieved.join(", ") } else { "not verified".into() },
        format!("{ended}{detail}"),
    ]
}

/// The outcome for people.
pub(super) fn outcome_text(record: &ChaosRecord) -> String {
    let word = match record.outcome {
        ChaosOutcome::Completed => "completed",
        ChaosOutcome::NotVerified => "not verified",
        ChaosOutcome::GuardTripped => "guard tripped, undone",
        ChaosOutcome::Aborted => "aborted, undone",
        ChaosOutcome::Residue => "residue",
    };
    let decision = record.decided.as_ref().map(|decided| match decided.decision {
        Decision::Held => ", held",
        Decision::Broken => ", broken",
        Decision::Undecided => ", undecided",
    });
    format!("{word}{}", decision.unwrap_or_default())
}

/// What is decided counts, also beside a void repetition: it is decided without that one.
fn exit_of(record: &ChaosRecord) -> Exit {
    match (record.outcome, record.decided.as_ref().map(|decided| decided.decision)) {
        (ChaosOutcome::Residue, _) => Exit::UndoIncomplete,
        (ChaosOutcome::GuardTripped | ChaosOutcome::Aborted, _) => Exit::Aborted,
        (_, Some(Decision::Held)) | (ChaosOutcome::Completed, None) => Exit::Ok,
        (_, Some(Decision::Broken)) => Exit::Deny,
        (_, Some(Decision::Undecided)) | (ChaosOutcome::NotVerified, None) => Exit::Insufficient,
    }
}
