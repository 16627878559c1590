//! Stories and what is told of them: a developer who knows no statistics should recognise each.

use crate::noise::uniform;
use scorer::assess::{Assessment, Ended, Reference, assess, due_look};
use scorer::evidence::{Evidence, Phase, PhaseLabel, RawSeries};
use scorer::signal::{Dimension, Form, Margin, Selector, Signal, Tier, Worse};
use scorer::verdict::ReasonSeverity;
use scorer::{Judgement, Policy};
use std::collections::BTreeMap;
use std::fmt::Write as _;

const SAMPLES: i64 = 240;
const INTERVAL_MS: i64 = 15_000;
/// 2026-01-05 12:00:00 UTC.
const START_MS: i64 = 1_767_614_400_000;
const RUNS: u64 = 5;

/// About normal noise of a place in a run: the sum of twelve uniform numbers.
fn noise(seed: u64, i: i64) -> f64 {
    (0..12).map(|k| uniform(seed, (i as u64) * 12 + k)).sum::<f64>() - 6.0
}

/// A run: latency of three pods, memory, restarts, requests; `touch` changes the values of the candidate.
fn run(tag: &str, seed: u64, touch: impl Fn(&str, f64, i64) -> f64) -> Evidence {
    let mut evidence = Evidence::default();
    evidence.subject.tag = tag.into();
    evidence.subject.soak = format!("soak-{tag}-{seed}");
    evidence.context.interval_ms = INTERVAL_MS;
    evidence.context.versions = [("checkout".to_owned(), tag.to_owned())].into();
    evidence.context.load_per_s = Some(200.0);
    evidence.context.load_valid = Some(true);
    evidence.phases = vec![Phase {
        label: PhaseLabel::Steady,
        name: "steady".into(),
        start_ms: START_MS,
        end_ms: START_MS + SAMPLES * INTERVAL_MS,
        samples: SAMPLES as u32,
    }];
    let mut add = |name: &str, pod: &str, level: f64, spread: f64| {
        let key = pod.bytes().chain(name.bytes()).fold(seed, |a, b| a.wrapping_mul(31) + u64::from(b));
        let value = |i: i64| touch(&format!("{name}{pod}"), level + spread * noise(key, i), i);
        let labels = [("job", "checkout"), ("pod", pod)].map(|(k, v)| (k.to_owned(), v.to_owned()));
        evidence.series.push(RawSeries {
            name: name.into(),
            labels: BTreeMap::from(labels),
            times_ms: (0..SAMPLES).map(|i| START_MS + (i + 1) * INTERVAL_MS).collect(),
            values: (0..SAMPLES).map(value).collect(),
        });
    };
    for pod in ["a", "b", "c"] {
        add("latency_seconds", pod, 0.2, 0.01);
    }
    add("memory_bytes", "a", 2e8, 2e6);
    add("restarts_total", "a", 0.0, 0.0);
    add("requests_total", "a", 100.0, 2.0);
    let requests = evidence.series.last_mut().expect("it was just added");
    let mut served = 0.0;
    for value in &mut requests.values {
        served += *value * INTERVAL_MS as f64 / 1000.0;
        *value = served;
    }
    evidence
}

fn signals() -> Vec<Signal> {
    let signal = |name: &str, margin: &str, rise: Option<&str>, form: fn(Selector, Vec<String>) -> Form| Signal {
        name: name.into(),
        component: Some("checkout".into()),
        tier: Tier::Gate,
        dimension: Dimension::Performance,
        worse: Worse::Up,
        form: form(Selector::parse(name).expect("a selector"), vec!["pod".to_owned()]),
        margin: Some(Margin::parse(margin).expect("a margin")),
        rise: rise.map(|rise| Margin::parse(rise).expect("a margin")),
        objective: None,
        broken_after: 10,
    };
    let gauge = |series, group_by| Form::Gauge { series, group_by };
    vec![
        signal("latency_seconds", "10ms", None, gauge),
        signal("memory_bytes", "10MB", Some("10MB"), gauge),
        signal("restarts_total", "0.1", None, |series, group_by| Form::Count { series, group_by }),
        Signal {
            worse: Worse::Down,
            ..signal("requests_total", "2", None, |series, group_by| Form::Rate { series, per: None, group_by })
        },
    ]
}

