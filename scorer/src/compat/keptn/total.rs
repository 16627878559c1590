//! From the scores of the objectives to the result of the evaluation.

use super::evaluate::ObjectiveOutcome;
use super::slo::TotalScore;
use super::{Problem, Problems};
use serde::{Deserialize, Serialize};

/// Result of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EvaluationResult {
    /// The score reaches the pass threshold.
    Pass,
    /// The score reaches the warning threshold.
    Warning,
    /// It reaches neither, or a key objective failed, or there are no objectives.
    Fail,
}

/// Thresholds of the total score, in percent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// From here the evaluation passes.
    pub pass: f64,
    /// From here it warns.
    pub warning: Option<f64>,
}

impl Thresholds {
    /// Reads the thresholds of a document.
    pub fn parse(total: &TotalScore) -> Result<Self, Problems> {
        let mut problems = Vec::new();
        let mut read = |key: &str, text: &str| {
            let number = text.strip_suffix('%').unwrap_or(text).parse().ok().filter(|v: &f64| v.is_finite());
            if number.is_none() {
                let remedy = "write a percentage, such as \"90%\"".to_owned();
                problems.push(Problem { key: format!("total_score.{key}"), value: text.to_owned(), remedy });
            }
            number
        };
        let pass = read("pass", &total.pass);
        let warning = if total.warning.is_empty() { None } else { read("warning", &total.warning) };
        Problems::none_or(problems, Self { pass: pass.unwrap_or(f64::INFINITY), warning })
    }
}

/// Whether a key objective failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyObjectives {
    /// None failed.
    Hold,
    /// At least one failed.
    Failed,
}

/// Score in percent of `maximum` and the result. Nothing to reach is a pass with 100.
pub fn total(
    outcomes: &[ObjectiveOutcome],
    maximum: f64,
    thresholds: Thresholds,
    key: KeyObjectives,
) -> (f64, EvaluationResult) {
    if maximum == 0.0 {
        return (100.0, EvaluationResult::Pass);
    }
    let reached: f64 = outcomes.iter().filter(|o| !o.pass_targets.is_empty()).map(|o| o.score).sum();
    let score = 100.0 * (reached / maximum);
    let result = if key == KeyObjectives::Failed {
        EvaluationResult::Fail
    } else if score >= thresholds.pass {
        EvaluationResult::Pass
    } else if thresholds.warning.is_some_and(|warning| score >= warning) {
        EvaluationResult::Warning
    } else {
        EvaluationResult::Fail
    };
    (score, result)
}
