//! How runs in files are judged: signals, policy, and the grid that they share.

use super::recorded::{FileRun, Side, runs, undeclared};
use super::twins::twins;
use crate::documents::judge_policy::JudgePolicy;
use crate::documents::read_file;
use anyhow::anyhow;
use scorer::assess::formed;
use scorer::margin::usual;
use scorer::signal::{Margin, Signal, Tier};
use scorer::{Evidence, Policy};
use std::path::{Path, PathBuf};

/// Baseline runs and how others are judged against them.
pub struct Terms {
    /// Baseline runs, of `policy.programme` samples, in the order of their time.
    pub baselines: Vec<Evidence>,
    /// File, and run where it has several, of every baseline run.
    pub names: Vec<String>,
    /// Signals: declared ones first.
    pub signals: Vec<Signal>,
    /// Policy.
    pub policy: Policy,
    /// Time between two samples, milliseconds.
    pub interval_ms: i64,
    /// Whether fewer than three baseline runs may pass a candidate.
    pub allow_provisional: bool,
}

/// Baseline runs and policy as they were read.
pub struct Files {
    runs: Vec<FileRun>,
    declared: Option<(JudgePolicy, Vec<Signal>)>,
}

impl Files {
    /// Reads baseline files and a policy.
    ///
    /// # Errors
    /// Everything that is wrong with any of them.
    pub fn read(baseline: &[PathBuf], policy: Option<&Path>) -> Result<Files, Vec<anyhow::Error>> {
        let (mut all, mut errors) = (Vec::new(), Vec::new());
        for path in baseline {
            match runs(path, Side::Baseline) {
                Ok(mut runs) => all.append(&mut runs),
                Err(error) => errors.push(error),
            }
        }
        let declared = policy.map(document).transpose().unwrap_or_else(|error| {
            errors.push(error);
            None
        });
        // Nothing may depend on the order in which a shell lists files.
        all.sort_by(|a, b| (a.start_ms(), &a.path, a.run).cmp(&(b.start_ms(), &b.path, b.run)));
        if errors.is_empty() { Ok(Files { runs: all, declared }) } else { Err(errors) }
    }
}

impl Terms {
    /// How runs are judged against those of `files`. The candidate, or the longest baseline run where there is none,
    /// says how long a run is and how far apart samples are, where the policy does not. Without a policy every metric
    /// that the baseline has decides.
    ///
    /// # Errors
    /// Runs that are given twice, or that cannot be laid on one time axis.
    pub fn of(files: Files, candidate: Option<&FileRun>) -> Result<Terms, Vec<anyhow::Error>> {
        let Files { runs: files, declared } = files;
        let everyone: Vec<&FileRun> = candidate.into_iter().chain(&files).collect();
        let known = declared.as_ref().and_then(|(document, _)| document.interval).map(|span| span.ms().max(1));
        let Some(interval_ms) = known.or_else(|| everyone.iter().find_map(|run| run.interval_ms())) else {
            let names = everyone.iter().map(|run| run.label()).collect::<Vec<_>>().join(", ");
            return Err(vec![anyhow!(
                "no two samples in {names}: write how far apart they are as `interval` in a policy"
            )]);
        };
        let mut problems = twins(&everyone);
        problems.extend(everyone.iter().filter_map(|run| run.too_long(interval_ms)));
        if !problems.is_empty() {
            return Err(problems.into_iter().map(anyhow::Error::msg).collect());
        }
        let longest = || files.iter().map(|run| run.samples(interval_ms)).max().unwrap_or(0);
        let allow_provisional = declared.as_ref().is_some_and(|(document, _)| document.allow_provisional);
        let samples = candidate.map_or_else(longest, |run| run.samples(interval_ms));
        let (policy, mut signals) = match declared {
            Some((document, signals)) => {
                // Only a candidate can fall short of what is declared.
                let whole = document.samples.filter(|_| candidate.is_some());
                (document.policy(whole.map_or(samples, |samples| samples as usize)), signals)
            }
            None => (Policy::new(samples, samples), Vec::new()),
        };
        let baselines: Vec<Evidence> = files.iter().map(|run| run.evidence(interval_ms, policy.programme)).collect();
        let mut others = undeclared(&signals, &files, candidate);
        if signals.is_empty() {
            others.iter_mut().for_each(|signal| decides(signal, &baselines));
        }
        signals.append(&mut others);
        let names = files.iter().map(FileRun::name).collect();
        Ok(Terms { baselines, names, signals, policy, interval_ms, allow_provisional })
    }
}

/// Makes a gate signal of one that watches, with the usual margin of its values in the baseline. What the baseline does
/// not have is new and only watches.
fn decides(signal: &mut Signal, baselines: &[Evidence]) {
    let mut pooled = Vec::new();
    for run in baselines {
        for (_, metric) in formed(std::slice::from_ref(signal), run) {
            pooled.extend((0..metric.len()).map(|i| metric.value(i)).filter(|v| v.is_finite()));
        }
    }
    if !pooled.is_empty() {
        // Of a metric that is always zero nothing tells how much worse it may get: it must be there and can fail, but
        // has no margin to be shown within.
        let margin = usual(&pooled);
        (signal.tier, signal.margin) = (Tier::Gate, (margin > 0.0).then_some(Margin::Absolute(margin)));
    }
}

fn document(path: &Path) -> anyhow::Result<(JudgePolicy, Vec<Signal>)> {
    let document = read_file(path, |policy: &JudgePolicy| policy.signals().err().unwrap_or_default())?;
    let signals = document.value.signals().map_err(|complaints| document.place(complaints))?;
    Ok((document.value, signals))
}
