//! `repeat: {until: decided}` outside a soak: the tag is watched without a fault first, then repetitions go on until
//! the scorer says that the hypothesis holds or not.

use super::faults::{Around, Experimented, run_some};
use super::loads::suites_of;
use super::session::{Session, settle};
use crate::documents::Complaint;
use chaos::document::{Experiment, LEAST_UNTIL_DECIDED, Step};
use chaos::load::Loads;
use chaos::plan::Plan;
use scorer::evidence::PhaseLabel;
use scorer::hypothesis::{Decision, LEAST, Question, standing, steady};
use scorer::{Evidence, Signal};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;
use tokio::time::sleep;

const _: () = assert!(LEAST_UNTIL_DECIDED as usize == LEAST, "the plan and the scorer must mean the same");

/// Windows without a fault: enough to see how far windows of one tag differ.
const WINDOWS: u32 = 8;
/// Samples in each of them at least.
const SAMPLES: u32 = 2;
/// Samples before the first of them: the traffic has only begun.
const WARMUP: u32 = 5;
/// How often processes are followed meanwhile.
const TURN: Duration = Duration::from_millis(200);

/// How far the hypothesis of an experiment is decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Decided {
    /// The decision.
    pub decision: Decision,
    /// Repetitions that ran.
    pub after: usize,
    /// Repetitions that speak: the others are void.
    pub spoke: usize,
    /// Most repetitions.
    pub most: usize,
    /// Why, in one sentence.
    pub why: String,
}

impl fmt::Display for Decided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.decision {
            Decision::Held => "decided: held",
            Decision::Broken => "decided: broken",
            Decision::Undecided => "undecided",
        };
        write!(f, "{word} after {} of at most {}", self.after, self.most)?;
        match self.after - self.spoke {
            0 => (),
            void => write!(f, ", {void} void")?,
        }
        write!(f, ": {}", self.why)
    }
}

/// An experiment that ends when it is decided.
pub struct Sequential<'a> {
    /// At its most repetitions.
    pub plan: &'a Plan,
    /// Fewest repetitions that have to speak.
    pub least: usize,
    /// Signals of the tag.
    pub signals: &'a [Signal],
    /// What surrounds it.
    pub around: Around<'a>,
    /// Whoever wants to know how far it is.
    pub says: &'a (dyn Fn(&str) + Sync),
}

