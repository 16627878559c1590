//! One candidate against baseline runs, all in files.

use super::recorded::{FileRun, Side, plain_policy, runs, undeclared};
use crate::documents::judge_policy::JudgePolicy;
use crate::documents::read_file;
use scorer::assess::{Assessment, Ended, Reference, assess, due_look};
use scorer::verdict::Judgement;
use scorer::{Evidence, Policy, Signal};
use std::path::{Path, PathBuf};

/// Everything that a judgement of files needs.
pub struct Loaded {
    /// The candidate.
    pub candidate: FileRun,
    /// Its baseline.
    pub baselines: Vec<FileRun>,
    /// Signals: declared ones first.
    pub signals: Vec<Signal>,
    /// Policy.
    pub policy: Policy,
    /// Time between two samples, milliseconds.
    pub interval_ms: i64,
    /// Samples of the candidate.
    pub samples: usize,
}

/// Reads a policy.
///
/// # Errors
/// Everything that is wrong with the document.
pub fn policy(path: &Path) -> anyhow::Result<(JudgePolicy, Vec<Signal>)> {
    let document = read_file::<JudgePolicy>(path)?;
    match document.value.signals() {
        Ok(signals) => Ok((document.value, signals)),
        Err(complaints) => Err(document.place(complaints).into()),
    }
}

/// Baseline runs of files.
///
/// # Errors
/// A file cannot be read.
pub fn baselines(paths: &[PathBuf]) -> anyhow::Result<Vec<FileRun>> {
    let read = paths.iter().map(|path| runs(path, Side::Baseline));
    Ok(read.collect::<anyhow::Result<Vec<_>>>()?.concat())
}

/// Reads candidate, baseline and policy.
///
/// # Errors
/// A file cannot be read, or the policy has problems.
pub fn load(candidate: &Path, baseline: &[PathBuf], policy_file: Option<&Path>) -> anyhow::Result<Loaded> {
    let declared = policy_file.map(policy).transpose()?;
    let candidate = runs(candidate, Side::Candidate)?.remove(0);
    let baselines = baselines(baseline)?;
    let interval_ms = match declared.as_ref().and_then(|(document, _)| document.interval) {
        Some(span) => span.ms().max(1),
        None => candidate.interval_ms()?,
    };
    let samples = candidate.samples(interval_ms);
    let (policy, mut signals) = match declared {
        Some((document, signals)) => {
            (document.policy(document.samples.map_or(samples, |samples| samples as usize)), signals)
        }
        None => (plain_policy(samples), Vec::new()),
    };
    signals.extend(undeclared(&signals, &candidate, &baselines));
    Ok(Loaded { candidate, baselines, signals, policy, interval_ms, samples })
}

/// Judges at the last declared look that the candidate has reached.
pub fn judge(loaded: &Loaded) -> Judgement {
    let programme = loaded.policy.programme;
    let evidence = |run: &FileRun| run.evidence(loaded.interval_ms, programme);
    let candidate = evidence(&loaded.candidate);
    let baselines: Vec<Evidence> = loaded.baselines.iter().map(evidence).collect();
    let runs: Vec<&Evidence> = baselines.iter().collect();
    let complete = loaded.samples >= programme;
    assess(&Assessment {
        candidate: &candidate,
        reference: Reference::Runs(&runs),
        signals: &loaded.signals,
        policy: &loaded.policy,
        look: due_look(&loaded.policy, loaded.samples).unwrap_or(loaded.samples),
        ended: if complete { Ended::Programme } else { Ended::Early },
        experiments: &[],
        suites: &[],
    })
}
