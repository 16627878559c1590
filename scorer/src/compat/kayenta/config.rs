//! The part of a canary configuration that the judge reads, in the names of `docs/canary-config.md` of
//! spinnaker/kayenta. Unknown keys are ignored; a word that no enum knows is an error, where Kayenta takes the default.

use super::classifier::{Band, Criticality, DataNeed, Direction, Rule};
use super::effect_size::Measure;
use super::transforms::NanStrategy;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Share of the estimated shift that the interval must clear (`NetflixACAJudge`).
pub const TOLERANCE: f64 = 0.25;
/// Level of the interval (`NetflixACAJudge`).
pub const CONFIDENCE: f64 = 0.98;

/// A canary configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CanaryConfig {
    /// Metrics.
    pub metrics: Vec<MetricConfig>,
    /// Weights and thresholds.
    pub classifier: ClassifierConfig,
}

/// Weights of the groups and thresholds of the score.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClassifierConfig {
    /// Weight by group, in percent; groups without weight share what is left.
    pub group_weights: BTreeMap<String, f64>,
    /// Thresholds.
    pub score_thresholds: ScoreThresholds,
}

/// Thresholds of the score.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScoreThresholds {
    /// Score from which the canary is marginal.
    pub marginal: f64,
    /// Score from which the canary passes.
    pub pass: f64,
}

impl Default for ScoreThresholds {
    /// 75 and 95, as in the examples of Kayenta's `json-formats.md`.
    fn default() -> Self {
        Self { marginal: 75.0, pass: 95.0 }
    }
}

/// One metric.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MetricConfig {
    /// Name.
    pub name: String,
    /// Groups it counts in; a metric without group has no part in the score.
    pub groups: Vec<String>,
    /// How it is judged.
    pub analysis_configurations: AnalysisConfigurations,
}

/// Holder of the analysis of a metric.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AnalysisConfigurations {
    /// The analysis.
    pub canary: CanaryAnalysis,
}

/// How one metric is judged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CanaryAnalysis {
    /// Direction that counts.
    pub direction: Direction,
    /// What absent samples mean.
    pub nan_strategy: NanStrategy,
    /// Whether the metric can fail the canary.
    pub critical: bool,
    /// Whether the metric is left out of the score.
    pub muted: bool,
    /// Whether missing data fails the metric.
    pub must_have_data: bool,
    /// Effects that count.
    pub effect_size: EffectSize,
    /// Outliers.
    pub outliers: Outliers,
}

/// Effects that count; what is absent is the measure's value of "no effect".
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EffectSize {
    /// Measure.
    pub measure: Measure,
    /// Smallest effect that is high.
    pub allowed_increase: Option<f64>,
    /// Largest effect that is low.
    pub allowed_decrease: Option<f64>,
    /// Smallest effect that is critically high.
    pub critical_increase: Option<f64>,
    /// Largest effect that is critically low.
    pub critical_decrease: Option<f64>,
}

/// What becomes of outliers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Outliers {
    /// Whether they are dropped.
    pub strategy: OutlierStrategy,
    /// Interquartile ranges beyond the quartiles; above 0.
    pub outlier_factor: f64,
}

impl Default for Outliers {
    fn default() -> Self {
        Self { strategy: OutlierStrategy::Keep, outlier_factor: 3.0 }
    }
}

/// Whether outliers are dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutlierStrategy {
    /// They stay.
    #[default]
    Keep,
    /// They are dropped.
    Remove,
}

impl CanaryAnalysis {
    /// The classification rule of this analysis.
    pub fn rule(&self) -> Rule {
        let effect = &self.effect_size;
        let or_neutral = |value: Option<f64>| value.unwrap_or(effect.measure.neutral());
        Rule {
            tolerance: TOLERANCE,
            confidence: CONFIDENCE,
            allowed: Band {
                decrease: or_neutral(effect.allowed_decrease),
                increase: or_neutral(effect.allowed_increase),
            },
            critical: Band {
                decrease: or_neutral(effect.critical_decrease),
                increase: or_neutral(effect.critical_increase),
            },
            measure: effect.measure,
            direction: self.direction,
            nan_strategy: self.nan_strategy,
            criticality: if self.critical { Criticality::Critical } else { Criticality::Ordinary },
            data_need: if self.must_have_data { DataNeed::Required } else { DataNeed::Optional },
        }
    }
}
