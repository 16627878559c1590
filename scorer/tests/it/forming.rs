//! The time axis and the values formed on it.

use proptest::prelude::*;
use scorer::evidence::{Evidence, Phase, PhaseLabel, RawSeries};
use scorer::form::{FormedMetric, form, needed};
use scorer::grid::Grid;
use scorer::metric::Samples;
use scorer::recording::Recording;
use scorer::signal::{Dimension, Form, Selector, Signal, Tier, Worse};

fn phase(label: PhaseLabel, start_ms: i64, samples: u32) -> Phase {
    let end_ms = start_ms + i64::from(samples) * 1000;
    Phase { label, name: format!("{label:?}"), start_ms, end_ms, samples }
}

fn evidence(phases: Vec<Phase>) -> Evidence {
    let mut evidence = Evidence { phases, ..Evidence::default() };
    evidence.context.interval_ms = 1000;
    evidence
}

fn series(name: &str, extra: &[(&str, &str)], points: &[(i64, f64)]) -> RawSeries {
    let mut labels: std::collections::BTreeMap<String, String> = [("job".to_owned(), "checkout".to_owned())].into();
    labels.extend(extra.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
    let (times_ms, values) = points.iter().copied().unzip();
    RawSeries { name: name.to_owned(), labels, times_ms, values }
}

fn signal(form: Form) -> Signal {
    Signal {
        name: "s".to_owned(),
        component: None,
        tier: Tier::Gate,
        dimension: Dimension::Performance,
        worse: Worse::Up,
        form,
        margin: None,
        rise: None,
        objective: None,
        broken_after: 10,
    }
}

fn select(text: &str) -> Selector {
    Selector::parse(text).expect("the selector is legal")
}

fn count(text: &str) -> Signal {
    signal(Form::Count { series: select(text), group_by: vec![] })
}

fn one(signal: &Signal, evidence: &Evidence) -> FormedMetric {
    let mut formed = form(signal, &Recording::of(evidence));
    assert_eq!(formed.len(), 1, "{formed:?}");
    formed.remove(0)
}

fn events(metric: &FormedMetric) -> Vec<f64> {
    match &metric.samples {
        Samples::Events { events, .. } => events.clone(),
        Samples::Values(values) => values.clone(),
    }
}

/// Equal, with NaN equal to NaN.
fn assert_values(got: &[f64], want: &[f64]) {
    let same = got.len() == want.len() && got.iter().zip(want).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()));
    assert!(same, "got {got:?}, want {want:?}");
}

const NO: f64 = f64::NAN;

#[test]
fn only_steady_and_load_count_and_faults_leave_holes() {
    let evidence = evidence(vec![
        phase(PhaseLabel::Warmup, 0, 5),
        phase(PhaseLabel::Steady, 5_000, 3),
        phase(PhaseLabel::Fault, 8_000, 4),
        phase(PhaseLabel::Recovery, 12_000, 2),
        phase(PhaseLabel::Load, 14_000, 2),
    ]);
    let grid = Grid::of(&evidence);
    assert_eq!((grid.len(), grid.elapsed()), (5, 5));
    assert_eq!(grid.offsets(), [0, 1, 2, 9, 10]);
}

#[test]
fn a_phase_cut_short_moves_nothing() {
    let mut first = phase(PhaseLabel::Steady, 0, 10);
    first.end_ms = 4_000;
    let grid = Grid::of(&evidence(vec![first, phase(PhaseLabel::Load, 10_000, 2)]));
    assert_eq!((grid.len(), grid.elapsed()), (12, 12));
    assert_eq!(grid.phases()[1].first, 10);
}

proptest! {
    #[test]
    fn jitter_neither_loses_nor_doubles(offset in -500_i64..500, jitter in prop::collection::vec(-300_i64..=300, 62)) {
        let mut evidence = evidence(vec![phase(PhaseLabel::Steady, 1_000_000, 60)]);
        let points: Vec<(i64, f64)> =
            jitter.iter().enumerate().map(|(i, j)| (1_000_000 + (i as i64 - 1) * 1000 + offset + j, i as f64)).collect();
        evidence.series = vec![series("c", &[], &points)];
        let got = events(&one(&count("c"), &evidence));
        prop_assert!(got.iter().all(|v| *v == 1.0), "{:?}", got);
    }
}

#[test]
fn a_reset_counts_the_new_value_and_a_missed_scrape_two_absent_samples() {
    let mut evidence = evidence(vec![phase(PhaseLabel::Steady, 0, 6)]);
    evidence.series =
        vec![series("c", &[], &[(0, 10.0), (1000, 12.0), (2000, 3.0), (4000, 9.0), (5000, 10.0), (6000, 10.0)])];
    assert_values(&events(&one(&count("c"), &evidence)), &[2.0, 3.0, NO, NO, 1.0, 0.0]);
}