/// Signals that a story is told by: requests only where it is about them, memory that must not shrink either.
fn signals_of(story: &str) -> Vec<Signal> {
    let mut signals = signals();
    signals.retain(|s| s.name != "requests_total" || story.starts_with("throughput"));
    signals.iter_mut().filter(|s| s.name == "memory_bytes" && story == SHRINKS).for_each(|s| s.worse = Worse::Either);
    signals
}

fn judged(candidate: &Evidence, usual: Touch, signals: &[Signal]) -> Judgement {
    let runs: Vec<Evidence> = (1..=RUNS).map(|seed| run("v1.0.0", seed, usual)).collect();
    let runs: Vec<&Evidence> = runs.iter().collect();
    let policy = Policy::new(SAMPLES as usize, SAMPLES as usize);
    assess(&Assessment {
        candidate,
        reference: Reference::Runs(&runs),
        signals,
        policy: &policy,
        look: due_look(&policy, SAMPLES as usize).expect("the programme is over"),
        ended: Ended::Programme,
        experiments: &[],
        suites: &[],
    })
}

/// Verdict and reasons, as people read them.
fn told(story: &str, candidate: &Evidence, usual: Touch) -> String {
    let judgement = judged(candidate, usual, &signals_of(story));
    let mut text = format!("{:?}\n", judgement.verdict).to_lowercase();
    for reason in &judgement.reasons {
        let mark = if reason.severity == ReasonSeverity::Error { "-" } else { "~" };
        let _ = writeln!(text, "{mark} {}", reason.text);
    }
    text
}

/// What happens to a value of a metric at a sample.
type Touch = fn(&str, f64, i64) -> f64;
/// A story: its name, and what it does to the candidate.
type Story = (&'static str, Touch);

fn season(metric: &str, value: f64, i: i64) -> f64 {
    only("latency", metric, value, value + 0.02 * (i as f64 / 38.0).sin())
}

fn only(metric: &str, name: &str, value: f64, other: f64) -> f64 {
    if name.starts_with(metric) { other } else { value }
}

/// The story of a change that is worse although the number falls, because any change is.
const SHRINKS: &str = "memory shrinks, any change is worse";

const STORIES: [Story; 12] = [
    ("slow leak", |m, v, i| only("memory", m, v, v + 3e7 * i as f64 / 240.0)),
    ("spike", |m, v, i| only("latency", m, v, v + if (150..156).contains(&i) { 0.25 } else { 0.0 })),
    ("one pod bad", |m, v, _| only("latency_secondsb", m, v, v + 0.03)),
    ("more variation", |m, v, _| only("latency", m, v, 0.2 + (v - 0.2) * 2.5)),
    ("tail only", |m, v, i| only("latency", m, v, if i * 7 % 17 == 0 { v + 0.1 } else { v })),
    ("ramp", |m, v, i| only("latency", m, v, v + 0.06 * i as f64 / 240.0)),
    ("restart loop", |m, v, i| only("restarts", m, v, (i / 2) as f64)),
    ("throughput falls", |m, v, i| only("requests", m, v, if i < 120 { v } else { v - 5.0 })),
    ("throughput falls steadily", |m, v, i| only("requests", m, v, v - 10.0 * i as f64 / 240.0)),
    (SHRINKS, |m, v, i| only("memory", m, v, v - 3e7 * i as f64 / 240.0)),
    ("season", season),
    ("nothing at all", |_, v, _| v),
];

#[test]
fn stories_are_told_as_they_are() {
    let mut text = String::new();
    for (name, touch) in STORIES {
        // A season is in every run.
        let usual: Touch = if name == "season" { season } else { |_, value, _| value };
        let candidate = run("v1.1.0", 77, touch);
        let _ = writeln!(text, "== {name}\n{}", told(name, &candidate, usual));
    }
    let mut loaded = run("v1.1.0", 77, |_, value, _| value);
    loaded.context.load_per_s = Some(260.0);
    let _ = writeln!(text, "== load differed\n{}", told("load differed", &loaded, |_, value, _| value));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/stories.txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &text).expect("the golden file can be written");
    }
    let golden = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(text, golden, "rewrite with UPDATE=1 if it is meant");
}
