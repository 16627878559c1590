//! One candidate against baseline runs, all in files.

use super::recorded::{FileRun, Side, runs};
use super::terms::{Files, Terms};
use scorer::Evidence;
use scorer::assess::{Assessment, Ended, PROVISIONAL_BELOW, Reference, assess, due_look};
use scorer::verdict::{Judgement, Reason, ReasonSeverity, Verdict};
use std::path::{Path, PathBuf};

/// Everything that a judgement of files needs.
pub struct Loaded {
    candidate: FileRun,
    /// Baseline, signals and policy.
    pub terms: Terms,
}

/// Reads candidate, baseline and policy.
///
/// # Errors
/// Everything that is wrong with any of the files.
pub fn load(candidate: &Path, baseline: &[PathBuf], policy: Option<&Path>) -> Result<Loaded, Vec<anyhow::Error>> {
    let candidate = runs(candidate, Side::Candidate).map(|mut runs| runs.remove(0));
    match (candidate, Files::read(baseline, policy)) {
        (Ok(candidate), Ok(files)) => Ok(Loaded { terms: Terms::of(files, Some(&candidate))?, candidate }),
        (candidate, files) => Err(candidate.err().into_iter().chain(files.err().unwrap_or_default()).collect()),
    }
}

/// Judges at the last declared look that the candidate has reached.
pub fn judge(loaded: &Loaded) -> Judgement {
    let Terms { baselines, signals, policy, interval_ms, .. } = &loaded.terms;
    let candidate = loaded.candidate.evidence(*interval_ms, policy.programme);
    let baselines: Vec<&Evidence> = baselines.iter().collect();
    let samples = loaded.candidate.samples(*interval_ms);
    let judgement = assess(&Assessment {
        candidate: &candidate,
        reference: Reference::Runs(&baselines),
        signals,
        policy,
        look: due_look(policy, samples).unwrap_or(samples),
        ended: if samples >= policy.programme { Ended::Programme } else { Ended::Early },
        experiments: &[],
        suites: &[],
    });
    if loaded.terms.allow_provisional { judgement } else { decided(judgement) }
}

/// A pass by fewer than three baseline runs is none where nobody allowed it.
fn decided(mut judgement: Judgement) -> Judgement {
    if judgement.verdict == Verdict::Pass && judgement.provisional {
        judgement.verdict = Verdict::Insufficient;
        judgement.missing.push(format!("baseline: {} of {PROVISIONAL_BELOW} runs", judgement.baseline_runs));
        let text = format!(
            "Fewer than {PROVISIONAL_BELOW} baseline runs do not show how much runs differ, so they pass nothing; give more, or write `allowProvisional: true` in a policy."
        );
        let reason = Reason {
            code: "provisional".to_owned(),
            severity: ReasonSeverity::Error,
            text,
            observed: format!("{} runs", judgement.baseline_runs),
            wanted: format!("{PROVISIONAL_BELOW} runs"),
            metric: None,
            component: None,
            dimension: None,
        };
        judgement.reasons.retain(|other| other.code != "score_met");
        judgement.reasons.insert(0, reason);
    }
    judgement
}
