//! What the worker tells the gate: facts about landscape, tags and soaks.

use super::sources::SeenTag;
use crate::changelog::{Changelog as ProductChangelog, ComponentChange};
use crate::digest::sha256_json;
use crate::documents::landscape::{Answer, ClassName, GatePolicy, Landscape};
use crate::soak::deployed::Current;
use crate::soak::machine::Outcome as SoakOutcome;
use crate::soak::record::Cause;
use crate::soak::triggers::Outlook;
use crate::soak::{Soak, State};
use chrono::{DateTime, Utc};
use gate_api::facts::{
    Changelog, Deployed, Ended, LandscapeFact, Look, Outcome, PolicyFact, Provisional, Resolution, Running, Schedule,
    ScheduleFact, SoakFact, SoakState, TagFact,
};
use gate_api::store::Act;
use gate_api::{GateStore, SqliteStore, StoreError};
use scorer::evidence::Class;
use std::collections::BTreeMap;

/// Who writes, in the audit trail.
pub const WORKER: &str = "worker";

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
    current: Option<Current<'_>>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let tag = |c: Current<'_>| Deployed::Tag { tag: c.tag.to_owned(), observed_since: c.since, halted: c.halted };
    let deployed = current.map_or(Deployed::Unknown, tag);
    let fact = LandscapeFact {
        product: landscape.metadata.product.clone(),
        landscape: landscape.metadata.name.clone(),
        clusters: landscape.clusters.iter().map(|c| c.name.clone()).collect(),
        policy: policy(&landscape.policy),
        deployed,
    };
    gate.put_landscape(&fact, Act { by: WORKER, at: now })
}

/// Where a tag leads now, when that is not where it was first seen.
pub fn moved_to(seen: &SeenTag, first_commit: &str) -> Option<String> {
    (first_commit != seen.tag.commit).then(|| seen.tag.commit.clone())
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
    gate.put_tag(&tag_fact(product, (seen, first_commit), changelog), Act { by: WORKER, at: now })
}

fn tag_fact(product: &str, (seen, first_commit): (&SeenTag, &str), changelog: Changelog) -> TagFact {
    TagFact {
        product: product.to_owned(),
        tag: seen.tag.name.clone(),
        commit: first_commit.to_owned(),
        moved_to: moved_to(seen, first_commit),
        tagged_at: seen.tagged_at,
        changelog,
        note: None,
        hotfix_to: None,
    }
}

/// What the gate is told about a changelog.
pub fn changelog(read: &ProductChangelog) -> Changelog {
    if !read.incomplete {
        return Changelog::Complete;
    }
    let of_component = |c: &ComponentChange| Some(format!("{}: {}", c.name, c.log_unavailable.as_deref()?));
    Changelog::Incomplete {
        missing: read.missing.iter().cloned().chain(read.components.iter().filter_map(of_component)).collect(),
    }
}

/// Writes the changelog of a tag and nothing else of it: whoever soaked it knows the tag only as it was hours ago, and
/// must not take back that it moved since.
///
/// # Errors
/// As the store says.
pub fn put_changelog(
    gate: &SqliteStore,
    product: &str,
    (seen, first_commit): (&SeenTag, &str),
    changelog: Changelog,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let change = |known: Option<TagFact>| match known {
        // It was read whole once; that a repository is away now does not unread it.
        Some(known) if known.changelog == Changelog::Complete && known.commit == first_commit => None,
        Some(known) => Some(TagFact { changelog, ..known }),
        None => Some(tag_fact(product, (seen, first_commit), changelog)),
    };
    gate.update_tag((product, &seen.tag.name), change, Act { by: WORKER, at: now })
}

/// What the gate is told about the outlook of a tag.
pub fn schedule(outlook: &Outlook) -> Schedule {
    match outlook {
        Outlook::Will => Schedule::Will { at: None },
        Outlook::At(at) => Schedule::Will { at: Some(*at) },
        Outlook::Never => Schedule::Never { why: "no staging trigger of the landscape fits this tag".into() },
    }
}

