//! Classification of one metric: is the experiment high or low against the control, and is that critical.
//!
//! The decision rule of `MannWhitneyClassifier` in spinnaker/kayenta.

use super::effect_size::{Measure, mean_ratio};
use super::mann_whitney::{MannWhitneyError, shift};
use super::transforms::{NanStrategy, with_noise};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Direction in which a difference counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Only a higher experiment counts.
    Increase,
    /// Only a lower experiment counts.
    Decrease,
    /// Both count.
    #[default]
    Either,
}

/// Effect sizes from which a difference counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    /// Largest effect that counts as low.
    pub decrease: f64,
    /// Smallest effect that counts as high.
    pub increase: f64,
}

/// What a difference of the metric does to the whole canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Criticality {
    /// It lowers the score.
    Ordinary,
    /// Beyond the critical band it fails the canary.
    Critical,
}

/// What a missing series means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataNeed {
    /// The metric does not count.
    Optional,
    /// The metric fails.
    Required,
}

/// How one metric is classified.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// Share of the estimated shift that the interval must clear.
    pub tolerance: f64,
    /// Level of the interval.
    pub confidence: f64,
    /// Effects that count.
    pub allowed: Band,
    /// Effects that are critical.
    pub critical: Band,
    /// Measure of the effect.
    pub measure: Measure,
    /// Direction.
    pub direction: Direction,
    /// What absent samples mean; decides the verdict on a series without samples.
    pub nan_strategy: NanStrategy,
    /// Critical or not.
    pub criticality: Criticality,
    /// Whether data must be there.
    pub data_need: DataNeed,
}

/// Class of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Label {
    /// No difference that counts.
    Pass,
    /// The experiment is high.
    High,
    /// The experiment is low.
    Low,
    /// A series is missing.
    Nodata,
    /// A required series is missing.
    NodataFailMetric,
    /// The comparison was impossible; such a metric does not count in the score.
    Error,
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Why a metric has its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
pub enum Reason {
    /// A series has no samples.
    #[error("no samples in the control or the experiment")]
    MissingData,
    /// Both series hold the same values.
    #[error("control and experiment hold the same values")]
    Identical,
    /// The experiment differs.
    #[error("the experiment is {0}")]
    Differs(Label),
    /// The experiment differs critically.
    #[error("the experiment is {0}, beyond the critical effect")]
    DiffersCritically(Label),
    /// The interval could not be computed.
    #[error("the comparison was impossible")]
    Impossible,
}

/// Class of one metric.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Classified {
    /// Class.
    pub label: Label,
    /// Why; `None` for a plain pass.
    pub reason: Option<Reason>,
    /// Ratio of the means, for the report; 1 where nothing was compared, NaN where a mean is 0.
    pub deviation: f64,
    /// Whether this class fails the canary.
    pub critical: bool,
}

impl Classified {
    fn uncompared(label: Label, reason: Option<Reason>) -> Self {
        Self { label, reason, deviation: 1.0, critical: false }
    }

    /// The class of a comparison that failed; as in Kayenta never critical.
    pub(crate) fn impossible() -> Self {
        Self { deviation: f64::NAN, ..Self::uncompared(Label::Error, Some(Reason::Impossible)) }
    }
}

/// Relative size of the noise on two constant series.
const NOISE: f64 = 1e-5;

/// Classifies the experiment against the control; both after the handling of NaN and outliers.
pub fn classify(control: &[f64], experiment: &[f64], rule: &Rule) -> Result<Classified, MannWhitneyError> {
    if control.is_empty() || experiment.is_empty() {
        return Ok(missing(rule));
    }
    if same_values(control, experiment) {
        return Ok(Classified::uncompared(Label::Pass, Some(Reason::Identical)));
    }
    let [constant_control, constant_experiment] = [control, experiment].map(is_constant);
    if constant_control && constant_experiment {
        if control[0] == experiment[0] {
            return Ok(Classified::uncompared(Label::Pass, None));
        }
        let noisy = |v: &[f64]| with_noise(v, 0.0, v[0] * NOISE);
        return compare(&noisy(control), &noisy(experiment), rule);
    }
    compare(control, experiment, rule)
}

fn missing(rule: &Rule) -> Classified {
    let nodata = Classified::uncompared(Label::Nodata, Some(Reason::MissingData));
    match (rule.nan_strategy, rule.criticality, rule.data_need) {
        (NanStrategy::Replace, _, _) => Classified::uncompared(Label::Pass, None),
        (NanStrategy::Remove, Criticality::Critical, _) => Classified { critical: true, ..nodata },
        (NanStrategy::Remove, Criticality::Ordinary, DataNeed::Required) => {
            Classified { label: Label::NodataFailMetric, ..nodata }
        }
        (NanStrategy::Remove, Criticality::Ordinary, DataNeed::Optional) => nodata,
    }
}

fn same_values(a: &[f64], b: &[f64]) -> bool {
    let sorted = |v: &[f64]| {
        let mut v = v.to_vec();
        v.sort_unstable_by(f64::total_cmp);
        v
    };
    a.len() == b.len() && sorted(a) == sorted(b)
}

fn is_constant(values: &[f64]) -> bool {
    values.iter().all(|v| *v == values[0])
}

fn compare(control: &[f64], experiment: &[f64], rule: &Rule) -> Result<Classified, MannWhitneyError> {
    let interval = shift(experiment, control, rule.confidence)?;
    let bound = rule.tolerance * interval.estimate.abs();
    let effect = rule.measure.of(control, experiment);
    // An effect that cannot be computed decides nothing: the interval alone counts.
    let reaches = |label: Label, band: Band| match label {
        Label::High => effect.is_nan() || effect >= band.increase,
        _ => effect.is_nan() || effect <= band.decrease,
    };
    let high = rule.direction != Direction::Decrease && interval.lower > bound;
    let low = rule.direction != Direction::Increase && interval.upper < -bound;
    let label = if high && reaches(Label::High, rule.allowed) {
        Label::High
    } else if low && reaches(Label::Low, rule.allowed) {
        Label::Low
    } else {
        Label::Pass
    };
    let critical = label != Label::Pass && rule.criticality == Criticality::Critical && reaches(label, rule.critical);
    let reason = match label {
        Label::Pass => None,
        label if critical => Some(Reason::DiffersCritically(label)),
        label => Some(Reason::Differs(label)),
    };
    Ok(Classified { label, reason, deviation: mean_ratio(control, experiment), critical })
}
