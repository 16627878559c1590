//! Hypotheses of experiments, decided by repetitions against the same tag without a fault.

use crate::noise::uniform;
use scorer::evidence::{Ended, Evidence, Exposure, RawSeries};
use scorer::hypothesis::{Decision, LEAST, LEVEL, Question, Standing, compare, standing, steady};
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

/// The same without a limit of the recovery.
fn unlimited(repetitions: u32, bad: impl Fn(i64) -> f64) -> Evidence {
    let mut evidence = evidence(repetitions, bad);
    evidence.exposures.iter_mut().for_each(|exposure| exposure.recover_within_ms = None);
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
    let held = asked(&unlimited(3, quiet), 0);
    assert_eq!(told(&held), (Decision::Held, 3), "{held:?}");
    assert!(held.why.ends_with("; harm in less than 63 % of repetitions is not excluded"), "{held:?}");
    // Seven points are allowed; three repetitions are too few to show that they are not more than ten.
    let felt = |time| if is_in(time) { 0.07 } else { 0.0 };
    assert_eq!(told(&asked(&unlimited(3, felt), 0)), (Decision::Undecided, 3));
    assert_eq!(told(&asked(&unlimited(12, felt), 0)), (Decision::Held, 12));
    let half = |time| if is_in(time) { 0.5 } else { 0.0 };
    assert_eq!(told(&asked(&unlimited(2, half), 0)), (Decision::Undecided, LEAST - 1));
    let hit = asked(&unlimited(3, half), 0);
    assert_eq!(told(&hit), (Decision::Broken, LEAST));
    assert!(hit.why.starts_with("bad events +50.0 points under the fault (") && hit.why.ends_with(", 10 are allowed"));
    // At the margin nothing is decided.
    let even = |time| if is_in(time) { FAULT_MARGIN } else { 0.0 };
    assert_eq!(told(&asked(&unlimited(12, even), 9)), (Decision::Undecided, 12));
}

#[test]
fn recovery_counts() {
    let late =
        |time: i64| if is_in(time) || (time >= FIRST_MS && (time - FIRST_MS) % EACH_MS < 18_000) { 0.04 } else { 0.0 };
    let told = asked(&evidence(6, late), 0);
    assert_eq!(told.decision, Decision::Broken, "{told:?}");
    assert!(told.why.starts_with("recovered late in 6 of 6 repetitions; "), "{told:?}");
    // Five of five are so by chance as often as a first look allows for one side (1/32 > 0.025), and more at a later one.
    for (repetitions, look) in [(5, 0), (6, 1)] {
        let told = asked(&evidence(repetitions, late), look);
        assert_eq!(told.decision, Decision::Undecided, "{told:?}");
    }
    // One that was not watched for as long as is allowed may be late.
    let mut short = evidence(6, |time| if is_in(time) { 0.02 } else { 0.0 });
    assert_eq!(asked(&short, 0).decision, Decision::Held);
    assert_eq!(asked(&short, 1).decision, Decision::Undecided);
    short.exposures.iter_mut().for_each(|exposure| exposure.observed_until_ms = exposure.end_ms + 2_000);
    let told = asked(&short, 0);
    assert_eq!(told.decision, Decision::Undecided, "{told:?}");
    assert!(told.why.ends_with("not watched for long enough in 6"), "{told:?}");
}

#[test]
fn nothing_is_decided_without_evidence() {
    let mut void = evidence(4, |_| 0.0);
    for exposure in &mut void.exposures[1..] {
        exposure.verified = false;
    }
    assert_eq!(asked(&void, 0).repetitions, 1, "one of four speaks");
    void.exposures[0].ended = Ended::Aborted;
    assert_eq!(asked(&void, 0).repetitions, 0, "it was cut short");
    void.exposures[0].ended = Ended::Completed;
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
    let gauge = Form::Gauge { series: Selector::default(), group_by: Vec::new() };
    let signals = [signal("availability"), Signal { form: gauge, ..signal("memory") }];
    let why = |names: &[&str]| {
        let hypothesis: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let (experiment, hypothesis, evidence) = ("slow", &hypothesis[..], &none);
        steady(&Question { experiment, hypothesis, evidence, signals: &signals, without: &WITHOUT, look: 0 })
    };
    assert!(why(&["availability"]).is_ok());
    assert_eq!(why(&["availability", "other"]).unwrap_err(), "other is not declared");
    assert_eq!(why(&["availability", "memory"]).unwrap_err(), "memory is no share of good events");
    assert_eq!(why(&[]).unwrap_err(), "the hypothesis names no signal");
}

