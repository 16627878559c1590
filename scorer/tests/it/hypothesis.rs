//! Hypotheses of experiments, decided by repetitions against the same tag without a fault.

use crate::noise::uniform;
use scorer::evidence::{Ended, Evidence, Exposure, RawSeries};
use scorer::hypothesis::{Decision, LEVEL, Question, Standing, compare, standing, steady};
use scorer::resilience::FAULT_MARGIN;
use scorer::signal::{Dimension, Form, Selector, Signal, Tier, Worse};

/// Four windows of 10 s without a fault, then a repetition every 20 s: 10 s of fault, 10 s of rest.
const WITHOUT: [(i64, i64); 4] = [(5_000, 15_000), (15_000, 25_000), (25_000, 35_000), (35_000, 45_000)];
const FIRST_MS: i64 = 50_000;
const EACH_MS: i64 = 20_000;

fn exposure(repetition: u32) -> Exposure {
    let start_ms = FIRST_MS + i64::from(repetition - 1) * EACH_MS;
    Exposure {
        experiment: "slow".into(),
        kind: "net.delay".into(),
        target: "payments".into(),
        repetition,
        start_ms,
        end_ms: start_ms + 10_000,
        observed_until_ms: start_ms + EACH_MS,
        requested: Default::default(),
        achieved: Default::default(),
        verified: true,
        ended: Ended::Completed,
        recover_within_ms: Some(5_000),
        signals: vec!["availability".into()],
        seed: 7,
        detail: None,
    }
}

fn signal(name: &str) -> Signal {
    let select = |name: &str| Selector { name: name.into(), matchers: Vec::new() };
    Signal {
        name: name.into(),
        component: None,
        tier: Tier::Gate,
        dimension: Dimension::Business,
        worse: Worse::Down,
        form: Form::Ratio { good: select("ok"), total: select("all") },
        margin: None,
        rise: None,
        objective: Some(0.9),
        broken_after: 3,
    }
}

/// Ten events a second, of which a share that depends on the time is bad.
fn evidence(repetitions: u32, bad: impl Fn(i64) -> f64) -> Evidence {
    let times: Vec<i64> = (0..=FIRST_MS / 1_000 + 12 * 20).map(|second| second * 1_000).collect();
    let (mut all, mut ok) = (vec![0.0], vec![0.0]);
    for time in &times[1..] {
        all.push(all[all.len() - 1] + 10.0);
        ok.push(ok[ok.len() - 1] + 10.0 * (1.0 - bad(*time - 500)));
    }
    let series = |name: &str, values| RawSeries {
        name: name.into(),
        labels: [("job".to_owned(), "shop".to_owned())].into(),
        times_ms: times.clone(),
        values,
    };
    let mut evidence = Evidence { series: vec![series("all", all), series("ok", ok)], ..Evidence::default() };
    evidence.context.interval_ms = 1_000;
    evidence.exposures = (1..=repetitions).map(exposure).collect();
    evidence
}

fn asked(evidence: &Evidence, look: usize) -> Standing {
    let hypothesis = ["availability".to_owned()];
    let signals = [signal("availability")];
    let (experiment, hypothesis) = ("slow", &hypothesis[..]);
    standing(&Question { experiment, hypothesis, evidence, signals: &signals, without: &WITHOUT, look })
}

/// Whether a fault of a repetition is in.
fn is_in(time: i64) -> bool {
    time >= FIRST_MS && (time - FIRST_MS) % EACH_MS < 10_000
}

#[test]
fn what_the_fault_does_not_change_is_held_and_what_it_does_is_broken() {
    let quiet = |time: i64| if time % 7_000 == 500 { 0.1 } else { 0.0 };
    let told = |of: &Standing| (of.decision, of.repetitions);
    assert_eq!(told(&asked(&evidence(3, quiet), 0)), (Decision::Held, 3));
    // Six points are allowed; one repetition is too few to show that they are not more than ten.
    let felt = |time| if is_in(time) { 0.06 } else { 0.0 };
    assert_eq!(told(&asked(&evidence(1, felt), 0)), (Decision::Undecided, 1));
    assert_eq!(told(&asked(&evidence(12, felt), 0)), (Decision::Held, 12));
    let hit = asked(&evidence(1, |time| if is_in(time) { 0.5 } else { 0.0 }), 0);
    assert_eq!(told(&hit), (Decision::Broken, 1));
    assert!(hit.why.starts_with("bad events +50.0 points under the fault (") && hit.why.ends_with(", 10 are allowed"));
    // At the margin nothing is decided.
    let even = |time| if is_in(time) { FAULT_MARGIN } else { 0.0 };
    assert_eq!(told(&asked(&evidence(12, even), 11)), (Decision::Undecided, 12));
}

