//! Judging evidence with the scorer, off the runtime.

use super::bundle::Bundle;
use super::installation::Installation;
use super::session::declared;
use crate::builtin;
use crate::documents::landscape::GatePolicy;
use crate::soak::record::BaselineRun;
use datasets::{Digest, EvidenceError};
use scorer::assess::{Assessment, Ended, Reference, assess, due_look, elapsed};
use scorer::verdict::Judgement;
use scorer::{Evidence, Policy, Signal};
use std::sync::Arc;

/// Everything but the candidate.
#[derive(Clone, Debug)]
pub struct Bench {
    baseline: Arc<Vec<Evidence>>,
    first_tag: Option<usize>,
    signals: Arc<Vec<Signal>>,
    policy: Policy,
    experiments: Vec<String>,
    suites: Vec<String>,
}

/// Why no bench could be set up.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the evidence {digest} of a baseline run")]
pub struct BenchError {
    digest: String,
    #[source]
    source: EvidenceError,
}

/// The policy of the scorer for a programme under a landscape's policy.
pub fn policy(bundle: &Bundle, gate: &GatePolicy) -> Policy {
    let mut policy = Policy::new(bundle.programme.samples(), bundle.programme.looks.first as usize);
    policy.alpha = gate.false_block;
    policy.kpi = gate.kpi;
    policy.coverage = gate.coverage.0;
    policy.extensions = usize::from(bundle.programme.extend.is_some());
    policy
}

impl Bench {
    /// Loads a frozen baseline.
    ///
    /// # Errors
    /// Evidence that cannot be read is an error: a thinner baseline would be another judgement.
    pub fn load(
        installation: &Installation,
        runs: &[BaselineRun],
        bundle: &Bundle,
        gate: &GatePolicy,
        first_tag: Option<usize>,
    ) -> Result<Self, BenchError> {
        let baseline = runs.iter().map(|run| evidence(installation, &run.evidence)).collect::<Result<Vec<_>, _>>()?;
        let (experiments, suites) = declared(bundle);
        Ok(Bench {
            baseline: Arc::new(baseline),
            first_tag,
            signals: Arc::new(builtin::signals(bundle)),
            policy: policy(bundle, gate),
            experiments,
            suites,
        })
    }

    /// Evidence of the frozen baseline, in the order of the plan.
    pub fn baseline(&self) -> &[Evidence] {
        &self.baseline
    }

    /// Declared signals, or the built-in ones.
    pub fn signals(&self) -> &[Signal] {
        &self.signals
    }

    /// Passed runs of the tag itself, while no other tag has any.
    pub fn first_tag(&self) -> Option<usize> {
        self.first_tag
    }

    /// Judges at `look` samples; blocking.
    pub fn judge(&self, candidate: &Evidence, look: usize, ended: Ended) -> Judgement {
        let runs: Vec<&Evidence> = self.baseline.iter().collect();
        let reference = match self.first_tag {
            Some(earlier_runs) => Reference::FirstTag { earlier_runs },
            None => Reference::Runs(&runs),
        };
        assess(&Assessment {
            candidate,
            reference,
            signals: &self.signals,
            policy: &self.policy,
            look,
            ended,
            experiments: &self.experiments,
            suites: &self.suites,
        })
    }

    /// Judges at the last look that the evidence has reached; at none, at what there is.
    pub fn judge_last(&self, candidate: &Evidence, ended: Ended) -> Judgement {
        let samples = elapsed(candidate);
        let look = due_look(&self.policy, samples).unwrap_or_else(|| samples.min(self.policy.first_look));
        self.judge(candidate, look, ended)
    }
}

/// Evidence by its digest text.
///
/// # Errors
/// It is not there, or not what its digest says.
pub fn evidence(installation: &Installation, digest: &str) -> Result<Evidence, BenchError> {
    let read = |d: Digest| installation.evidence.get(&d);
    let parsed =
        digest.parse::<Digest>().map_err(|_| EvidenceError::NotFound { digest: Digest::of(digest.as_bytes()) });
    parsed.and_then(read).map_err(|source| BenchError { digest: digest.to_owned(), source })
}
