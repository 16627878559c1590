//! The judges at their default settings.

use scorer::compat::kayenta::{CanaryClass, Control, classifier::Label};
use scorer::compat::keptn::EvaluationResult;
use scorer::compat::{MetricRuns, kayenta, keptn};
use scorer::signal::Worse;

/// Samples about 100, spread by 7, times `factor`.
fn run(factor: f64) -> Vec<f64> {
    (0..60).map(|i| factor * (100.0 + f64::from(i * 5 % 8))).collect()
}

fn metric(worse: Worse, baselines: &[f64], candidate: f64) -> MetricRuns {
    let baselines = baselines.iter().map(|factor| run(*factor)).collect();
    MetricRuns { name: "latency".to_owned(), worse, baselines, candidate: run(candidate) }
}

#[test]
fn a_change_counts_in_its_direction() {
    let cases = [
        (Worse::Up, 1.0, Label::Pass),
        (Worse::Up, 1.3, Label::High),
        (Worse::Up, 0.7, Label::Pass),
        (Worse::Down, 1.3, Label::Pass),
        (Worse::Down, 0.7, Label::Low),
        (Worse::Either, 1.3, Label::High),
        (Worse::Either, 0.7, Label::Low),
    ];
    for (worse, factor, label) in cases {
        let metrics = [metric(worse, &[1.0, 1.01, 0.99], factor)];
        let canary = kayenta::judge_runs(&metrics, Control::AllRuns);
        assert_eq!(canary.metrics[0].classified.label, label, "{worse:?} {factor}");
        let passes = label == Label::Pass;
        assert_eq!(canary.classification == CanaryClass::Pass, passes);
        assert_eq!(keptn::judge_runs(&metrics).result == EvaluationResult::Pass, passes, "{worse:?} {factor}");
    }
}

#[test]
fn kayenta_may_look_at_the_last_run_alone() {
    let metrics = [metric(Worse::Up, &[1.0, 1.3], 1.3)];
    assert_eq!(kayenta::judge_runs(&metrics, Control::LastRun).classification, CanaryClass::Pass);
    let all = kayenta::judge_runs(&metrics, Control::AllRuns);
    assert_eq!(all.metrics[0].control.count, 120);
}

#[test]
fn one_bad_metric_of_twenty_is_at_the_threshold_of_kayenta() {
    let mut metrics = vec![metric(Worse::Up, &[1.0], 1.0); 19];
    metrics.push(metric(Worse::Up, &[1.0], 1.5));
    let result = kayenta::judge_runs(&metrics, Control::AllRuns);
    assert_eq!((result.score, result.classification), (95.0, CanaryClass::Pass));
    metrics.push(metric(Worse::Up, &[1.0], 1.5));
    let result = kayenta::judge_runs(&metrics, Control::AllRuns);
    assert_eq!((result.score, result.classification), (90.48, CanaryClass::Marginal));
}

#[test]
fn keptn_averages_all_runs_and_passes_without_any() {
    let metrics = |baselines: &[f64], candidate| [metric(Worse::Up, baselines, candidate)];
    assert_eq!(keptn::judge_runs(&metrics(&[1.0, 1.0, 1.3], 1.2)).result, EvaluationResult::Pass);
    assert_eq!(keptn::judge_runs(&metrics(&[1.0, 1.0, 1.0], 1.2)).result, EvaluationResult::Fail);
    assert_eq!(keptn::judge_runs(&metrics(&[], 9.0)).result, EvaluationResult::Pass);
    assert_eq!(keptn::judge_runs(&[]).result, EvaluationResult::Fail);
}

#[test]
fn keptn_warns_between_75_and_90() {
    let mut metrics: Vec<MetricRuns> =
        (0..5).map(|i| MetricRuns { name: format!("m{i}"), ..metric(Worse::Up, &[1.0], 1.0) }).collect();
    metrics[4].candidate = run(2.0);
    let got = keptn::judge_runs(&metrics);
    assert_eq!((got.score, got.result), (80.0, EvaluationResult::Warning));
}