/// A latency within a bound is a share of good events like another.
#[test]
fn a_latency_decides_as_well() {
    let select = Selector { name: "answers".into(), matchers: Vec::new() };
    let of = Signal { form: Form::Latency { buckets: select, threshold_s: 0.2 }, ..signal("availability") };
    let ask = |bad: f64| {
        let mut evidence = unlimited(3, |time| if is_in(time) { bad } else { 0.0 });
        for (series, bound) in evidence.series.iter_mut().zip(["+Inf", "0.25"]) {
            series.name = "answers".into();
            series.labels.insert("le".into(), bound.into());
        }
        let (hypothesis, signals) = (["availability".to_owned()], [of.clone()]);
        let (experiment, hypothesis, evidence) = ("slow", &hypothesis[..], &evidence);
        standing(&Question { experiment, hypothesis, evidence, signals: &signals, without: &WITHOUT, look: 0 })
    };
    assert_eq!(ask(0.01).decision, Decision::Held, "{:?}", ask(0.01));
    assert_eq!(ask(0.5).decision, Decision::Broken, "{:?}", ask(0.5));
}

const RUNS: u64 = 4_000;

/// Runs of [`RUNS`] that are held and that are broken after 3 to 12 repetitions, of values drawn by run and number.
fn decided(value: impl Fn(u64, u64, bool) -> f64) -> (u64, u64) {
    let (mut held, mut broken) = (0, 0);
    for run in 1..=RUNS {
        let without: Vec<f64> = (0..8).map(|n| value(run, n, false)).collect();
        let under: Vec<f64> = (8..20).map(|n| value(run, n, true)).collect();
        let looks =
            (0..=under.len() - LEAST).map(|look| compare(&without, &under[..LEAST + look], look).expect("values"));
        let first = looks.map(|of| (of.high <= FAULT_MARGIN, of.low >= FAULT_MARGIN)).find(|of| of.0 || of.1);
        held += u64::from(first.is_some_and(|(held, _)| held));
        broken += u64::from(first.is_some_and(|(_, broken)| broken));
    }
    (held, broken)
}

/// Most of [`RUNS`] at a chance, with three standard errors of the count.
fn at_most(chance: f64) -> f64 {
    let runs = RUNS as f64;
    runs * chance + 3.0 * (runs * chance * (1.0 - chance)).sqrt()
}

/// Looks at values that scatter about the margin decide for one side as seldom as is declared, for either side, also
/// where nothing scatters without the fault.
#[test]
fn wrong_decisions_over_all_looks_are_as_seldom_as_declared() {
    let normal = |seed: u64, n: u64| {
        let (u, v) = (uniform(seed, 2 * n).max(1e-12), uniform(seed, 2 * n + 1));
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    };
    for (sd_without, sd_under) in [(0.005, 0.005), (0.02, 0.02), (0.05, 0.05), (0.0, 0.02), (0.0, 0.05), (0.0, 0.1)] {
        let (held, broken) = decided(|run, n, under| {
            let (mean, sd) = if under { (0.3 + FAULT_MARGIN, sd_under) } else { (0.3, sd_without) };
            mean + sd * normal(run, n)
        });
        let most = at_most(LEVEL);
        println!("sd {sd_without} and {sd_under}: held {held}, broken {broken} of {RUNS}, at most {most:.0}");
        assert!((held as f64) <= most && (broken as f64) <= most, "sd {sd_without} and {sd_under}: {held}, {broken}");
    }
}

/// A fault that hurts some repetitions and not the others, at the margin on average: beyond what is declared only the
/// runs are decided whose first repetitions are all alike, of which no test can know better.
#[test]
fn a_fault_that_hurts_rarely_is_decided_only_where_the_first_repetitions_are_alike() {
    for chance in [0.2, 0.5, 0.8] {
        let harm = FAULT_MARGIN / chance;
        let (held, broken) = decided(|run, n, under| if under && uniform(run, n) < chance { harm } else { 0.0 });
        let alike = |chance: f64| at_most(LEVEL + chance.powi(LEAST as i32));
        let most = (alike(1.0 - chance), alike(chance));
        println!("harm {harm:.3} in {chance}: held {held}, broken {broken} of {RUNS}, at most {most:.0?}");
        assert!(held as f64 <= most.0 && broken as f64 <= most.1, "harm in {chance}: held {held}, broken {broken}");
    }
}
