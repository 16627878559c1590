//! From classes of metrics to the score and the class of the canary.
//!
//! `WeightedSumScorer` and `ThresholdScoreClassifier` of spinnaker/kayenta. Groups are summed in the order of their
//! names.

use super::classifier::{Classified, Label};
use super::config::ScoreThresholds;
use super::statistics::Summary;
use serde::Serialize;
use std::collections::BTreeMap;

/// Share of metrics without data from which the canary fails, in percent.
const NODATA_PERCENT: f64 = 50.0;

/// Result of one metric.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MetricResult {
    /// Name.
    pub name: String,
    /// Groups it counts in.
    pub groups: Vec<String>,
    /// Class.
    pub classified: Classified,
    /// Whether it is left out of the score.
    pub muted: bool,
    /// The experiment after the handling of NaN and outliers.
    pub experiment: Summary,
    /// The control likewise.
    pub control: Summary,
}

/// Score of one group.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupScore {
    /// Group.
    pub name: String,
    /// Share of its metrics that pass, in percent; 0 without data.
    pub score: f64,
    /// Whether no metric counts; such a group counts as 100 in the sum.
    pub no_data: bool,
    /// Metrics by class.
    pub labels: BTreeMap<Label, usize>,
}

/// Why the score is 0 whatever the groups say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
pub enum ZeroReason {
    /// A critical metric did not pass.
    #[error("the critical metric `{metric}` is {label}")]
    Critical {
        /// First such metric.
        metric: String,
        /// Its class.
        label: Label,
    },
    /// Too many metrics lack data.
    #[error("half of the metrics or more have no data")]
    NoData,
}

/// Score of the canary.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scores {
    /// Scores of the groups, by name.
    pub groups: Vec<GroupScore>,
    /// Weighted sum, two decimals.
    pub summary: f64,
    /// Why the sum was set to 0.
    pub zero: Option<ZeroReason>,
}

/// Class of the canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum CanaryClass {
    /// Score at the pass threshold or above.
    Pass,
    /// Score at the marginal threshold or above.
    Marginal,
    /// Score below both.
    Fail,
}

/// Weighted sum of the group scores; muted metrics do not count.
pub fn weighted_sum(metrics: &[MetricResult], weights: &BTreeMap<String, f64>) -> Scores {
    let counted: Vec<&MetricResult> = metrics.iter().filter(|m| !m.muted).collect();
    let groups = group_scores(&counted);
    let critical = counted.iter().find(|m| m.classified.critical && m.classified.label != Label::Pass);
    let nodata = counted.iter().filter(|m| m.classified.label == Label::Nodata).count();
    let zero = match critical {
        Some(m) => Some(ZeroReason::Critical { metric: m.name.clone(), label: m.classified.label }),
        None if nodata as f64 / counted.len() as f64 * 100.0 >= NODATA_PERCENT => Some(ZeroReason::NoData),
        None => None,
    };
    let summary = if zero.is_some() { 0.0 } else { sum(&groups, weights) };
    Scores { groups, summary, zero }
}

fn group_scores(metrics: &[&MetricResult]) -> Vec<GroupScore> {
    let mut by_group: BTreeMap<&str, BTreeMap<Label, usize>> = BTreeMap::new();
    for metric in metrics {
        for group in &metric.groups {
            *by_group.entry(group).or_default().entry(metric.classified.label).or_default() += 1;
        }
    }
    let score = |(name, labels): (&str, BTreeMap<Label, usize>)| {
        let count = |label| labels.get(&label).copied().unwrap_or(0);
        let failed = count(Label::High) + count(Label::Low) + count(Label::NodataFailMetric);
        let total = count(Label::Pass) + failed;
        let score = if total == 0 { 0.0 } else { count(Label::Pass) as f64 / total as f64 * 100.0 };
        GroupScore { name: name.to_owned(), score, no_data: total == 0, labels }
    };
    by_group.into_iter().map(score).collect()
}

fn sum(groups: &[GroupScore], weights: &BTreeMap<String, f64>) -> f64 {
    let unweighted = groups.iter().filter(|g| !weights.contains_key(&g.name)).count();
    let share = (100.0 - weights.values().sum::<f64>()) / unweighted as f64;
    let part = |g: &GroupScore| {
        let weight = weights.get(&g.name).copied().unwrap_or(share);
        (if g.no_data { 100.0 } else { g.score }) * (weight / 100.0)
    };
    two_decimals(groups.iter().fold(0.0, |total, g| total + part(g)))
}

/// Rounds the decimal digits of `value` to two places, halves away from zero (`Precision.round` of Commons Math).
fn two_decimals(value: f64) -> f64 {
    if !value.is_finite() {
        return value;
    }
    let digits = value.abs().to_string();
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
    if fraction.len() <= 2 {
        return value;
    }
    let cents: f64 = format!("{whole}{}", &fraction[..2]).parse().unwrap_or(value.abs() * 100.0);
    let up = if fraction.as_bytes()[2] >= b'5' { 1.0 } else { 0.0 };
    ((cents + up) / 100.0).copysign(value)
}

/// Class of a score.
pub fn class(score: f64, thresholds: ScoreThresholds) -> CanaryClass {
    if score >= thresholds.pass {
        CanaryClass::Pass
    } else if score >= thresholds.marginal {
        CanaryClass::Marginal
    } else {
        CanaryClass::Fail
    }
}

#[cfg(test)]
mod tests {
    use super::two_decimals;

    #[test]
    fn halves_of_the_decimal_digits_go_up() {
        let got = [33.333_333_3, 2.675, 1.005, -0.125, 99.995, 100.0, 0.0].map(two_decimals);
        assert_eq!(got, [33.33, 2.68, 1.01, -0.13, 100.0, 100.0, 0.0]);
    }
}
