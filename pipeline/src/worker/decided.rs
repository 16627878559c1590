//! `repeat: {until: decided}` outside a soak: the tag is watched without a fault first, then repetitions go on until
//! the scorer says that the hypothesis holds or not.

use super::faults::{Around, Experimented, run_some};
use super::session::{Session, settle};
use chaos::plan::Plan;
use scorer::evidence::{Ended, PhaseLabel};
use scorer::hypothesis::{Decision, Question, standing, steady};
use scorer::{Evidence, Signal};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;
use tokio::time::sleep;

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
        let Some(without) = self.without(session).await else {
            return (Experimented::Stopped, undecided("ended before the first injection"));
        };
        let evidence = session.evidence().await;
        // What cannot be decided is not injected.
        if let Err(why) = steady(&self.question(&evidence, &without, 0)) {
            let decided = undecided(&why);
            (self.says)(&decided.to_string());
            return (Experimented::Over, decided);
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
            let tripped = evidence.exposures.iter().any(|exposure| exposure.ended == Ended::GuardTripped);
            if ran != Experimented::Over || tripped || spoke < self.least {
                decided.decision = Decision::Undecided;
            }
            (self.says)(&decided.to_string());
            if ran != Experimented::Over || tripped || decided.decision != Decision::Undecided {
                return (ran, decided);
            }
        }
        (Experimented::Over, decided)
    }

    fn question<'q>(&'q self, evidence: &'q Evidence, without: &'q [(i64, i64)], look: usize) -> Question<'q> {
        let (experiment, hypothesis) = (&self.plan.experiment, &self.plan.signals);
        Question { experiment, hypothesis, evidence, signals: self.signals, without, look }
    }

    /// Watches the tag without a fault for as long as the longest hold; the windows, or `None` when it was asked to
    /// end.
    async fn without(&self, session: &mut Session) -> Option<Vec<(i64, i64)>> {
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
