//! Facts about a soak.

use chrono::{DateTime, TimeDelta, Utc};
use scorer::Verdict;
use serde::{Deserialize, Serialize};

/// What is known of a soak of one tag in one cluster of a landscape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SoakFact {
    /// Soak id.
    pub id: String,
    /// Product name.
    pub product: String,
    /// Landscape name.
    pub landscape: String,
    /// Cluster name.
    pub cluster: String,
    /// Tag name.
    pub tag: String,
    /// Commit that was soaked (full hash).
    pub commit: String,
    /// What asked for it: `bump`, `cron`, `patches`, `idle`, `person`.
    pub triggered: Option<String>,
    /// When it was asked for.
    pub requested_at: DateTime<Utc>,
    /// When observation began, if it did.
    pub observed_since: Option<DateTime<Utc>>,
    /// Where it is.
    pub state: SoakState,
    /// Who cleared its taint, if anyone did.
    pub taint_resolved: Option<Resolution>,
    /// When the worker last wrote this fact.
    pub updated_at: DateTime<Utc>,
}

/// Where a soak is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum SoakState {
    /// Asked for.
    Requested,
    /// Waits for the landscape.
    #[serde(rename_all = "camelCase")]
    Scheduled {
        /// When it will start, if known.
        at: Option<DateTime<Utc>>,
    },
    /// Deploys, observes, undoes or judges.
    Running(Running),
    /// Is over.
    Ended(Ended),
}

/// A running soak.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Running {
    /// Phase name.
    pub phase: String,
    /// Share of the evidence that is there, 0..=1.
    pub progress: f64,
    /// What is still missing, short.
    pub missing: Vec<String>,
    /// When it will end, if known.
    pub eta: Option<DateTime<Utc>>,
    /// What the last look saw; never a verdict.
    pub look: Option<Look>,
}

/// What a look during a soak saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Look {
    /// Samples judged.
    pub samples: usize,
    /// Verdict so far; a pass exists only at the end.
    pub verdict: Verdict,
    /// Score so far.
    pub score: Option<f64>,
    /// Its lower limit.
    pub score_low: Option<f64>,
    /// Its upper limit.
    pub score_high: Option<f64>,
}

/// A soak that is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ended {
    /// How.
    pub outcome: Outcome,
    /// When.
    pub at: DateTime<Utc>,
    /// Tag that took its place (`superseded`).
    pub superseded_by: Option<String>,
    /// Why, one sentence (`aborted`, `tainted`, `not_deployable`).
    pub detail: Option<String>,
}

/// How a soak ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Ran to its end, or was stopped early with a verdict.
    Done,
    /// The tag did not become healthy; brings `fail`.
    NotDeployable,
    /// Ended by a person or by the worker.
    Aborted,
    /// Nobody can vouch for the environment.
    Tainted,
    /// Another tag took its place.
    Superseded,
}

impl Outcome {
    /// Name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::NotDeployable => "not_deployable",
            Outcome::Aborted => "aborted",
            Outcome::Tainted => "tainted",
            Outcome::Superseded => "superseded",
        }
    }
}

/// A person's word that a taint is dealt with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resolution {
    /// Who.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
    /// Why it is fine.
    pub reason: String,
}

impl SoakFact {
    /// How it ended, if it did.
    pub fn ended(&self) -> Option<&Ended> {
        match &self.state {
            SoakState::Ended(ended) => Some(ended),
            SoakState::Requested | SoakState::Scheduled { .. } | SoakState::Running(_) => None,
        }
    }

    /// Its outcome, if it ended.
    pub fn outcome(&self) -> Option<Outcome> {
        self.ended().map(|ended| ended.outcome)
    }

    /// How long it observed the tag until it ended, or until `now`.
    pub fn observed(&self, now: DateTime<Utc>) -> TimeDelta {
        let until = self.ended().map_or(now, |ended| ended.at);
        self.observed_since.map_or(TimeDelta::zero(), |since| (until - since).max(TimeDelta::zero()))
    }

    /// Name of the state for the audit trail: changes of it are recorded, progress is not.
    pub fn state_name(&self) -> &'static str {
        match &self.state {
            SoakState::Requested => "requested",
            SoakState::Scheduled { .. } => "scheduled",
            SoakState::Running(_) => "running",
            SoakState::Ended(ended) => ended.outcome.name(),
        }
    }
}