#[test]
fn recovery_counts() {
    let late =
        |time: i64| if is_in(time) || (time >= FIRST_MS && (time - FIRST_MS) % EACH_MS < 18_000) { 0.04 } else { 0.0 };
    let told = asked(&evidence(4, late), 3);
    assert_eq!(told.decision, Decision::Broken, "{told:?}");
    assert!(told.why.starts_with("recovered late in 4 of 4 repetitions; "), "{told:?}");
    // One that was not watched for as long as is allowed may be late.
    let mut short = evidence(4, |time| if is_in(time) { 0.02 } else { 0.0 });
    assert_eq!(asked(&short, 3).decision, Decision::Held);
    short.exposures.iter_mut().for_each(|exposure| exposure.observed_until_ms = exposure.end_ms + 2_000);
    let told = asked(&short, 3);
    assert_eq!(told.decision, Decision::Undecided, "{told:?}");
    assert!(told.why.ends_with("not watched for long enough in 4"), "{told:?}");
}

#[test]
fn nothing_is_decided_without_evidence() {
    let mut void = evidence(4, |_| 0.0);
    for exposure in &mut void.exposures[1..] {
        exposure.verified = false;
    }
    assert_eq!(asked(&void, 0).repetitions, 1, "one of four speaks");
    void.exposures[0].end_ms = void.exposures[0].start_ms;
    let told = asked(&void, 0);
    assert_eq!((told.decision, told.repetitions), (Decision::Undecided, 0));
    assert_eq!(told.why, "no repetition was verified and measured");
    let ill = asked(&evidence(4, |_| 0.5), 3);
    assert_eq!(ill.decision, Decision::Undecided);
    assert_eq!(ill.why, "availability is 0.500 without any fault, its objective is 0.9");
    let mut silent = evidence(4, |_| 0.0);
    silent.series.clear();
    assert_eq!(asked(&silent, 3).why, "no events of availability were measured without a fault");
    let none = evidence(0, |_| 0.0);
    let (hypothesis, signals) = (["other".to_owned()], [signal("availability")]);
    let question = Question {
        experiment: "slow",
        hypothesis: &hypothesis,
        evidence: &none,
        signals: &signals,
        without: &WITHOUT,
        look: 0,
    };
    assert_eq!(steady(&question).unwrap_err(), "no signal of the hypothesis is a ratio");
}

/// Twelve looks at values that scatter about the margin decide for one side as seldom as is declared, for either side.
#[test]
fn wrong_decisions_over_all_looks_are_as_seldom_as_declared() {
    const RUNS: u64 = 4_000;
    let normal = |seed: u64, n: u64| {
        let (u, v) = (uniform(seed, 2 * n).max(1e-12), uniform(seed, 2 * n + 1));
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    };
    for sd in [0.005, 0.02, 0.05] {
        let (mut held, mut broken) = (0, 0);
        for run in 0..RUNS {
            let value = |n: u64, mean: f64| mean + sd * normal(run + 1, n);
            let without: Vec<f64> = (0..8).map(|n| value(n, 0.2)).collect();
            let under: Vec<f64> = (8..20).map(|n| value(n, 0.2 + FAULT_MARGIN)).collect();
            let looks = (0..12).map(|look| compare(without.clone(), under[..=look].to_vec(), look).unwrap());
            let first = looks.map(|n| (n.diff_high <= FAULT_MARGIN, n.diff_low >= FAULT_MARGIN)).find(|d| d.0 || d.1);
            held += u64::from(first.is_some_and(|(held, _)| held));
            broken += u64::from(first.is_some_and(|(_, broken)| broken));
        }
        // Three standard errors of the count.
        let most = RUNS as f64 * LEVEL + 3.0 * (RUNS as f64 * LEVEL).sqrt();
        println!("sd {sd}: held {held}, broken {broken} of {RUNS}, at most {most:.0}");
        assert!((held as f64) <= most && (broken as f64) <= most, "sd {sd}: held {held}, broken {broken} of {RUNS}");
    }
}
