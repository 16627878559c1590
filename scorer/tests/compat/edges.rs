//! Edges: whatever the samples are, a judge answers; wrong configurations are told in full.

use proptest::prelude::*;
use scorer::compat::kayenta::classifier::Label;
use scorer::compat::kayenta::mann_whitney::{MannWhitneyError, shift};
use scorer::compat::kayenta::{CanaryClass, CanaryConfig, CanaryResult, Control, MetricPair, ZeroReason, judge};
use scorer::compat::keptn::criterion::Criterion;
use scorer::compat::keptn::{EarlierResult, Evaluation, EvaluationResult, SliValue, Slo, Status, evaluate, select};
use scorer::compat::{MetricRuns, kayenta, keptn};
use scorer::signal::Worse;
use serde_json::{Value, json};

const NAN: f64 = f64::NAN;

fn sample() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-3i8..4).prop_map(f64::from),
        2 => -1e3..1e3,
        1 => any::<f64>(),
        1 => prop::sample::select(vec![NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, f64::MAX, f64::MIN_POSITIVE]),
    ]
}

fn samples() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(sample(), 0..12)
}

fn runs() -> impl Strategy<Value = MetricRuns> {
    let worse = prop::sample::select(vec![Worse::Up, Worse::Down, Worse::Either]);
    let name = prop::sample::select(vec!["a", "b"]);
    (name, worse, prop::collection::vec(samples(), 0..4), samples()).prop_map(|(name, worse, baselines, candidate)| {
        MetricRuns { name: name.to_owned(), worse, baselines, candidate }
    })
}

proptest! {
    #[test]
    fn kayenta_answers_to_any_samples(metrics in prop::collection::vec(runs(), 0..4)) {
        for control in [Control::AllRuns, Control::LastRun] {
            let result = kayenta::judge_runs(&metrics, control);
            prop_assert!((0.0..=100.0).contains(&result.score));
            prop_assert_eq!(result.metrics.len(), metrics.len());
            prop_assert_eq!(format!("{result:?}"), format!("{:?}", kayenta::judge_runs(&metrics, control)));
        }
    }

    #[test]
    fn kayenta_answers_whatever_the_strategies(
        control in samples(), experiment in samples(), replace: bool, measure in prop::sample::select(vec!["cles", "meanRatio"]),
    ) {
        let analysis = json!({
            "nanStrategy": if replace { "replace" } else { "remove" },
            "critical": true,
            "effectSize": { "measure": measure },
            "outliers": { "strategy": "remove", "outlierFactor": 1.5 },
        });
        let result = judge(&config(&analysis), &[pair(&control, &experiment)]).expect("a right configuration");
        prop_assert!([0.0, 100.0].contains(&result.score));
    }

    #[test]
    fn keptn_answers_to_any_samples(metrics in prop::collection::vec(runs(), 0..4)) {
        let evaluation = keptn::judge_runs(&metrics);
        prop_assert!((0.0..=100.0).contains(&evaluation.score));
        prop_assert_eq!(evaluation.objectives.len(), metrics.len());
    }

    #[test]
    fn a_criterion_is_read_or_refused(text in "[<>=+\\-0-9.%e a|]{0,12}") {
        if let Ok(criterion) = Criterion::parse(&text) {
            prop_assert!(criterion.value.is_finite());
            criterion.check(1.0, None);
            criterion.check(NAN, Some(f64::INFINITY));
        }
    }
}

/// Configuration of the one metric `m` in group `g`.
fn config(analysis: &Value) -> CanaryConfig {
    let metric = json!({ "name": "m", "groups": ["g"], "analysisConfigurations": { "canary": analysis } });
    serde_json::from_value(json!({ "metrics": [metric] })).expect("a configuration")
}

fn pair(control: &[f64], experiment: &[f64]) -> MetricPair {
    MetricPair { name: "m".to_owned(), control: control.to_vec(), experiment: experiment.to_vec() }
}

fn judged(analysis: &Value, control: &[f64], experiment: &[f64]) -> CanaryResult {
    judge(&config(analysis), &[pair(control, experiment)]).expect("a right configuration")
}

fn label(analysis: &Value, control: &[f64], experiment: &[f64]) -> Label {
    judged(analysis, control, experiment).metrics[0].classified.label
}

