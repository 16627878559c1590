//! What the judge says. A verdict is a value, never an error.

use crate::signal::{Dimension, Tier};
use serde::{Deserialize, Serialize};

/// The answer about a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Shown not worse.
    Pass,
    /// Shown worse, or a hard rule was broken.
    Fail,
    /// Neither could be shown.
    Insufficient,
    /// Nothing was judged.
    None,
}

/// What a pass rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// Comparison with earlier good runs.
    Baseline,
    /// Absolute objectives only (first tag).
    Objectives,
}

/// Weight of a reason for a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReasonSeverity {
    /// For information.
    Info,
    /// Noteworthy.
    Warn,
    /// Why it is not a pass.
    Error,
}

/// One reason, ordered by weight in a judgement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// Stable code, `score_below`, `objective_broken`, `finding_open`, `recovery_late`, `margin_too_tight`,
    /// `signal_vanished`, `coverage`, `no_evidence`, `not_comparable`, `not_injected`, `new_metric`, `score_met`,
    /// `worse_than_baseline`, `odds`; and `provisional` of those who pass nothing on a provisional judgement.
    pub code: String,
    /// Severity.
    pub severity: ReasonSeverity,
    /// Plain sentence for a developer.
    pub text: String,
    /// What was observed, with unit.
    pub observed: String,
    /// What was wanted, with unit.
    pub wanted: String,
    /// Metric that it speaks of.
    pub metric: Option<String>,
    /// Component that it speaks of.
    pub component: Option<String>,
    /// Dimension.
    pub dimension: Option<Dimension>,
}

impl Reason {
    /// Whether it says that something could not be judged, rather than how the judgement came out.
    pub fn is_gap(&self) -> bool {
        ["coverage", "signal_vanished", "not_comparable", "no_evidence"].contains(&self.code.as_str())
    }
}

/// Everything that is known at one look.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Judgement {
    /// Method, `mettle-2`.
    pub method: String,
    /// Samples judged.
    pub look: usize,
    /// Level at which `fail` was tested at this look.
    pub level: f64,
    /// Verdict.
    pub verdict: Verdict,
    /// Basis.
    pub basis: Basis,
    /// True while the baseline has fewer than three runs.
    pub provisional: bool,
    /// Baseline runs used.
    pub baseline_runs: usize,
    /// Score, null without a baseline.
    pub score: Option<f64>,
    /// Lower limit at the pass level.
    pub score_low: Option<f64>,
    /// Upper limit at the pass level.
    pub score_high: Option<f64>,
    /// Tag p, null without a baseline.
    pub tag_p: Option<f64>,
    /// Score per dimension that has gate metrics.
    pub dimensions: Vec<DimensionScore>,
    /// Reasons, weightiest first.
    pub reasons: Vec<Reason>,
    /// Per metric, gate first.
    pub metrics: Vec<MetricReport>,
    /// Further samples needed; `None` when none are, or when more time will not help (a reason says so).
    pub extra_samples: Option<usize>,
    /// What keeps it from a pass, short.
    pub missing: Vec<String>,
}

/// Score of one dimension.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DimensionScore {
    /// Dimension.
    pub dimension: Dimension,
    /// Score 0..100.
    pub score: f64,
    /// Lower limit.
    pub low: f64,
    /// Upper limit.
    pub high: f64,
}

/// How a metric changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// What kind of change the numbers show most clearly.
    pub shape: Shape,
    /// Where it began: middle of the sample's window, milliseconds since the epoch.
    pub onset_ms: Option<i64>,
    /// Phase in which it began.
    pub phase: Option<String>,
    /// Samples of the programme before it began.
    pub onset_sample: usize,
}

/// Kind of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// Another level.
    Level,
    /// It grows.
    Growth,
    /// A share of samples far away from the others.
    Tail,
    /// More variation about the same level.
    Spread,
    /// A short excursion.
    Spike,
    /// More rare events.
    Events,
}

/// What is known of one metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricReport {
    /// Metric name.
    pub name: String,
    /// Component.
    pub component: Option<String>,
    /// Tier.
    pub tier: Tier,
    /// Dimension.
    pub dimension: Dimension,
    /// Unit of effect and margins for people: `share`, `bytes`, `/s`, or empty.
    pub unit: String,
    /// Degradation in own unit (positive is worse).
    pub effect: Option<f64>,
    /// Lower and upper one-sided limits of the effect at the pass level.
    pub effect_low: Option<f64>,
    /// Upper limit.
    pub effect_high: Option<f64>,
    /// Margin in own unit.
    pub margin: f64,
    /// Score 0..100 with limits.
    pub score: f64,
    /// Lower limit.
    pub score_low: f64,
    /// Upper limit.
    pub score_high: f64,
    /// p of the shift and of the peak.
    pub p_fail: f64,
    /// Peak p.
    pub p_peak: f64,
    /// p of the pass side.
    pub p_pass: f64,
    /// Judged worse by Benjamini-Hochberg at 5 %.
    pub worse: bool,
    /// How it changed, where it was judged worse.
    #[serde(default)]
    pub change: Option<Change>,
    /// Share of the evidence of all metrics (sum of -log10 p of those at 5 % or below), 0 to 1.
    #[serde(default)]
    pub evidence_share: f64,
    /// p of the tag if this metric had not been there; known of the few with the least p.
    #[serde(default)]
    pub tag_p_without: Option<f64>,
    /// Smallest change that this judgement would have found in 80 of 100 cases, in own unit.
    #[serde(default)]
    pub smallest_change: Option<f64>,
    /// Samples and effective samples.
    pub n: usize,
    /// Effective samples.
    pub n_eff: f64,
    /// Samples needed for a pass.
    pub n_star: Option<f64>,
    /// Flags: `counts`, `run_is_observation`, `margin_too_tight`, `no_evidence`, `coverage`, `signal_vanished`.
    pub flags: Vec<String>,
}
