//! The evaluation: criteria of every objective against the current values and the earlier results.

use super::aggregate::aggregate;
use super::criterion::{Criterion, Target, any_set};
use super::slo::{Comparison, CriteriaSet, Objective, Slo};
use super::total::{EvaluationResult, KeyObjectives, Thresholds, total};
use super::{Problem, Problems};
use serde::Serialize;

/// Value of an indicator.
#[derive(Clone, Debug, PartialEq)]
pub struct SliValue {
    /// Indicator.
    pub sli: String,
    /// Value; `None` if it could not be measured.
    pub value: Option<f64>,
}

/// An earlier evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct EarlierResult {
    /// Its result.
    pub result: EvaluationResult,
    /// Its values.
    pub values: Vec<SliValue>,
}

/// Status of an objective.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// A set of pass criteria holds.
    Pass,
    /// A set of warning criteria holds.
    Warning,
    /// None holds, or there is no value.
    Fail,
    /// There are no pass criteria.
    Info,
}

/// Outcome of an objective.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ObjectiveOutcome {
    /// Indicator.
    pub sli: String,
    /// Status.
    pub status: Status,
    /// The weight, half of it for a warning, otherwise 0.
    pub score: f64,
    /// Current value.
    pub value: Option<f64>,
    /// Aggregate of the earlier values that was compared with; `None` if there was none or nothing was compared.
    pub compared: Option<f64>,
    /// Outcomes of the pass criteria.
    pub pass_targets: Vec<Target>,
    /// Outcomes of the warning criteria.
    pub warning_targets: Vec<Target>,
}

/// Result of an evaluation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// Result.
    pub result: EvaluationResult,
    /// Score in percent.
    pub score: f64,
    /// Highest sum of scores that was possible.
    pub maximum: f64,
    /// Indicator of the last key objective that failed.
    pub failed_key: Option<String>,
    /// Objectives in the order of the document.
    pub objectives: Vec<ObjectiveOutcome>,
    /// Indicators with a value and no objective; not collected where there are no objectives at all.
    pub unused: Vec<String>,
}

/// A document whose criteria and thresholds are read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rules {
    pub(crate) comparison: Comparison,
    pub(crate) objectives: Vec<ObjectiveRule>,
    pub(crate) thresholds: Thresholds,
}

/// An objective whose criteria are read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ObjectiveRule {
    pub(crate) sli: String,
    pub(crate) pass: Vec<Vec<Criterion>>,
    pub(crate) warning: Vec<Vec<Criterion>>,
    pub(crate) weight: f64,
    pub(crate) key: bool,
}

/// Evaluates current values; `previous` is ordered newest first.
///
/// Err names every criterion and threshold that cannot be read. Keptn itself fails the evaluation for such a pass
/// criterion, if the objective has a value, and ignores every other one.
pub fn evaluate(slo: &Slo, current: &[SliValue], previous: &[EarlierResult]) -> Result<Evaluation, Problems> {
    Rules::parse(slo).map(|rules| rules.evaluate(current, previous))
}

/// The earlier results that a comparison looks at.
pub fn select<'a>(comparison: &Comparison, previous: &'a [EarlierResult]) -> Vec<&'a EarlierResult> {
    let admitted = previous.iter().filter(|p| comparison.include_result_with_score.admits(p.result));
    admitted.take(comparison.wanted()).collect()
}

impl Rules {
    pub(crate) fn parse(slo: &Slo) -> Result<Self, Problems> {
        let mut problems = Vec::new();
        let mut sets = |i: usize, kind: &str, sets: &[CriteriaSet]| -> Vec<Vec<Criterion>> {
            let key = format!("objectives[{i}].{kind}");
            sets.iter().enumerate().map(|(k, set)| read_set(&format!("{key}[{k}]"), set, &mut problems)).collect()
        };
        let mut read = |(i, objective): (usize, &Objective)| ObjectiveRule {
            sli: objective.sli.clone(),
            pass: sets(i, "pass", &objective.pass),
            warning: sets(i, "warning", &objective.warning),
            weight: f64::from(objective.weight),
            key: objective.key_sli,
        };
        let objectives = slo.objectives.iter().enumerate().map(&mut read).collect();
        match Thresholds::parse(&slo.total_score) {
            Ok(thresholds) => {
                Problems::none_or(problems, Self { comparison: slo.comparison.clone(), objectives, thresholds })
            }
            Err(more) => Err(more.after(problems)),
        }
    }