#[test]
fn missing_data_follows_the_strategy() {
    let cases = [
        (json!({}), Label::Nodata, 0.0),
        (json!({ "mustHaveData": true }), Label::NodataFailMetric, 0.0),
        (json!({ "critical": true, "mustHaveData": true }), Label::Nodata, 0.0),
        // Fails open: absent samples that count as 0 are equal to each other.
        (json!({ "nanStrategy": "replace" }), Label::Pass, 100.0),
    ];
    for (analysis, label, score) in cases {
        let result = judged(&analysis, &[NAN, NAN], &[NAN, NAN]);
        assert_eq!((result.metrics[0].classified.label, result.score), (label, score), "{analysis}");
    }
    let result = judged(&json!({}), &[], &[]);
    assert_eq!((result.zero, result.classification), (Some(ZeroReason::NoData), CanaryClass::Fail));
}

#[test]
fn an_impossible_comparison_does_not_count() {
    // Fails open: one sample each cannot be ranked, and the score of a group without results is 100.
    let result = judged(&json!({ "critical": true }), &[1.0], &[2.0]);
    assert_eq!(result.metrics[0].classified.label, Label::Error);
    assert_eq!((result.score, result.classification), (100.0, CanaryClass::Pass));
    assert_eq!(shift(&[], &[1.0], 0.98), Err(MannWhitneyError::Empty));
    assert_eq!(shift(&[2.0], &[1.0], 0.98), Err(MannWhitneyError::AllTied));
}

#[test]
fn ties_constants_and_infinities_have_a_class() {
    let (ones, twos) = ([1.0; 5], [2.0; 5]);
    assert_eq!(label(&json!({}), &ones, &twos), Label::High);
    assert_eq!(label(&json!({}), &twos, &ones), Label::Low);
    assert_eq!(label(&json!({ "direction": "increase" }), &twos, &ones), Label::Pass);
    assert_eq!(label(&json!({}), &ones, &ones[..2]), Label::Pass);
    assert_eq!(label(&json!({}), &[1.0, 1.0, 2.0], &[1.0, 2.0, 2.0]), Label::Pass);
    for outliers in ["keep", "remove"] {
        let analysis = json!({ "outliers": { "strategy": outliers } });
        label(&analysis, &[f64::INFINITY, 1.0, 2.0], &[f64::NEG_INFINITY, 1.0, 3.0]);
    }
}

#[test]
fn an_outlier_can_be_dropped() {
    let control: Vec<f64> = (0..200).map(|i| f64::from(i % 10)).collect();
    let mut experiment = control.clone();
    experiment.push(1e6);
    let mean = |strategy: &str| {
        judged(&json!({ "outliers": { "strategy": strategy } }), &control, &experiment).metrics[0].experiment.mean
    };
    assert!(mean("keep") > 4_000.0 && mean("remove") < 5.0);
}

#[test]
fn groups_weights_and_thresholds_make_the_class() {
    let metric = |name: &str, group: &str, analysis: Value| json!({ "name": name, "groups": [group], "analysisConfigurations": { "canary": analysis } });
    let document = json!({
        "metrics": [
            metric("good", "a", json!({})), metric("bad", "b", json!({})), metric("muted", "a", json!({ "muted": true })),
        ],
        "classifier": { "groupWeights": { "a": 80.0 }, "scoreThresholds": { "marginal": 75.0, "pass": 95.0 } },
    });
    let config: CanaryConfig = serde_json::from_value(document).expect("a configuration");
    let series = |shift: f64| (0..20).map(|i| f64::from(i % 7) + shift).collect::<Vec<f64>>();
    let pair =
        |name: &str, shift| MetricPair { name: name.to_owned(), control: series(0.0), experiment: series(shift) };
    let result = judge(&config, &[pair("good", 0.0), pair("bad", 50.0), pair("muted", 50.0)]).expect("right");
    assert_eq!((result.score, result.classification), (80.0, CanaryClass::Marginal));
    assert_eq!(result.metrics[2].classified.label, Label::High);
}

