//! Verdicts on whole evidence; no way from missing evidence to a pass.

use crate::noise::uniform;
use scorer::assess::{Assessment, Ended, Reference, assess, due_look};
use scorer::evidence::{
    self, CheckResult, Class, Evidence, Exposure, Finding, Outcome, Phase, PhaseLabel, RawSeries, Severity,
};
use scorer::signal::{Dimension, Form, Margin, Selector, Signal, Tier, Worse};
use scorer::{Judgement, Policy, Verdict};

const N: u32 = 60;
const FAULT_MS: i64 = 70_000;

/// Deterministic noise in [-1, 1).
fn noise(seed: u64, i: u64) -> f64 {
    2.0 * uniform(seed, i) - 1.0
}

fn raw(name: &str, extra: &[(&str, &str)], values: Vec<f64>) -> RawSeries {
    let mut labels: std::collections::BTreeMap<String, String> = [("job".to_owned(), "checkout".to_owned())].into();
    labels.extend(extra.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
    RawSeries { name: name.to_owned(), labels, times_ms: (0..values.len() as i64).map(|i| i * 1000).collect(), values }
}

fn counter(mut step: impl FnMut(u64) -> f64) -> Vec<f64> {
    let mut sum = 0.0;
    (0..100)
        .map(|i| {
            sum += step(i);
            sum
        })
        .collect()
}

fn exposure(repetition: u32) -> Exposure {
    let start_ms = FAULT_MS + i64::from(repetition - 1) * 10_000;
    Exposure {
        experiment: "payments-slow".into(),
        kind: "net.delay".into(),
        target: "payments".into(),
        repetition,
        start_ms,
        end_ms: start_ms + 4_000,
        observed_until_ms: start_ms + 10_000,
        requested: Default::default(),
        achieved: Default::default(),
        verified: true,
        ended: evidence::Ended::Completed,
        recover_within_ms: Some(5_000),
        signals: vec!["availability".into()],
        seed: 7,
        detail: None,
    }
}

/// One soak: 10 s warm-up, 60 steady samples, then faults; `slow` is the share of slow requests.
pub(crate) fn soak(tag: &str, seed: u64, slow: f64) -> Evidence {
    let mut e = Evidence::default();
    e.subject.tag = tag.into();
    e.subject.soak = format!("soak-{seed}");
    e.context.programme = "sha256:p".into();
    e.context.interval_ms = 1000;
    e.context.topology = vec!["checkout".into()];
    e.context.versions = [("checkout".to_owned(), tag.to_owned())].into();
    e.context.load_per_s = Some(200.0);
    e.context.load_valid = Some(true);
    let phase =
        |label, name: &str, start_ms, end_ms, samples| Phase { label, name: name.into(), start_ms, end_ms, samples };
    e.phases = vec![
        phase(PhaseLabel::Warmup, "warmup", 0, 10_000, 10),
        phase(PhaseLabel::Steady, "steady", 10_000, 70_000, N),
        phase(PhaseLabel::Fault, "payments-slow#1", 70_000, 74_000, 0),
        phase(PhaseLabel::Recovery, "payments-slow#1", 74_000, 80_000, 0),
    ];
    let requests = |i: u64| 200.0 + (4.0 * noise(seed, i)).round();
    let bad = |i: u64| (1.0 + noise(seed + 100, i)).round();
    let late = |i: u64| (requests(i) * slow * (1.0 + 0.3 * noise(seed + 200, i))).round();
    e.series = vec![
        raw("req", &[("code", "200")], counter(|i| requests(i) - bad(i))),
        raw("req", &[("code", "500")], counter(bad)),
        raw("dur_bucket", &[("le", "0.25")], counter(|i| requests(i) - late(i))),
        raw("dur_bucket", &[("le", "+Inf")], counter(requests)),
        raw("mem_bytes", &[], (0..100).map(|i| 5e7 + 2e5 * noise(seed + 300, i)).collect()),
    ];
    e.exposures = (1..=3).map(exposure).collect();
    e.checks = vec![CheckResult {
        class: Class::Business,
        suite: "journeys".into(),
        check: "buy".into(),
        at_ms: 20_000,
        took_ms: 3.0,
        outcome: Outcome::Ok,
        detail: None,
    }];
    e
}

fn signals() -> Vec<Signal> {
    let select = |text: &str| Selector::parse(text).expect("the selector is legal");
    let signal = |name: &str, dimension, form, margin: &str, objective| Signal {
        name: name.into(),
        component: Some("checkout".into()),
        tier: Tier::Gate,
        dimension,
        worse: Worse::Up,
        form,
        margin: Some(Margin::parse(margin).expect("the margin is legal")),
        rise: None,
        objective,
        broken_after: 10,
    };
    vec![
        signal(
            "availability",
            Dimension::Business,
            Form::Ratio { good: select(r#"req{code!~"5.."}"#), total: select("req") },
            "2pp",
            Some(0.95),
        ),
        signal(
            "latency",
            Dimension::Performance,
            Form::Latency { buckets: select("dur_bucket"), threshold_s: 0.25 },
            "3pp",
            Some(0.8),
        ),
        signal(
            "memory",
            Dimension::Performance,
            Form::Gauge { series: select("mem_bytes"), group_by: vec!["job".into()] },
            "10%",
            Some(1e8),
        ),
    ]
}

pub(crate) struct Case {
    pub(crate) candidate: Evidence,
    pub(crate) runs: Vec<Evidence>,
    pub(crate) signals: Vec<Signal>,
    pub(crate) policy: Policy,
    pub(crate) ended: Ended,
    pub(crate) first: bool,
}

pub(crate) fn case() -> Case {
    Case {
        candidate: soak("v2", 9, 0.02),
        runs: (1..=5).map(|i| soak("v1", i, 0.02)).collect(),
        signals: signals(),
        policy: Policy::new(N as usize, 20),
        ended: Ended::Programme,
        first: false,
    }
}

pub(crate) fn judged(case: &Case) -> Judgement {
    let runs: Vec<&Evidence> = case.runs.iter().collect();
    assess(&Assessment {
        candidate: &case.candidate,
        reference: if case.first { Reference::FirstTag { earlier_runs: 0 } } else { Reference::Runs(&runs) },
        signals: &case.signals,
        policy: &case.policy,
        look: N as usize,
        ended: case.ended,
        experiments: &["payments-slow".to_owned()],
        suites: &["journeys".to_owned()],
    })
}

pub(crate) fn codes(judgement: &Judgement) -> Vec<&str> {
    judgement.reasons.iter().map(|r| r.code.as_str()).collect()
}

#[test]
fn an_unchanged_tag_passes_by_baseline_and_a_first_one_by_objectives() {
    let mut case = case();
    let by_baseline = judged(&case);
    assert_eq!(by_baseline.verdict, Verdict::Pass, "{by_baseline:#?}");
    assert!(!by_baseline.provisional && by_baseline.missing.is_empty());
    case.first = true;
    let by_objectives = judged(&case);
    assert_eq!(by_objectives.verdict, Verdict::Pass, "{by_objectives:#?}");
    assert!(by_objectives.provisional && by_objectives.score.is_none());
}

#[test]
fn a_slower_tag_fails_and_says_so() {
    let mut case = case();
    case.candidate = soak("v2", 9, 0.12);
    let judgement = judged(&case);
    assert_eq!(judgement.verdict, Verdict::Fail, "{judgement:#?}");
    let first = &judgement.reasons[0];
    assert_eq!((first.code.as_str(), first.metric.as_deref()), ("worse_than_baseline", Some("latency")));
    assert!(
        first.text.contains("of requests slower than 250 ms") && first.text.contains("allowed +3 pp"),
        "{}",
        first.text
    );
}

pub(crate) fn critical() -> Finding {
    Finding {
        fingerprint: "f".into(),
        check: "exposure.git".into(),
        severity: Severity::Critical,
        component: "checkout".into(),
        title: "/.git is served".into(),
        detail: "200".into(),
        remedy: "Do not serve it.".into(),
    }
}

pub(crate) fn late_recovery(case: &mut Case) {
    for series in case.candidate.series.iter_mut().filter(|s| s.labels.get("code").is_some_and(|c| c == "500")) {
        (75..100).for_each(|i| series.values[i] += 100.0 * (i - 74) as f64);
    }
}

#[test]
fn hard_rules_fail_without_statistics() {
    let mut found = case();
    found.candidate.findings = vec![critical()];
    assert_eq!((judged(&found).verdict, codes(&judged(&found))[0]), (Verdict::Fail, "finding_open"));
    found.runs[0].findings = vec![critical()];
    assert_eq!(judged(&found).verdict, Verdict::Pass, "standing findings are debt");
    let mut broken = case();
    broken.signals[1].objective = Some(0.999);
    assert_eq!((judged(&broken).verdict, codes(&judged(&broken))[0]), (Verdict::Fail, "objective_broken"));
    let mut late = case();
    late_recovery(&mut late);
    assert!(codes(&judged(&late)).contains(&"recovery_late"), "{:#?}", judged(&late).reasons);
    assert_eq!(judged(&late).verdict, Verdict::Fail);
}

pub(crate) type Removal = (&'static str, fn(&mut Case));

const REMOVALS: &[Removal] = &[
    ("all series", |c| c.candidate.series.clear()),
    ("phases", |c| c.candidate.phases.clear()),
    ("steady phase", |c| {
        c.candidate.phases.remove(1);
    }),
    ("checks", |c| c.candidate.checks.clear()),
    ("checks not run", |c| c.candidate.checks[0].outcome = Outcome::NotRun),
    ("checks that nobody answered", |c| c.candidate.checks[0].outcome = Outcome::Unreachable),
    ("the rest of a suite", |c| {
        let ended = CheckResult {
            check: evidence::WHOLE_SUITE.into(),
            outcome: Outcome::NotRun,
            ..c.candidate.checks[0].clone()
        };
        c.candidate.checks.push(ended);
    }),
    ("exposures", |c| c.candidate.exposures.clear()),
    ("verification", |c| c.candidate.exposures.iter_mut().for_each(|e| e.verified = false)),
    ("load validity", |c| c.candidate.context.load_valid = None),
    ("load on schedule", |c| c.candidate.context.load_valid = Some(false)),
    ("interval", |c| c.candidate.context.interval_ms = 0),
    ("signals", |c| c.signals.clear()),
    ("margins and objectives", |c| c.signals.iter_mut().for_each(|s| (s.margin, s.objective) = (None, None))),
    ("gates", |c| c.signals.iter_mut().for_each(|s| s.tier = Tier::Watch)),
    ("end of the programme", |c| c.ended = Ended::Early),
    ("end of the soak", |c| c.ended = Ended::Running),
    ("half of the samples", |c| {
        c.candidate.series.iter_mut().for_each(|s| {
            s.times_ms.truncate(45);
            s.values.truncate(45);
        })
    }),
    ("every other scrape", |c| {
        c.candidate.series.iter_mut().for_each(|s| {
            let kept: Vec<usize> = (0..s.values.len()).step_by(2).collect();
            s.times_ms = kept.iter().map(|i| s.times_ms[*i]).collect();
            s.values = kept.iter().map(|i| s.values[*i]).collect();
        })
    }),
    ("values", |c| c.candidate.series.iter_mut().for_each(|s| s.values.fill(f64::NAN))),
    ("traffic", |c| c.candidate.series.iter_mut().filter(|s| s.name != "mem_bytes").for_each(|s| s.values.fill(0.0))),
];

const BASELINE_REMOVALS: &[Removal] = &[
    ("baseline runs", |c| c.runs.clear()),
    ("baseline series", |c| c.runs.iter_mut().for_each(|r| r.series.clear())),
    ("baseline values", |c| c.runs.iter_mut().for_each(|r| r.series.iter_mut().for_each(|s| s.values.fill(f64::NAN)))),
    ("baseline phases", |c| c.runs.iter_mut().for_each(|r| r.phases.clear())),
    ("baseline exposures", |c| c.runs.iter_mut().for_each(|r| r.exposures.clear())),
    ("programme digest", |c| c.candidate.context.programme.clear()),
    ("load", |c| c.candidate.context.load_per_s = None),
    ("topology", |c| c.candidate.context.topology.clear()),
    ("toggle", |c| {
        c.candidate.context.toggles.insert("new-tax".into(), "on".into());
    }),
    ("other tags", |c| c.runs.iter_mut().for_each(|r| r.subject = c.candidate.subject.clone())),
];

#[test]
fn missing_evidence_never_passes() {
    for first in [false, true] {
        let mut tried = REMOVALS.to_vec();
        if !first {
            tried.extend(BASELINE_REMOVALS);
        }
        for (what, remove) in tried {
            let mut case = Case { first, ..case() };
            remove(&mut case);
            let judgement = judged(&case);
            assert_ne!(judgement.verdict, Verdict::Pass, "without {what} (first tag: {first})");
            assert!(
                judgement.verdict == Verdict::Fail || !judgement.missing.is_empty(),
                "without {what}: {judgement:#?}"
            );
        }
        for index in 0..case().candidate.series.len() {
            // The 500s alone may be missing only because there were none; the others feed a gate.
            let mut case = Case { first, ..case() };
            if case.candidate.series[index].labels.get("code").is_some_and(|c| c == "500") {
                continue;
            }
            case.candidate.series.remove(index);
            assert_ne!(judged(&case).verdict, Verdict::Pass, "without series {index} (first tag: {first})");
        }
    }
}

#[test]
fn a_check_that_nobody_answered_did_not_look() {
    let add = |evidence: &mut Evidence, check: &str, outcome| {
        let result = CheckResult { check: check.into(), outcome, ..evidence.checks[0].clone() };
        evidence.checks.push(result);
    };
    // A journey may find nobody while a fault is in: once is enough.
    let mut hurt = case();
    hurt.runs.iter_mut().for_each(|run| add(run, "pay", Outcome::Ok));
    for outcome in [Outcome::Unreachable, Outcome::Wrong, Outcome::Unreachable] {
        add(&mut hurt.candidate, "pay", outcome);
    }
    assert_eq!(judged(&hurt).verdict, Verdict::Pass, "{:#?}", judged(&hurt).missing);
    let mut blind = case();
    blind.runs.iter_mut().for_each(|run| add(run, "pay", Outcome::Ok));
    add(&mut blind.candidate, "pay", Outcome::Unreachable);
    let judgement = judged(&blind);
    assert_eq!((judgement.verdict, codes(&judgement)[0]), (Verdict::Insufficient, "coverage"), "{judgement:#?}");
    assert_eq!(judgement.missing, ["suite journeys: pay (unreachable) did not run"]);
    // What never looked in the baseline is not asked for here.
    let mut never = case();
    never.runs.iter_mut().for_each(|run| add(run, "pay", Outcome::Unreachable));
    assert_eq!(judged(&never).verdict, Verdict::Pass);
    let mut dead = case();
    dead.candidate.checks[0].outcome = Outcome::Unreachable;
    assert_eq!(codes(&judged(&dead))[0], "no_evidence");
    assert_eq!(judged(&dead).missing, ["suite journeys: nobody answered"]);
}

#[test]
fn looks_double_and_end_with_the_programme() {
    let policy = Policy { extensions: 1, ..Policy::new(60, 20) };
    let due: Vec<_> = [0, 19, 20, 39, 40, 59, 60, 89, 90].iter().map(|n| due_look(&policy, *n)).collect();
    assert_eq!(due, [None, None, Some(20), Some(20), Some(40), Some(40), Some(60), Some(60), Some(90)]);
}

#[test]
fn counter_restarts_change_nothing() {
    let whole = case();
    let mut restarted = case();
    for evidence in std::iter::once(&mut restarted.candidate).chain(&mut restarted.runs) {
        for (s, series) in evidence.series.iter_mut().enumerate().filter(|(_, s)| s.name != "mem_bytes") {
            // The process ends right after a scrape and counts from zero, twice in a run.
            for at in [25 + s, 60 + s] {
                let before = series.values[at - 1];
                series.values[at..].iter_mut().for_each(|v| *v -= before);
            }
        }
    }
    // A reset is seen where a counter falls; where it rises past its old value nobody can know.
    let falls = |e: &Evidence| e.series.iter().all(|s| s.name == "mem_bytes" || s.values[30] < s.values[20]);
    assert!(falls(&restarted.candidate));
    let (want, got) = (judged(&whole), judged(&restarted));
    assert_eq!(want.verdict, got.verdict);
    let close =
        |a: Option<f64>, b: Option<f64>| a.zip(b).is_some_and(|(a, b)| (a - b).abs() <= 1e-9 * a.abs().max(1e-300));
    assert!(close(want.tag_p, got.tag_p) && close(want.score_low, got.score_low), "{want:#?}\n{got:#?}");
}
