//! What a soak of some length would find, from baseline runs in files.

use super::judge::{baselines, policy};
use super::recorded::{FileRun, plain_policy, undeclared};
use scorer::assess::{Assessment, Ended, Reference, metrics_of};
use scorer::power::{Findable, findable};
use scorer::{Evidence, Policy, Signal};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What soaks of one length find.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Length {
    /// Samples of the soak.
    pub samples: usize,
    /// Its length in seconds.
    pub seconds: f64,
    /// Per metric.
    pub metrics: Vec<Row>,
}

/// What a soak finds of one metric.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The numbers.
    #[serde(flatten)]
    pub found: Findable,
    /// The change as a share of the level.
    pub relative: Option<f64>,
    /// Unit of level, change and margin.
    pub unit: String,
}

/// Baseline runs with what is declared of them.
pub struct Planned {
    runs: Vec<FileRun>,
    signals: Vec<Signal>,
    policy: Policy,
    /// Time between two samples, milliseconds.
    pub interval_ms: i64,
    /// Samples of the longest run.
    pub samples: usize,
}

impl Planned {
    /// Reads baseline runs and a policy.
    ///
    /// # Errors
    /// A file cannot be read, or the policy has problems.
    pub fn load(baseline: &[PathBuf], policy_file: Option<&Path>) -> anyhow::Result<Planned> {
        let declared = policy_file.map(policy).transpose()?;
        let runs = baselines(baseline)?;
        let interval_ms = match declared.as_ref().and_then(|(document, _)| document.interval) {
            Some(span) => span.ms().max(1),
            None => runs[0].interval_ms()?,
        };
        let samples = runs.iter().map(|r| r.samples(interval_ms)).max().unwrap_or(0);
        let (policy, mut signals) = match declared {
            Some((document, signals)) => (document.policy(samples), signals),
            None => (plain_policy(samples), Vec::new()),
        };
        signals.extend(undeclared(&signals, &runs[0], &runs));
        Ok(Planned { runs, signals, policy, interval_ms, samples })
    }

    /// What a soak of `samples` samples finds.
    pub fn length(&self, samples: usize) -> Length {
        let evidence: Vec<Evidence> = self.runs.iter().map(|r| r.evidence(self.interval_ms, self.samples)).collect();
        let mut stand_in = evidence[0].clone();
        stand_in.subject.tag = "planned".to_owned();
        let baseline: Vec<&Evidence> = evidence.iter().collect();
        let input = Assessment {
            candidate: &stand_in,
            reference: Reference::Runs(&baseline),
            signals: &self.signals,
            policy: &self.policy,
            look: self.samples,
            ended: Ended::Programme,
            experiments: &[],
            suites: &[],
        };
        let formed = metrics_of(&input);
        let first = if self.policy.first_look >= self.samples { samples } else { self.policy.first_look };
        let policy = Policy { programme: samples, first_look: first, ..self.policy.clone() };
        let rows = findable(&formed.gate, &formed.watch, &policy, samples).into_iter().zip(formed.units);
        Length {
            samples,
            seconds: samples as f64 * self.interval_ms as f64 / 1000.0,
            metrics: rows
                .map(|(found, unit)| Row { relative: found.relative(), unit: unit.name().to_owned(), found })
                .collect(),
        }
    }
}