impl Sequential<'_> {
    /// Runs it inside a session.
    pub async fn run(&self, session: &mut Session) -> (Experimented, Decided) {
        let most = self.plan.repetitions.len();
        let undecided =
            |why: &str| Decided { decision: Decision::Undecided, after: 0, spoke: 0, most, why: why.to_owned() };
        let without = match self.without(session).await {
            Ok(Some(without)) => without,
            Ok(None) => return (Experimented::Stopped, undecided("ended before the first injection")),
            Err(why) => return self.not_begun(undecided(&why)),
        };
        let evidence = session.evidence().await;
        // What cannot be decided is not injected.
        if let Err(why) = steady(&self.question(&evidence, &without, 0)) {
            return self.not_begun(undecided(&why));
        }
        let mut decided = undecided("no repetition ran");
        for number in 0..most {
            let ran = run_some(session, self.plan, number..number + 1, &self.around).await;
            sleep(settle(session.interval_ms)).await;
            let evidence = session.evidence().await;
            let look = (number + 1).saturating_sub(self.least);
            let stands = standing(&self.question(&evidence, &without, look));
            let (after, spoke) = (number + 1, stands.repetitions);
            decided = Decided { decision: stands.decision, after, spoke, most, why: stands.why };
            if ran != Experimented::Over || spoke < self.least {
                decided.decision = Decision::Undecided;
            }
            (self.says)(&decided.to_string());
            if ran != Experimented::Over || decided.decision != Decision::Undecided {
                return (ran, decided);
            }
        }
        (Experimented::Over, decided)
    }

    /// Nothing was injected, and this is why.
    fn not_begun(&self, decided: Decided) -> (Experimented, Decided) {
        (self.says)(&decided.to_string());
        (Experimented::Over, decided)
    }

    fn question<'q>(&'q self, evidence: &'q Evidence, without: &'q [(i64, i64)], look: usize) -> Question<'q> {
        let (experiment, hypothesis) = (&self.plan.experiment, &self.plan.signals);
        Question { experiment, hypothesis, evidence, signals: self.signals, without, look }
    }

    /// Watches the tag without a fault under the load of the steps; the windows, or `None` when it was asked to end.
    ///
    /// # Errors
    /// Why the load was not the one that was asked for.
    async fn without(&self, session: &mut Session) -> Result<Option<Vec<(i64, i64)>>, String> {
        let suites: BTreeSet<&str> = suites_of(self.plan).collect();
        let mut loads = Vec::new();
        for suite in suites {
            let load = session.loads.start(suite).map_err(|why| format!("load `{suite}` could not start: {why}"))?;
            loads.push((suite, load));
        }
        let windows = self.watch(session).await;
        for (suite, load) in loads {
            // Without windows nobody asks any more what the load was.
            if let (Some(flaw), true) = (load.stop().await.flaw, windows.is_some()) {
                return Err(format!("load `{suite}`: {flaw}"));
            }
        }
        Ok(windows)
    }

    /// Watches the tag for as long as the longest hold.
    async fn watch(&self, session: &mut Session) -> Option<Vec<(i64, i64)>> {
        let holds = self.plan.repetitions.iter().flat_map(|repetition| &repetition.steps).map(|step| step.hold.ms());
        let hold_ms = i64::try_from(holds.max().unwrap_or(0)).unwrap_or(i64::MAX);
        let samples = hold_ms / session.interval_ms / i64::from(WINDOWS) + 1;
        let samples = u32::try_from(samples).unwrap_or(u32::MAX / WINDOWS).max(SAMPLES);
        let warm_ms = i64::from(WARMUP) * session.interval_ms;
        let start_ms = session.grid(session.clock.now_ms() + warm_ms);
        let window_ms = i64::from(samples) * session.interval_ms;
        let windows = (0..i64::from(WINDOWS)).map(|n| (start_ms + n * window_ms, start_ms + (n + 1) * window_ms));
        session.open_phase(PhaseLabel::Steady, "without a fault", start_ms, samples * WINDOWS);
        let end_ms = start_ms + i64::from(WINDOWS) * window_ms;
        (self.says)(&format!("without a fault for {} s", (end_ms - start_ms) / 1_000));
        let settled_ms = end_ms + i64::try_from(settle(session.interval_ms).as_millis()).unwrap_or_default();
        while session.clock.now_ms() < settled_ms {
            tokio::select! {
                () = self.around.stop.cancelled() => return None,
                () = sleep(TURN) => session.follow(),
            }
        }
        Some(windows.collect())
    }
}

/// Everything in an experiment that keeps its hypothesis from being decided over these signals of a tag.
pub fn undecidable(experiment: &Experiment, signals: &[Signal]) -> Vec<Complaint> {
    let shares: Vec<&str> = signals.iter().filter(|s| s.form.is_share()).map(|s| s.name.as_str()).collect();
    let remedy = || match shares.as_slice() {
        [] => "the tag has no ratio and no latency: declare one in mettle/signals.yaml".to_owned(),
        shares => format!("known: {}", shares.join(", ")),
    };
    let named = &experiment.hypothesis.signals;
    let mut complaints = Vec::new();
    if named.is_empty() {
        let message = "names nothing that `until: decided` could judge";
        complaints.push(Complaint::new("hypothesis.signals", "[]", message, remedy()));
    }
    for (n, name) in named.iter().enumerate().filter(|(_, name)| !shares.contains(&name.as_str())) {
        let message = if signals.iter().any(|signal| signal.name == *name) {
            "is no share of good events, and `until: decided` judges ratios and latencies only"
        } else {
            "is not a signal of this tag"
        };
        complaints.push(Complaint::new(format!("hypothesis.signals[{n}]"), name, message, remedy()));
    }
    complaints.extend(uneven_loads(experiment));
    complaints
}

/// The windows without a fault have the load of the steps; of steps that differ in it they would be like none.
fn uneven_loads(experiment: &Experiment) -> Option<Complaint> {
    let suites =
        |step: &Step| -> BTreeSet<String> { step.loads("").into_iter().map(|(_, load)| load.suite.clone()).collect() };
    let first = suites(experiment.method.first()?);
    let (n, step) = experiment.method.iter().enumerate().find(|(_, step)| suites(step) != first)?;
    let value = Vec::from_iter(suites(step)).join(", ");
    let message =
        "is not the load of method[0], and `until: decided` compares all steps with the same time without a fault";
    Some(Complaint::new(format!("method[{n}].parallel"), value, message, "give every step the same load"))
}
