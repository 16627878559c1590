//! Effect sizes: how much the experiment differs from the control.

use super::ranking::pooled_ranks;
use super::statistics::mean;
use serde::{Deserialize, Serialize};

/// Measure of the effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Measure {
    /// Ratio of the means, experiment to control.
    #[default]
    MeanRatio,
    /// Common language effect size.
    Cles,
}

impl Measure {
    /// The value of "no effect".
    pub fn neutral(self) -> f64 {
        match self {
            Self::MeanRatio => 1.0,
            Self::Cles => 0.5,
        }
    }

    /// Effect of the experiment against the control.
    pub fn of(self, control: &[f64], experiment: &[f64]) -> f64 {
        match self {
            Self::MeanRatio => mean_ratio(control, experiment),
            Self::Cles => cles(control, experiment),
        }
    }
}

/// Mean of the experiment over mean of the control; NaN if either is 0.
pub fn mean_ratio(control: &[f64], experiment: &[f64]) -> f64 {
    let (control, experiment) = (mean(control), mean(experiment));
    if control == 0.0 || experiment == 0.0 { f64::NAN } else { experiment / control }
}

/// Common language effect size: the share of pairs in which the experiment is higher, ties counting half
/// (Vargha and Delaney 2000).
pub fn cles(control: &[f64], experiment: &[f64]) -> f64 {
    let (n, m) = (control.len() as f64, experiment.len() as f64);
    let ranks = pooled_ranks(experiment.iter().copied(), control);
    (2.0 * ranks.first_sum - m * (m + 1.0)) / (2.0 * n * m)
}
