//! The SLO document, in the names of Keptn's `slo.yaml`, with the defaults that the lighthouse service fills in.

use super::aggregate::Aggregate;
use super::total::EvaluationResult;
use serde::{Deserialize, Deserializer, Serialize};

/// Service level objectives.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Slo {
    /// Which earlier results are compared with.
    #[serde(deserialize_with = "null_is_default")]
    pub comparison: Comparison,
    /// Objectives; empty entries are dropped.
    #[serde(deserialize_with = "objectives")]
    pub objectives: Vec<Objective>,
    /// Thresholds of the total score.
    #[serde(deserialize_with = "null_is_default")]
    pub total_score: TotalScore,
}

/// Which earlier results are compared with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// How many; `None`: three.
    #[serde(default)]
    pub compare_with: Option<CompareWith>,
    /// Of which results.
    #[serde(default)]
    pub include_result_with_score: Include,
    /// How many `several_results` are; 0 or absent means three.
    #[serde(default = "three", deserialize_with = "zero_is_three")]
    pub number_of_comparison_results: usize,
    /// How they become one value.
    #[serde(default)]
    pub aggregate_function: Aggregate,
}

impl Default for Comparison {
    /// What a document without `comparison` means: the last result, whatever it was.
    fn default() -> Self {
        Self {
            compare_with: Some(CompareWith::SingleResult),
            include_result_with_score: Include::All,
            number_of_comparison_results: 1,
            aggregate_function: Aggregate::Avg,
        }
    }
}

impl Comparison {
    /// Number of earlier results that are compared with.
    pub fn wanted(&self) -> usize {
        match self.compare_with {
            Some(CompareWith::SingleResult) => 1,
            Some(CompareWith::SeveralResults) => self.number_of_comparison_results,
            None => three(),
        }
    }
}

/// How many earlier results are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CompareWith {
    /// The last one.
    SingleResult,
    /// `number_of_comparison_results`.
    SeveralResults,
}

/// Which earlier results count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Include {
    /// Every one.
    #[default]
    #[serde(alias = "")]
    All,
    /// Those that passed.
    Pass,
    /// Those that passed or warned.
    PassOrWarn,
}

impl Include {
    /// Whether a result counts.
    pub fn admits(self, result: EvaluationResult) -> bool {
        match self {
            Self::All => true,
            Self::Pass => result == EvaluationResult::Pass,
            Self::PassOrWarn => result != EvaluationResult::Fail,
        }
    }
}

/// One objective.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Objective {
    /// Indicator.
    pub sli: String,
    /// Name for people.
    #[serde(default, rename = "displayName", alias = "display_name")]
    pub display_name: String,
    /// It passes if all criteria of one set hold; without sets it only informs.
    #[serde(default, deserialize_with = "null_is_default")]
    pub pass: Vec<CriteriaSet>,
    /// Otherwise it warns if all criteria of one of these hold.
    #[serde(default, deserialize_with = "null_is_default")]
    pub warning: Vec<CriteriaSet>,
    /// Weight; 0 or absent means 1.
    #[serde(default = "one", deserialize_with = "zero_is_one")]
    pub weight: u32,
    /// Whether its failure fails the evaluation.
    #[serde(default)]
    pub key_sli: bool,
}

/// Criteria that must all hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CriteriaSet {
    /// Criteria.
    pub criteria: Vec<String>,
}

/// Thresholds of the total score, such as `90%`; an empty one is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TotalScore {
    /// From here the evaluation passes.
    pub pass: String,
    /// From here it warns.
    pub warning: String,
}

fn three() -> usize {
    3
}

fn one() -> u32 {
    1
}

fn zero_is_three<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    usize::deserialize(deserializer).map(|n| if n == 0 { three() } else { n })
}

fn zero_is_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    u32::deserialize(deserializer).map(|n| if n == 0 { one() } else { n })
}

fn null_is_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

fn objectives<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Objective>, D::Error> {
    let entries: Option<Vec<Option<Objective>>> = Option::deserialize(deserializer)?;
    Ok(entries.unwrap_or_default().into_iter().flatten().collect())
}