#[test]
fn a_late_series_counts_from_zero_only_when_the_process_start_shows_it() {
    let mut evidence = evidence(vec![phase(PhaseLabel::Steady, 0, 3)]);
    let old: Vec<(i64, f64)> = (0..4).map(|i| (i * 1000, 1.0)).collect();
    evidence.series =
        vec![series("c", &[("code", "200")], &old), series("c", &[("code", "500")], &[(2000, 7.0), (3000, 8.0)])];
    assert_values(&events(&one(&count("c"), &evidence)), &[0.0, NO, 1.0]);
    evidence.series.push(series("process_start_time_seconds", &[], &old));
    assert_values(&events(&one(&count("c"), &evidence)), &[0.0, 7.0, 1.0]);
}

#[test]
fn what_is_not_needed_changes_nothing_and_what_tells_of_the_target_is_needed() {
    let mut evidence = evidence(vec![phase(PhaseLabel::Steady, 0, 3)]);
    let every: Vec<(i64, f64)> = (0..4).map(|i| (i * 1000, 1.0)).collect();
    evidence.series = vec![
        series("c", &[], &[(2000, 7.0), (3000, 8.0)]),
        series("process_start_time_seconds", &[], &every),
        series("other", &[("job", "payments")], &every),
    ];
    assert_eq!(needed(&[count("c")], &evidence.series), [true, true, false]);
    let whole = [NO, 7.0, 1.0];
    assert_values(&events(&one(&count("c"), &evidence)), &whole);
    (evidence.series[2].times_ms, evidence.series[2].values) = (vec![], vec![]);
    assert_values(&events(&one(&count("c"), &evidence)), &whole);
    // Without what it says of itself, the counter could have begun anywhere.
    (evidence.series[1].times_ms, evidence.series[1].values) = (vec![], vec![]);
    assert!(events(&one(&count("c"), &evidence))[1].is_nan());
}

#[test]
fn a_restart_is_seen_by_its_start_time_even_when_the_counter_is_higher() {
    let mut evidence = evidence(vec![phase(PhaseLabel::Steady, 0, 2)]);
    evidence.series = vec![
        series("c", &[], &[(0, 1.0), (1000, 5.0), (2000, 6.0)]),
        series("process_start_time_seconds", &[], &[(0, 0.0), (1000, 100.0), (2000, 100.0)]),
    ];
    assert_values(&events(&one(&count("c"), &evidence)), &[5.0, 1.0]);
}

#[test]
fn staleness_is_absence() {
    let mut evidence = evidence(vec![phase(PhaseLabel::Steady, 0, 4)]);
    evidence.series = vec![series("g", &[], &[(1000, 1.0), (2000, NO), (3000, 3.0), (4000, f64::INFINITY)])];
    let gauge = signal(Form::Gauge { series: select("g"), group_by: vec!["job".to_owned()] });
    let metric = one(&gauge, &evidence);
    assert_eq!(metric.name, "s{job=checkout}");
    assert_values(&events(&metric), &[1.0, NO, 3.0, NO]);
}

#[test]
fn latency_uses_the_bucket_at_or_above_and_never_the_endless_one() {
    let mut evidence = evidence(vec![phase(PhaseLabel::Steady, 0, 1)]);
    evidence.series = vec![
        series("b", &[("le", "0.1")], &[(0, 0.0), (1000, 1.0)]),
        series("b", &[("le", "0.3")], &[(0, 0.0), (1000, 6.0)]),
        series("b", &[("le", "+Inf")], &[(0, 0.0), (1000, 10.0)]),
    ];
    let metric = one(&signal(Form::Latency { buckets: select("b"), threshold_s: 0.25 }), &evidence);
    assert_eq!((metric.bound_s, metric.value(0)), (Some(0.3), 0.4));
    let above = signal(Form::Latency { buckets: select("b"), threshold_s: 0.5 });
    assert!(form(&above, &Recording::of(&evidence)).is_empty());
}

#[test]
fn a_ratio_counts_what_is_not_good() {
    let mut evidence = evidence(vec![phase(PhaseLabel::Steady, 0, 2)]);
    evidence.series = vec![
        series("c", &[("code", "200")], &[(0, 0.0), (1000, 8.0), (2000, 8.0)]),
        series("c", &[("code", "500")], &[(0, 0.0), (1000, 2.0), (2000, 2.0)]),
    ];
    let ratio = signal(Form::Ratio { good: select(r#"c{code!~"5.."}"#), total: select("c") });
    let metric = one(&ratio, &evidence);
    assert_values(&[metric.value(0), metric.value(1)], &[0.2, NO]);
}
