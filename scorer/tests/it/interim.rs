//! The living view ends where the judge does.

use proptest::prelude::*;
use scorer::features::Feature;
use scorer::interim::{Interim, Sample, WrongCount};
use scorer::judge::{JudgeInput, judge};
use scorer::metric::{Kind, Metric, Samples};
use scorer::policy::Policy;
use scorer::signal::Worse;

const SAMPLES: usize = 60;

/// One metric: noise about 100, runs that differ, a candidate that is shifted.
fn metric(aligned: bool) -> impl Strategy<Value = Metric> {
    let run = || {
        (prop::collection::vec(-10.0..10.0_f64, SAMPLES), -3.0..3.0_f64)
            .prop_map(|(noise, effect)| noise.into_iter().map(|v| 100.0 + effect + v).collect::<Vec<f64>>())
    };
    let worse = prop_oneof![Just(Worse::Up), Just(Worse::Down), Just(Worse::Either)];
    (prop::collection::vec(run(), 4), run(), 0.0..20.0_f64, worse).prop_map(move |(runs, candidate, shift, worse)| {
        Metric {
            name: "m".to_owned(),
            kind: Kind::Gauge,
            worse,
            baselines: runs.into_iter().map(Samples::Values).collect(),
            candidate: Samples::Values(candidate.into_iter().map(|v| v + shift).collect()),
            by: Some(5.0),
            rise: None,
            relative: false,
            aligned,
            offsets: None,
        }
    })
}

fn sample(m: &Metric, i: usize) -> Sample {
    match &m.candidate {
        Samples::Values(v) => Sample::Value(v[i]),
        Samples::Events { events, total } => Sample::Events { events: events[i], total: total[i] },
    }
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
}

fn tag() -> impl Strategy<Value = Vec<Metric>> {
    (prop::collection::vec(metric(true), 3), metric(false)).prop_map(|(mut tag, other)| {
        tag.push(other);
        tag
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_last_reading_is_the_judges(tag in tag()) {
        let policy = Policy::new(SAMPLES, 20);
        let mut interim = Interim::prepare(&tag, &[], &policy);
        for i in 0..SAMPLES {
            let samples: Vec<Sample> = tag.iter().map(|m| sample(m, i)).collect();
            interim.push(&samples).expect("one sample a metric");
        }
        let reading = interim.reading();
        let want = judge(&JudgeInput {
            gate: &tag,
            watch: &[],
            policy: &policy,
            look: SAMPLES,
            resilience: None,
            hard_rules: &[],
        });
        for (got, want) in reading.metrics.iter().zip(&want.metrics) {
            let level = want.feature(Feature::Level);
            prop_assert!(close(got.effect.expect("an effect"), level.est), "{got:?} {level:?}");
            prop_assert!(close(got.se.expect("an error"), level.se.expect("an error")), "{got:?} {level:?}");
            prop_assert!(close(got.df.expect("degrees"), level.df.expect("degrees")), "{got:?} {level:?}");
            prop_assert!(close(got.scores.score, want.scores.score));
            // The judge adds the candidate's own long-run variance, where that is larger.
            prop_assert!(want.scores.score_low <= got.scores.score_low + 1e-9);
            if level.se_pass == level.se {
                prop_assert!(close(got.scores.score_low, want.scores.score_low));
                prop_assert!(close(got.scores.score_high, want.scores.score_high));
            }
            let p = [want.feature(Feature::Location).p, level.p].map(|p| p.expect("a p value"));
            prop_assert!(close(got.p_shift, scorer::combine::cauchy(&p)), "{got:?} {p:?}");
        }
    }
}

#[test]
fn absent_samples_say_nothing_and_lower_the_coverage() {
    let run = |from: usize| Samples::Values((0..SAMPLES).map(|i| ((i * 7 + from) % 11) as f64).collect());
    let metric = Metric {
        name: "m".to_owned(),
        kind: Kind::Gauge,
        worse: Worse::Up,
        baselines: (0..4).map(run).collect(),
        candidate: Samples::Values(Vec::new()),
        by: Some(1.0),
        rise: None,
        relative: false,
        aligned: true,
        offsets: None,
    };
    let mut interim = Interim::prepare(std::slice::from_ref(&metric), &[], &Policy::new(SAMPLES, 20));
    let nothing = interim.reading();
    assert_eq!((nothing.samples, nothing.metrics[0].effect), (0, None));
    for i in 0..10 {
        let sample = if i % 2 == 0 { Sample::Value(f64::NAN) } else { Sample::Value(6.0) };
        interim.push(&[sample]).expect("one sample a metric");
    }
    interim.push(&[Sample::Absent]).expect("one sample a metric");
    let got = interim.reading().metrics[0];
    assert_eq!((got.samples, got.coverage), (5, 5.0 / 11.0));
    assert!(got.effect.is_some() && got.scores.score_low < got.scores.score);
    assert_eq!(interim.push(&[]), Err(WrongCount { metrics: 1, got: 0 }));
}

#[test]
fn sparse_events_are_counted() {
    let run = |bad: f64| Samples::Events {
        events: (0..SAMPLES).map(|i| if i % 30 == 7 { bad } else { 0.0 }).collect(),
        total: vec![100.0; SAMPLES],
    };
    let metric = Metric {
        name: "errors".to_owned(),
        kind: Kind::Share,
        worse: Worse::Up,
        baselines: vec![run(1.0), run(2.0), run(1.0)],
        candidate: run(2.0),
        by: Some(0.01),
        rise: None,
        relative: false,
        aligned: true,
        offsets: None,
    };
    let policy = Policy::new(SAMPLES, 20);
    let mut interim = Interim::prepare(std::slice::from_ref(&metric), &[], &policy);
    (0..SAMPLES).for_each(|i| interim.push(&[sample(&metric, i)]).expect("one sample a metric"));
    let got = interim.reading().metrics[0];
    let want = judge(&JudgeInput {
        gate: std::slice::from_ref(&metric),
        watch: &[],
        policy: &policy,
        look: SAMPLES,
        resilience: None,
        hard_rules: &[],
    });
    assert!(want.metrics[0].counts);
    assert_eq!(got.effect, want.metrics[0].effect);
    assert!(close(got.p_shift, want.metrics[0].p_fail), "{got:?}");
}
