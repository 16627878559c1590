//! What the worker tells the gate: facts about landscape, tags and soaks.

use super::sources::{SeenTag, Truth};
use crate::digest::sha256_json;
use crate::documents::landscape::{Answer, ClassName, GatePolicy, Landscape};
use crate::soak::machine::Outcome as SoakOutcome;
use crate::soak::record::Cause;
use crate::soak::{Soak, State};
use chrono::{DateTime, Utc};
use gate_api::facts::{
    Changelog, Deployed, Ended, LandscapeFact, Look, Outcome, PolicyFact, Provisional, Running, Schedule, ScheduleFact,
    SoakFact, SoakState, TagFact,
};
use gate_api::store::Act;
use gate_api::{GateStore, StoreError};
use scorer::evidence::Class;

/// Who writes, in the audit trail.
const WORKER: &str = "worker";

/// Digest of a landscape's policy.
pub fn policy_digest(policy: &GatePolicy) -> String {
    sha256_json(&serde_json::to_value(policy).unwrap_or_default())
}

fn class(name: ClassName) -> Class {
    match name {
        ClassName::Business => Class::Business,
        ClassName::Performance => Class::Performance,
        ClassName::Chaos => Class::Chaos,
        ClassName::Security => Class::Security,
    }
}

/// The policy as the gate reads it.
pub fn policy(policy: &GatePolicy) -> PolicyFact {
    PolicyFact {
        digest: policy_digest(policy),
        kpi: policy.kpi,
        min_observation_s: policy.min_observation.0.as_secs(),
        valid_for_s: policy.valid_for.0.as_secs(),
        provisional: match policy.provisional {
            Answer::Allow => Provisional::Allow,
            Answer::Deny => Provisional::Deny,
        },
        classes: policy.classes.iter().map(|(name, span)| (class(*name), span.0.as_secs())).collect(),
    }
}

/// Writes the landscape.
///
/// # Errors
/// As the store says.
pub fn put_landscape(
    gate: &dyn GateStore,
    landscape: &Landscape,
    current: Option<(&str, DateTime<Utc>)>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let deployed = current
        .map_or(Deployed::Unknown, |(tag, observed_since)| Deployed::Tag { tag: tag.to_owned(), observed_since });
    let fact = LandscapeFact {
        product: landscape.metadata.product.clone(),
        landscape: landscape.metadata.name.clone(),
        clusters: landscape.clusters.iter().map(|c| c.name.clone()).collect(),
        policy: policy(&landscape.policy),
        deployed,
    };
    gate.put_landscape(&fact, Act { by: WORKER, at: now })
}

/// Writes a tag.
///
/// # Errors
/// As the store says.
pub fn put_tag(
    gate: &dyn GateStore,
    product: &str,
    (seen, first_commit): (&SeenTag, &str),
    changelog: Changelog,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let moved_to = (first_commit != seen.tag.commit).then(|| seen.tag.commit.clone());
    let fact = TagFact {
        product: product.to_owned(),
        tag: seen.tag.name.clone(),
        commit: first_commit.to_owned(),
        moved_to,
        tagged_at: seen.tagged_at,
        changelog,
        note: None,
        hotfix_to: None,
    };
    gate.put_tag(&fact, Act { by: WORKER, at: now })
}

/// Writes whether the triggers will ever soak a tag.
///
/// # Errors
/// As the store says.
pub fn put_schedule(
    gate: &dyn GateStore,
    truth: &Truth,
    tag: &str,
    will: bool,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let schedule = if will {
        Schedule::Will { at: None }
    } else {
        Schedule::Never { why: "no staging trigger of the landscape fits this tag".into() }
    };
    let fact = ScheduleFact {
        product: truth.landscape.metadata.product.clone(),
        landscape: truth.landscape.metadata.name.clone(),
        tag: tag.to_owned(),
        schedule,
    };
    gate.put_schedule(&fact, Act { by: WORKER, at: now })
}

/// How far a running soak is.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Phase in words.
    pub phase: String,
    /// Share of the evidence, 0 to 1.
    pub share: f64,
    /// What is missing, short.
    pub missing: Vec<String>,
    /// When it is expected to end.
    pub eta: Option<DateTime<Utc>>,
    /// The last look.
    pub look: Option<Look>,
}

/// Writes a soak.
///
/// # Errors
/// As the store says.
pub fn put_soak(
    gate: &dyn GateStore,
    soak: &Soak,
    cluster: &str,
    progress: &Progress,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let state = match &soak.state {
        State::Requested => SoakState::Requested,
        // Whoever asks must not wait for the soak that took its place.
        State::Ended { outcome } | State::Publishing { outcome: outcome @ SoakOutcome::Superseded { .. } } => {
            SoakState::Ended(ended(outcome, soak.ended_at.unwrap_or(now)))
        }
        running => SoakState::Running(Running {
            phase: if progress.phase.is_empty() { running.word().to_owned() } else { progress.phase.clone() },
            progress: progress.share,
            missing: progress.missing.clone(),
            eta: progress.eta,
            look: progress.look.clone(),
        }),
    };
    let fact = SoakFact {
        id: soak.id.to_string(),
        product: soak.product.clone(),
        landscape: soak.landscape.clone(),
        cluster: cluster.to_owned(),
        tag: soak.tag.clone(),
        commit: soak.commit.clone(),
        triggered: match &soak.cause {
            Cause::Trigger { rule } => Some(rule.clone()),
            Cause::Idle => Some("idle".into()),
            Cause::Person { who } => Some(format!("asked by {who}")),
        },
        requested_at: soak.requested_at,
        observed_since: soak.attempts.last().map(|a| a.started_at),
        state,
        taint_resolved: None,
        updated_at: now,
    };
    gate.put_soak(&fact, Act { by: WORKER, at: now })
}

fn ended(outcome: &SoakOutcome, at: DateTime<Utc>) -> Ended {
    let gate_outcome = match outcome {
        SoakOutcome::Done => Outcome::Done,
        SoakOutcome::NotDeployable { .. } => Outcome::NotDeployable,
        SoakOutcome::Aborted { .. } => Outcome::Aborted,
        SoakOutcome::Tainted { .. } => Outcome::Tainted,
        SoakOutcome::Superseded { .. } => Outcome::Superseded,
    };
    let superseded_by = match outcome {
        SoakOutcome::Superseded { by } => Some(by.clone()),
        _ => None,
    };
    Ended { outcome: gate_outcome, at, superseded_by, detail: outcome.reason().map(str::to_owned) }
}