/// Writes what the triggers say about a tag.
///
/// # Errors
/// As the store says.
pub fn put_schedule(
    gate: &dyn GateStore,
    landscape: &Landscape,
    tag: &str,
    schedule: Schedule,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let fact = ScheduleFact {
        product: landscape.metadata.product.clone(),
        landscape: landscape.metadata.name.clone(),
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
        State::Ended { outcome } => SoakState::Ended(ended(outcome, soak.ended_at.unwrap_or(now))),
        // Whoever asks must not wait for what ended before it began: no verdict comes of it.
        State::Publishing { outcome: outcome @ (SoakOutcome::Superseded { .. } | SoakOutcome::Aborted { .. }) }
            if soak.attempts.is_empty() =>
        {
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
    // What a person said about a taint is not the worker's to take back.
    let taint_resolved = match &state {
        SoakState::Ended(ended) if ended.outcome == Outcome::Tainted => {
            known(gate, soak)?.and_then(|fact| fact.taint_resolved)
        }
        _ => None,
    };
    let updated_at = if let SoakState::Ended(ended) = &state { ended.at } else { now };
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
        taint_resolved,
        updated_at,
    };
    gate.put_soak(&fact, Act { by: WORKER, at: now })
}

/// Keeps a person's word that the taint of a soak is dealt with; the first word stays. The word that is kept, or none
/// when the gate knows no taint of this soak.
///
/// # Errors
/// As the store says.
pub fn resolve_taint(
    gate: &dyn GateStore,
    soak: &Soak,
    resolution: Resolution,
) -> Result<Option<Resolution>, StoreError> {
    let Some(fact) = known(gate, soak)?.filter(|fact| fact.outcome() == Some(Outcome::Tainted)) else {
        return Ok(None);
    };
    if fact.taint_resolved.is_some() {
        return Ok(fact.taint_resolved);
    }
    let (by, at) = (resolution.by.clone(), resolution.at);
    gate.put_soak(&SoakFact { taint_resolved: Some(resolution.clone()), ..fact }, Act { by: &by, at })?;
    Ok(Some(resolution))
}

/// What the gate knows of a soak.
fn known(gate: &dyn GateStore, soak: &Soak) -> Result<Option<SoakFact>, StoreError> {
    let facts = gate.facts(&soak.product, &soak.landscape, &soak.tag)?;
    Ok(facts.soaks.into_iter().find(|fact| fact.id == soak.id.as_str()))
}

/// Tells the gate how soaks ended, where it does not know: a worker that was killed between its own store and the
/// gate's would leave them running there for ever.
///
/// # Errors
/// As the store says.
pub fn catch_up(gate: &dyn GateStore, soaks: &[Soak]) -> Result<(), StoreError> {
    let mut by_tag: BTreeMap<[&str; 3], Vec<&Soak>> = BTreeMap::new();
    for soak in soaks.iter().filter(|soak| soak.ended()) {
        by_tag.entry([&soak.product, &soak.landscape, &soak.tag]).or_default().push(soak);
    }
    for ([product, landscape, tag], soaks) in by_tag {
        let facts = gate.facts(product, landscape, tag)?;
        for soak in soaks {
            let fact = facts.soaks.iter().find(|fact| fact.id == soak.id.as_str());
            if fact.is_some_and(|fact| fact.ended().is_some()) {
                continue;
            }
            let clusters = || facts.landscape.iter().flat_map(|l| &l.clusters);
            // A landscape that the gate never heard of answers nothing yet.
            if let Some(cluster) = fact.map(|fact| &fact.cluster).or_else(|| clusters().next()) {
                put_soak(gate, soak, cluster, &Progress::default(), soak.ended_at.unwrap_or(soak.requested_at))?;
            }
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soak::record::Subject;

    fn ended_soak(outcome: SoakOutcome) -> Soak {
        let subject = Subject { product: "p".into(), tag: "v1.0.0".into(), commit: "c".into(), landscape: "l".into() };
        let mut soak = Soak::request(subject, Cause::Idle, DateTime::UNIX_EPOCH);
        soak.state = State::Ended { outcome };
        soak.end(DateTime::UNIX_EPOCH + chrono::TimeDelta::minutes(7));
        soak
    }

    #[test]
    fn an_end_that_the_gate_missed_is_told_as_of_then() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let gate = SqliteStore::open(&dir.path().join("store.db")).expect("opens");
        let soak = ended_soak(SoakOutcome::Done);
        let running = Soak { state: State::WarmingUp, ended_at: None, ..soak.clone() };
        put_soak(&gate, &running, "here", &Progress::default(), Utc::now()).expect("writes");
        assert_eq!(known(&gate, &soak).expect("reads").and_then(|f| f.outcome()), None);
        catch_up(&gate, std::slice::from_ref(&soak)).expect("writes");
        let fact = known(&gate, &soak).expect("reads").expect("is there");
        assert_eq!((fact.outcome(), fact.cluster.as_str()), (Some(Outcome::Done), "here"));
        assert_eq!((Some(fact.updated_at), fact.ended().map(|e| e.at)), (soak.ended_at, soak.ended_at));
    }

    #[test]
    fn a_taint_that_a_person_resolved_stays_resolved() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let gate = SqliteStore::open(&dir.path().join("store.db")).expect("opens");
        let tainted = ended_soak(SoakOutcome::Tainted { residue: "a rule".into() });
        let put = |soak| put_soak(&gate, soak, "here", &Progress::default(), Utc::now()).expect("writes");
        let word = |by: &str| Resolution { by: by.into(), at: Utc::now(), reason: "rebooted it".into() };
        let resolve = |soak, word| resolve_taint(&gate, soak, word).expect("writes");
        assert_eq!(resolve(&tainted, word("ann")), None, "the gate knows nothing of it");
        put(&tainted);
        let first = word("ann");
        assert_eq!(resolve(&tainted, first.clone()), Some(first.clone()));
        assert_eq!(resolve(&tainted, word("bob")), Some(first.clone()), "the first word stays");
        put(&tainted);
        assert_eq!(known(&gate, &tainted).expect("reads").and_then(|fact| fact.taint_resolved), Some(first));
        let done = ended_soak(SoakOutcome::Done);
        put(&done);
        assert_eq!(resolve(&done, word("ann")), None, "it is not tainted");
    }
}
