//! keptn-compat: the evaluation of service level objectives by the lighthouse service of keptn/keptn.
//!
//! Each objective compares one value of an indicator with fixed limits or with an aggregate of earlier results; the
//! evaluation compares the weighted score with two thresholds.
//!
//! Where the published evaluation fails open, so does this one: a relative criterion without earlier results holds,
//! and objectives without pass criteria alone pass. It differs in one way: every criterion and threshold is read
//! before anything is compared, and one that cannot be read is an error.

pub mod aggregate;
pub mod criterion;
pub mod evaluate;
pub mod slo;
pub mod total;

pub use aggregate::{Aggregate, aggregate};
pub use evaluate::{EarlierResult, Evaluation, ObjectiveOutcome, SliValue, Status, evaluate, select};
pub use slo::Slo;
pub use total::EvaluationResult;

use super::{MetricRuns, Problem, Problems};
use crate::signal::Worse;
use criterion::{Change, Criterion, Operator, Reference, Unit};
use evaluate::{ObjectiveRule, Rules};
use slo::{CompareWith, Comparison, Include};
use total::Thresholds;

/// Change that the default criterion allows, in percent.
const ALLOWED_PERCENT: f64 = 10.0;

/// Judges runs by Keptn's usual objective: the mean of the run's samples may be up to 10 % worse than the average of
/// the earlier runs (`<=+10%`, `>=-10%`, or both); pass 90 %, warning 75 %, equal weights.
pub fn judge_runs(metrics: &[MetricRuns]) -> Evaluation {
    let runs = metrics.iter().map(|m| m.baselines.len()).max().unwrap_or(0);
    let rules = Rules {
        comparison: Comparison {
            compare_with: Some(CompareWith::SeveralResults),
            include_result_with_score: Include::All,
            number_of_comparison_results: runs,
            ..Comparison::default()
        },
        objectives: metrics.iter().map(default_objective).collect(),
        thresholds: Thresholds { pass: 90.0, warning: Some(75.0) },
    };
    let value = |name: &str, samples: Option<&Vec<f64>>| SliValue {
        sli: name.to_owned(),
        value: samples.and_then(|samples| finite_mean(samples)),
    };
    let current: Vec<SliValue> = metrics.iter().map(|m| value(&m.name, Some(&m.candidate))).collect();
    let earlier = |run: usize| EarlierResult {
        result: EvaluationResult::Pass,
        values: metrics.iter().map(|m| value(&m.name, m.baselines.get(run))).collect(),
    };
    let previous: Vec<EarlierResult> = (0..runs).rev().map(earlier).collect();
    rules.evaluate(&current, &previous)
}

fn default_objective(metric: &MetricRuns) -> ObjectiveRule {
    let limit = |text: &str, operator, change| Criterion {
        text: text.to_owned(),
        operator,
        value: ALLOWED_PERCENT,
        reference: Reference::Earlier(change, Unit::Percent),
    };
    let above = limit("<=+10%", Operator::AtMost, Change::Increase);
    let below = limit(">=-10%", Operator::AtLeast, Change::Decrease);
    let criteria = match metric.worse {
        Worse::Up => vec![above],
        Worse::Down => vec![below],
        Worse::Either => vec![above, below],
    };
    ObjectiveRule { sli: metric.name.clone(), pass: vec![criteria], warning: Vec::new(), weight: 1.0, key: false }
}

/// Mean of the finite samples; `None` without any.
fn finite_mean(samples: &[f64]) -> Option<f64> {
    let finite: Vec<f64> = samples.iter().copied().filter(|v| v.is_finite()).collect();
    if finite.is_empty() { None } else { Some(finite.iter().sum::<f64>() / finite.len() as f64) }
}