#[test]
fn a_wrong_canary_configuration_is_told_in_full() {
    let wrong = config(&json!({ "outliers": { "outlierFactor": 0.0 } }));
    let other = MetricPair { name: "other".to_owned(), control: vec![], experiment: vec![] };
    let error = judge(&wrong, &[other]).expect_err("two problems").to_string();
    assert!(error.contains("metrics[0].analysisConfigurations.canary.outliers.outlierFactor = \"0\""), "{error}");
    assert!(error.contains("pairs[0].name = \"other\""), "{error}");
    let word = json!({ "metrics": [{ "analysisConfigurations": { "canary": { "direction": "up" } } }] });
    assert!(serde_json::from_value::<CanaryConfig>(word).is_err());
}

#[test]
fn every_unreadable_criterion_is_told() {
    let slo: Slo = serde_json::from_value(json!({
        "objectives": [{ "sli": "a", "pass": [{ "criteria": ["<1", "about 5"] }], "warning": [{ "criteria": ["<=+x%"] }] }],
        "total_score": { "pass": "most", "warning": "75%" },
    }))
    .expect("a document");
    let error = evaluate(&slo, &[], &[]).expect_err("three problems");
    let keys: Vec<&str> = error.as_slice().iter().map(|p| p.key.as_str()).collect();
    let want = ["objectives[0].pass[0].criteria[1]", "objectives[0].warning[0].criteria[0]", "total_score.pass"];
    assert_eq!(keys, want);
    assert!(error.to_string().contains("\"about 5\": no operator; start with one of"), "{error}");
}

fn value(sli: &str, value: Option<f64>) -> SliValue {
    SliValue { sli: sli.to_owned(), value }
}

fn evaluated(objectives: &Value, current: &[SliValue]) -> Evaluation {
    let document = json!({ "objectives": objectives, "total_score": { "pass": "90%", "warning": "75%" } });
    let slo: Slo = serde_json::from_value(document).expect("a document");
    evaluate(&slo, current, &[]).expect("a readable document")
}

#[test]
fn a_relative_criterion_without_history_holds() {
    // Fails open, as published.
    let objectives = json!([{ "sli": "a", "pass": [{ "criteria": ["<=+1%"] }] }]);
    assert_eq!(evaluated(&objectives, &[value("a", Some(1e9))]).result, EvaluationResult::Pass);
    assert_eq!(evaluated(&objectives, &[value("a", Some(f64::INFINITY))]).result, EvaluationResult::Pass);
    assert_eq!(evaluated(&objectives, &[value("a", None)]).result, EvaluationResult::Fail);
    assert_eq!(evaluated(&json!([{ "sli": "a" }]), &[]).result, EvaluationResult::Pass);
}

#[test]
fn a_key_objective_fails_the_evaluation() {
    let objectives = json!([
        { "sli": "light", "key_sli": true, "pass": [{ "criteria": ["<1"] }] },
        { "sli": "heavy", "weight": 99, "pass": [{ "criteria": ["<1"] }] },
    ]);
    let got = evaluated(&objectives, &[value("light", Some(2.0)), value("heavy", Some(0.0))]);
    assert_eq!((got.score, got.result), (99.0, EvaluationResult::Fail));
    assert_eq!(got.failed_key.as_deref(), Some("light"));
}

#[test]
fn a_second_objective_of_an_indicator_finds_no_value() {
    let objective = json!({ "sli": "a", "pass": [{ "criteria": ["<1"] }] });
    let got = evaluated(&json!([objective, objective]), &[value("a", Some(0.0))]);
    assert_eq!(got.objectives.iter().map(|o| o.status).collect::<Vec<_>>(), [Status::Pass, Status::Fail]);
}

#[test]
fn the_comparison_chooses_the_earlier_results() {
    use EvaluationResult::{Fail, Pass, Warning};
    let history = [Fail, Warning, Pass, Pass, Pass, Pass];
    let previous = history.map(|result| EarlierResult { result, values: Vec::new() });
    let results = |comparison: Value| {
        let slo: Slo = serde_json::from_value(json!({ "comparison": comparison })).expect("a document");
        select(&slo.comparison, &previous).iter().map(|p| p.result).collect::<Vec<_>>()
    };
    assert_eq!(results(Value::Null), [Fail]);
    assert_eq!(results(json!({})), [Fail, Warning, Pass]);
    assert_eq!(results(json!({ "compare_with": "single_result", "include_result_with_score": "pass" })), [Pass]);
    let several = json!({
        "compare_with": "several_results", "include_result_with_score": "pass_or_warn", "number_of_comparison_results": 2,
    });
    assert_eq!(results(several), [Warning, Pass]);
}
