//! The policy of `mettle judge`: what a landscape, a programme and its signals say together, for files alone.

use super::problem::Complaint;
use super::product::ApiVersion;
use super::quantity::{Percent, Span};
use super::signals::{SignalSpec, signals_of};
use schemars::JsonSchema;
use scorer::{Policy, Signal};
use serde::{Deserialize, Serialize};

/// Coverage that can be asked for: below half of its samples a run says nothing about the rest of it.
const COVERAGE: std::ops::RangeInclusive<f64> = 0.5..=1.0;

/// The document.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct JudgePolicy {
    /// Version of the document family.
    pub api_version: ApiVersion,
    /// Kind of the document.
    pub kind: JudgePolicyKind,
    /// Score that `scoreLow` must reach, 0 to 100.
    #[serde(default = "kpi")]
    #[schemars(range(min = 0.0, max = 100.0))]
    pub kpi: f64,
    /// Total false-fail rate of a candidate, above 0 and at most 0.2.
    #[serde(default = "false_block")]
    #[schemars(range(min = 0.0001, max = 0.2))]
    pub false_block: f64,
    /// Share of samples that every gate metric needs, 50% to 100%.
    #[serde(default = "coverage")]
    pub coverage: Percent,
    /// Time between two samples; the usual distance in the candidate's file when absent.
    #[serde(default)]
    pub interval: Option<Span>,
    /// Samples that a whole run has; those of the candidate's file when absent. A candidate with fewer is not complete
    /// and cannot pass.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub samples: Option<u32>,
    /// Samples at the first of the looks that this programme declares, at most `samples`; one look at the end when
    /// absent.
    #[serde(default)]
    #[schemars(range(min = 10))]
    pub first_look: Option<u32>,
    /// Whether fewer than three baseline runs may pass a candidate: they do not show how much runs differ.
    #[serde(default)]
    pub allow_provisional: bool,
    /// Signals, as in signals.yaml; a selector names metrics of the files. Other metrics of the files only watch.
    pub signals: Vec<SignalSpec>,
}

/// Kind `JudgePolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum JudgePolicyKind {
    /// `JudgePolicy`.
    JudgePolicy,
}

fn kpi() -> f64 {
    85.0
}

fn false_block() -> f64 {
    0.01
}

fn coverage() -> Percent {
    Percent(0.8)
}

impl JudgePolicy {
    /// The domain signals, or everything that is wrong with the document's own rules.
    ///
    /// # Errors
    /// All complaints.
    pub fn signals(&self) -> Result<Vec<Signal>, Vec<Complaint>> {
        let mut complaints = Vec::new();
        if !COVERAGE.contains(&self.coverage.0) {
            let message = "says nothing about a metric that is mostly absent";
            complaints.push(Complaint::new("coverage", self.coverage, message, "write 50% to 100%, such as 80%"));
        }
        if let (Some(first), Some(samples)) = (self.first_look, self.samples)
            && first > samples
        {
            let message = format!("is after the last of {samples} samples");
            complaints.push(Complaint::new(
                "firstLook",
                first,
                message,
                format!("write at most {samples}, or leave it out"),
            ));
        }
        match signals_of(&self.signals) {
            Ok(signals) if complaints.is_empty() => Ok(signals),
            Ok(_) => Err(complaints),
            Err(others) => Err(complaints.into_iter().chain(others).collect()),
        }
    }

    /// The policy of the scorer for a programme of `samples` samples.
    pub fn policy(&self, samples: usize) -> Policy {
        Policy {
            alpha: self.false_block,
            kpi: self.kpi,
            coverage: self.coverage.0,
            ..Policy::new(samples, self.first_look.map_or(samples, |first| first as usize))
        }
    }
}
