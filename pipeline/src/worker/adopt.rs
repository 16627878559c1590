//! A person adopts a soak as a baseline run.

use super::installation::Installation;
use super::sources::Sources;
use crate::soak::Soak;
use crate::soak::baseline::Run;
use crate::soak::machine::{Outcome, State};
use anyhow::Context as _;
use datasets::Digest;
use scorer::assess::elapsed;

/// Shortest reason that can tell a reader in a year why a run was adopted.
pub const REASON_MIN: usize = 20;

/// What became of an adoption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Adopted {
    /// It is a baseline run now.
    Now(Run),
    /// It was one before; nothing was changed.
    Before(Run),
}

/// Why a soak cannot be a baseline run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The reason is too short.
    #[error(
        "the reason has {0} characters, at least {REASON_MIN} are needed: whoever reads it in a year should understand it; write why this run is a good measure"
    )]
    ReasonTooShort(usize),
    /// It has not ended.
    #[error("soak {0} has not ended; see `mettle soak status {0}`")]
    Running(String),
    /// It did not end by observing its programme.
    #[error(
        "soak {soak} ended {outcome}: {why}; only a soak that observed its whole programme in an environment that we can vouch for is a measure; soak the tag again: mettle soak run --tag {tag}"
    )]
    Outcome {
        /// Soak.
        soak: String,
        /// Its tag.
        tag: String,
        /// How it ended.
        outcome: &'static str,
        /// Why.
        why: String,
    },
    /// Its evidence is not there or not whole.
    #[error("the evidence of soak {soak} cannot be used: {why}; soak the tag again: mettle soak run --tag {tag}")]
    Evidence {
        /// Soak.
        soak: String,
        /// Its tag.
        tag: String,
        /// What is wrong with it.
        why: String,
    },
}

/// Records `soak` as a baseline run with a reason; twice is once, and the first reason stays.
///
/// # Errors
/// The store or the repositories cannot be read. A refusal is a value.
pub async fn adopt(
    installation: &Installation,
    sources: &Sources,
    soak: &Soak,
    reason: &str,
) -> anyhow::Result<Result<Adopted, Refusal>> {
    let reason = reason.trim();
    let length = reason.chars().count();
    if length < REASON_MIN {
        return Ok(Err(Refusal::ReasonTooShort(length)));
    }
    if let Some(run) = installation.store.runs()?.into_iter().find(|run| run.soak == soak.id.as_str()) {
        return Ok(Ok(Adopted::Before(run)));
    }
    let (evidence, ended_at) = match ended(soak) {
        Ok(found) => found,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let truth = sources.read().await?;
    let bundle = sources.bundle(&soak.commit, truth.landscape.programme.as_deref()).await;
    let bundle = bundle.with_context(|| format!("the documents of {} cannot be read", soak.tag))?;
    if let Err(refusal) = whole(installation, soak, &evidence, bundle.programme.samples()) {
        return Ok(Err(refusal));
    }
    let run = Run {
        soak: soak.id.to_string(),
        tag: soak.tag.clone(),
        landscape: soak.landscape.clone(),
        // What it was planned with, not what the landscape names today.
        programme: soak.plan.as_ref().map_or(bundle.programme_digest, |plan| plan.programme.clone()),
        evidence,
        ended_at,
        adopted: Some(reason.to_owned()),
    };
    installation.store.put_run(&run)?;
    Ok(Ok(Adopted::Now(run)))
}

/// Digest of the evidence and the end of a soak that observed something.
fn ended(soak: &Soak) -> Result<(String, chrono::DateTime<chrono::Utc>), Refusal> {
    let State::Ended { outcome } = &soak.state else { return Err(Refusal::Running(soak.id.to_string())) };
    match outcome {
        Outcome::Done => {}
        Outcome::NotDeployable { .. }
        | Outcome::Aborted { .. }
        | Outcome::Tainted { .. }
        | Outcome::Superseded { .. } => {
            return Err(Refusal::Outcome {
                soak: soak.id.to_string(),
                tag: soak.tag.clone(),
                outcome: outcome.word(),
                why: outcome.reason().unwrap_or("no reason is known").to_owned(),
            });
        }
    }
    match (soak.evidence(), soak.ended_at) {
        (Some(evidence), Some(at)) => Ok((evidence.to_owned(), at)),
        _ => Err(unusable(soak, "none was recorded".into())),
    }
}

fn unusable(soak: &Soak, why: String) -> Refusal {
    Refusal::Evidence { soak: soak.id.to_string(), tag: soak.tag.clone(), why }
}

/// Whether the evidence is undamaged and as long as the programme.
fn whole(installation: &Installation, soak: &Soak, digest: &str, wanted: usize) -> Result<(), Refusal> {
    let parsed: Digest = digest.parse().map_err(|error| unusable(soak, format!("{error}")))?;
    let problems = installation.evidence.verify(&parsed);
    if !problems.is_empty() {
        let all: Vec<String> = problems.into_iter().map(|p| format!("{}: {}", p.file, p.message)).collect();
        return Err(unusable(soak, all.join("; ")));
    }
    let evidence = installation.evidence.get(&parsed).map_err(|error| unusable(soak, error.to_string()))?;
    let samples = elapsed(&evidence);
    if samples < wanted {
        return Err(unusable(soak, format!("it has {samples} of the programme's {wanted} samples")));
    }
    Ok(())
}