    pub(crate) fn evaluate(&self, current: &[SliValue], previous: &[EarlierResult]) -> Evaluation {
        if self.objectives.is_empty() {
            return Evaluation::without_objectives();
        }
        let previous = select(&self.comparison, previous);
        let mut pool = current.to_vec();
        let outcome = |rule: &ObjectiveRule| {
            let earlier = previous.iter().flat_map(|p| &p.values).filter(|v| v.sli == rule.sli);
            let earlier: Vec<Option<f64>> = earlier.map(|v| v.value).collect();
            rule.outcome(take(&mut pool, &rule.sli), aggregate(&earlier, self.comparison.aggregate_function))
        };
        let outcomes: Vec<ObjectiveOutcome> = self.objectives.iter().map(outcome).collect();
        let failed = |(rule, outcome): &(&ObjectiveRule, &ObjectiveOutcome)| rule.key && outcome.status == Status::Fail;
        let failed_key = self.objectives.iter().zip(&outcomes).rfind(failed).map(|(rule, _)| rule.sli.clone());
        let maximum = self.objectives.iter().filter(|rule| !rule.pass.is_empty()).map(|rule| rule.weight).sum();
        let key = if failed_key.is_some() { KeyObjectives::Failed } else { KeyObjectives::Hold };
        let (score, result) = total(&outcomes, maximum, self.thresholds, key);
        let unused = pool.into_iter().map(|v| v.sli).collect();
        Evaluation { result, score, maximum, failed_key, objectives: outcomes, unused }
    }
}

impl Evaluation {
    /// Without objectives nothing can be shown to be good.
    fn without_objectives() -> Self {
        let (objectives, unused) = (Vec::new(), Vec::new());
        Self { result: EvaluationResult::Fail, score: 0.0, maximum: 100.0, failed_key: None, objectives, unused }
    }
}

fn read_set(key: &str, set: &CriteriaSet, problems: &mut Vec<Problem>) -> Vec<Criterion> {
    let mut criteria = Vec::with_capacity(set.criteria.len());
    for (i, text) in set.criteria.iter().enumerate() {
        match Criterion::parse(text) {
            Ok(criterion) => criteria.push(criterion),
            Err(error) => problems.push(Problem {
                key: format!("{key}.criteria[{i}]"),
                value: text.clone(),
                remedy: error.to_string(),
            }),
        }
    }
    criteria
}

/// Takes the first value of an indicator out of the pool: a second objective of the same indicator finds none.
fn take(pool: &mut Vec<SliValue>, sli: &str) -> Option<f64> {
    let at = pool.iter().position(|v| v.sli == sli)?;
    pool.swap_remove(at).value
}

impl ObjectiveRule {
    fn outcome(&self, value: Option<f64>, earlier: Option<f64>) -> ObjectiveOutcome {
        let unmet = |sets: &[Vec<Criterion>]| sets.iter().flatten().map(|c| c.unmet(earlier)).collect();
        let status = if self.pass.is_empty() { Status::Info } else { Status::Fail };
        let (Some(measured), Status::Fail) = (value, status) else {
            return ObjectiveOutcome {
                sli: self.sli.clone(),
                status,
                score: 0.0,
                value,
                compared: None,
                pass_targets: unmet(&self.pass),
                warning_targets: unmet(&self.warning),
            };
        };
        let (passes, pass_targets) = any_set(&self.pass, measured, earlier);
        let (warns, warning_targets) = any_set(&self.warning, measured, earlier);
        let (status, score) = match (passes, warns) {
            (true, _) => (Status::Pass, self.weight),
            (false, true) => (Status::Warning, 0.5 * self.weight),
            (false, false) => (Status::Fail, 0.0),
        };
        ObjectiveOutcome {
            sli: self.sli.clone(),
            status,
            score,
            value,
            compared: earlier,
            pass_targets,
            warning_targets,
        }
    }
}
