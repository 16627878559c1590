//! A product's life in a store: a tag of every verdict, one that is being soaked, one that nobody soaks.

use crate::given::{at, landscape, soak, verdict};
use chrono::{DateTime, TimeDelta, Utc};
use gate_api::facts::*;
use gate_api::store::Act;
use gate_api::{GateStore, SqliteStore};
use scorer::evidence::PhaseLabel;
use scorer::signal::{Dimension, Tier, Worse};
use scorer::verdict::{Basis, DimensionScore, MetricReport, Reason, ReasonSeverity, Verdict};
use std::collections::BTreeMap;

/// A store with the story, in a folder that lasts as long as the value.
pub struct Story {
    pub store: std::sync::Arc<SqliteStore>,
    _folder: tempfile::TempDir,
}

/// The tags, oldest first, with the verdict of each.
pub const TAGS: [(&str, Verdict); 5] = [
    ("v1.0.0", Verdict::Pass),
    ("v1.1.0", Verdict::Pass),
    ("v1.1.1", Verdict::Fail),
    ("v1.2.0", Verdict::Insufficient),
    ("v1.3.0", Verdict::None),
];

/// The tag whose soak runs.
pub const RUNNING: &str = "v1.2.1";

const ACT: fn(DateTime<Utc>) -> Act<'static> = |at| Act { by: "worker", at };

/// Tells the story so that its last soak runs now.
pub fn told(now: DateTime<Utc>) -> Story {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("store.db")).unwrap();
    let shift = now - at(600);
    let mut place = landscape();
    place.deployed = Deployed::Tag { tag: RUNNING.into(), observed_since: now - TimeDelta::seconds(10), halted: false };
    store.put_landscape(&place, ACT(now)).unwrap();
    for (i, (tag, verdict)) in TAGS.into_iter().enumerate() {
        put_tag(&store, tag, at(100 * i as i64) + shift);
        match verdict {
            Verdict::None => not_deployable(&store, tag, shift),
            _ => judged(&store, (tag, verdict), 100 * i as i64, shift),
        }
    }
    put_tag(&store, RUNNING, at(580) + shift);
    running(&store, now);
    put_tag(&store, "v1.2.2", at(590) + shift);
    let schedule = Schedule::Never { why: "no trigger matches a patch".into() };
    let (product, landscape) = ("shop".to_owned(), "staging".to_owned());
    store.put_schedule(&ScheduleFact { product, landscape, tag: "v1.2.2".into(), schedule }, ACT(now)).unwrap();
    Story { store: std::sync::Arc::new(store), _folder: folder }
}

/// Commit of a tag.
pub fn commit(tag: &str) -> String {
    format!("{:0>40}", tag.replace(['v', '.'], ""))
}

fn put_tag(store: &SqliteStore, tag: &str, tagged_at: DateTime<Utc>) {
    let fact = TagFact { tag: tag.into(), commit: commit(tag), tagged_at, ..crate::given::tag() };
    store.put_tag(&fact, ACT(tagged_at)).unwrap();
}

fn running(store: &SqliteStore, now: DateTime<Utc>) {
    let look = Look {
        samples: 20,
        verdict: Verdict::Insufficient,
        score: Some(88.2),
        score_low: Some(61.0),
        score_high: Some(99.1),
    };
    let state = SoakState::Running(Running {
        phase: "steady".into(),
        progress: 0.55,
        missing: vec!["27 of 60 samples".into()],
        eta: Some(now + TimeDelta::seconds(74)),
        look: Some(look),
    });
    let fact = SoakFact {
        tag: RUNNING.into(),
        commit: commit(RUNNING),
        requested_at: now - TimeDelta::minutes(2),
        observed_since: Some(now - TimeDelta::minutes(1)),
        triggered: Some("a new minor version".into()),
        state,
        updated_at: now,
        ..soak("soak-running", 0, None)
    };
    store.put_soak(&fact, ACT(now)).unwrap();
}

fn not_deployable(store: &SqliteStore, tag: &str, shift: TimeDelta) {
    let mut fact = shifted(soak("soak-v1.3.0", 400, Some(Outcome::NotDeployable)), shift);
    (fact.tag, fact.commit) = (tag.into(), commit(tag));
    if let SoakState::Ended(ended) = &mut fact.state {
        ended.detail = Some("checkout did not become healthy within 30 s; last line: no such column `tax`".into());
    }
    store.put_soak(&fact, ACT(fact.updated_at)).unwrap();
}

fn shifted(fact: SoakFact, shift: TimeDelta) -> SoakFact {
    let state = match fact.state {
        SoakState::Ended(ended) => SoakState::Ended(Ended { at: ended.at + shift, superseded_by: None, ..ended }),
        other => other,
    };
    SoakFact {
        requested_at: fact.requested_at + shift,
        observed_since: fact.observed_since.map(|t| t + shift),
        updated_at: fact.updated_at + shift,
        state,
        ..fact
    }
}

fn judged(store: &SqliteStore, (tag, outcome): (&str, Verdict), minute: i64, shift: TimeDelta) {
    let id = format!("soak-{tag}");
    let mut fact = shifted(soak(&id, minute, Some(Outcome::Done)), shift);
    (fact.tag, fact.commit) = (tag.into(), commit(tag));
    store.put_soak(&fact, ACT(fact.updated_at)).unwrap();
    let mut record = verdict(&id, minute, outcome);
    (record.tag, record.commit) = (tag.into(), commit(tag));
    record.evaluated_at += shift;
    record.valid_until += shift;
    record.classes.values_mut().for_each(|t| *t += shift);
    record.evidence[0].digest = "sha256:4f6b2f4cf2b1a3f5c0a5b8d7e9f00112233445566778899aabbccddeeff00112".into();
    spoken(&mut record, (tag, outcome));
    store.put_verdict(&record, ACT(record.evaluated_at)).unwrap();
    store.put_page(&page(&id, tag, outcome)).unwrap();
}

/// What the judge said about a tag of that verdict.
fn spoken(record: &mut VerdictRecord, (tag, verdict): (&str, Verdict)) {
    let judged = &mut record.judgement;
    judged.metrics = metrics(verdict);
    let dimension = |dimension, score, low, high| DimensionScore { dimension, score, low, high };
    let scores = match verdict {
        Verdict::Pass => [96.4, 90.9, 99.0],
        Verdict::Fail => [12.4, 3.0, 31.0],
        Verdict::Insufficient | Verdict::None => [84.0, 52.0, 98.0],
    };
    [judged.score, judged.score_low, judged.score_high] = scores.map(Some);
    judged.dimensions = vec![
        dimension(Dimension::Business, 98.0, 93.1, 100.0),
        dimension(Dimension::Performance, scores[0], scores[1], scores[2]),
        dimension(Dimension::Resilience, 97.0, 88.0, 100.0),
    ];
    judged.reasons = reasons(verdict);
    judged.tag_p = Some(if verdict == Verdict::Fail { 3.1e-9 } else { 0.42 });
    record.sentence = match verdict {
        Verdict::Pass => "stable: watched 2.1 min under load and 3 faults".into(),
        Verdict::Fail => "worse: load-latency: 5.8 % of requests slower than 250 ms, 2.1 % before (+3.7 pp, limits +2.9 pp to +4.5 pp); allowed +2 pp. (watched 2.1 min under load and 3 faults)".into(),
        Verdict::Insufficient | Verdict::None => {
            judged.missing = vec!["memory{job=checkout}: needs 40 more samples".into()];
            "not decided: memory{job=checkout}: 41.2 MB, 39.8 MB before; its score is at least 52, 85 is needed. (watched 2.1 min under load and 3 faults)".into()
        }
    };
    if tag == "v1.0.0" {
        judged.basis = Basis::Objectives;
        (judged.score, judged.score_low, judged.score_high, judged.tag_p) = (None, None, None, None);
        (judged.metrics, judged.dimensions, judged.baseline_runs) = (vec![], vec![], 0);
    }
}

fn reasons(verdict: Verdict) -> Vec<Reason> {
    let reason = |code: &str, severity, text: &str, (observed, wanted): (&str, &str)| Reason {
        code: code.into(),
        severity,
        text: text.into(),
        observed: observed.into(),
        wanted: wanted.into(),
        metric: Some("load-latency".into()),
        component: Some("checkout".into()),
        dimension: Some(Dimension::Performance),
    };
    match verdict {
        Verdict::Pass => vec![reason(
            "score_met",
            ReasonSeverity::Info,
            "Shown not worse than its baseline: score at least 90.9, 85 is needed.",
            ("90.9", "85"),
        )],
        Verdict::Fail => vec![
            reason(
                "worse_than_baseline",
                ReasonSeverity::Error,
                "load-latency: 5.8 % of requests slower than 250 ms, 2.1 % before (+3.7 pp, limits +2.9 pp to +4.5 pp); allowed +2 pp.",
                ("+3.7 pp", "at most +2 pp"),
            ),
            reason(
                "worse_than_baseline",
                ReasonSeverity::Error,
                "memory{job=checkout}: 58.4 MB, 39.8 MB before (+18.6 MB, limits +17 MB to +20 MB); allowed +3.98 MB.",
                ("+18.6 MB", "at most +3.98 MB"),
            ),
        ],
        Verdict::Insufficient | Verdict::None => vec![
            reason(
                "score_below",
                ReasonSeverity::Error,
                "memory{job=checkout}: 41.2 MB, 39.8 MB before; its score is at least 52, 85 is needed.",
                ("52", "85"),
            ),
            reason(
                "new_metric",
                ReasonSeverity::Info,
                "cache is new: no baseline run has it, so it only watches.",
                ("new", "known"),
            ),
        ],
    }
}

/// Name, unit, level, noise, margin of the gate metrics.
const GATE: [(&str, &str, f64, f64, f64); 4] = [
    ("load-latency", "share", 0.021, 0.008, 0.02),
    ("load-success", "share", 0.004, 0.003, 0.01),
    ("memory{job=checkout}", "bytes", 39.8e6, 0.5e6, 3.98e6),
    ("throughput", "/s", 300.0, 4.0, 15.0),
];

fn worsened(name: &str, verdict: Verdict) -> f64 {
    match (verdict, name) {
        (Verdict::Fail, "load-latency") => 0.037,
        (Verdict::Fail, "memory{job=checkout}") => 18.6e6,
        (Verdict::Insufficient, "memory{job=checkout}") => 1.4e6,
        _ => 0.0,
    }
}

fn metrics(verdict: Verdict) -> Vec<MetricReport> {
    let gate = GATE.into_iter().map(|(name, unit, _, noise, margin)| {
        let effect = worsened(name, verdict);
        let worse = effect > margin;
        MetricReport {
            effect: Some(effect),
            worse,
            score: if worse { 12.4 } else { 97.0 },
            score_low: if worse {
                3.0
            } else if effect > 0.0 {
                52.0
            } else {
                91.0
            },
            effect_low: Some(effect - noise * 0.4),
            effect_high: Some(effect + noise * 0.4),
            ..report((name, unit, margin), Tier::Gate)
        }
    });
    let watch = [("cpu{job=checkout}", "/s", 0.02), ("restarts{job=checkout}", "/sample", 0.1)];
    gate.chain(watch.into_iter().map(|metric| report(metric, Tier::Watch))).collect()
}

fn report((name, unit, margin): (&str, &str, f64), tier: Tier) -> MetricReport {
    MetricReport {
        name: name.into(),
        component: None,
        tier,
        dimension: Dimension::Performance,
        unit: unit.into(),
        effect: Some(margin / 10.0),
        effect_low: Some(-margin / 5.0),
        effect_high: Some(margin / 3.0),
        margin,
        score: 97.0,
        score_low: 91.0,
        score_high: 99.0,
        p_fail: 0.4,
        p_peak: 0.5,
        p_pass: 0.001,
        worse: false,
        change: None,
        evidence_share: 0.0,
        tag_p_without: None,
        smallest_change: None,
        n: 60,
        n_eff: 31.0,
        n_star: Some(42.0),
        flags: vec![],
    }
}

/// Deterministic noise in [-1, 1).
fn noise(seed: u64, i: u64) -> f64 {
    let mut x = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ i.wrapping_mul(0xD1B5_4A32_D192_ED03);
    x = (x ^ (x >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((x ^ (x >> 31)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

/// What the page of such a soak draws: warm-up 5 s, steady 60 s, three faults of 8 s with 8 s of rest.
pub fn page(soak: &str, tag: &str, verdict: Verdict) -> PageData {
    let window = |label, name: &str, from_s: f64, to_s: f64| PagePhase { label, name: name.into(), from_s, to_s };
    let mut phases =
        vec![window(PhaseLabel::Warmup, "warmup", 0.0, 5.0), window(PhaseLabel::Steady, "steady", 5.0, 65.0)];
    let mut faults = Vec::new();
    for i in 0..3_u32 {
        let (from_s, name) = (65.0 + 16.0 * f64::from(i), format!("payments-slow#{}", i + 1));
        phases.push(window(PhaseLabel::Fault, &name, from_s, from_s + 8.0));
        phases.push(window(PhaseLabel::Recovery, &name, from_s + 8.0, from_s + 16.0));
        faults.push(fault(i + 1, from_s));
    }
    PageData {
        soak: soak.into(),
        product: "shop".into(),
        landscape: "staging".into(),
        tag: tag.into(),
        started_at: at(0),
        length_s: 113.0,
        phases,
        faults,
        charts: GATE.into_iter().map(|metric| chart(metric, verdict)).collect(),
        charts_left_out: 0,
        baseline: vec![PageRun { tag: "v1.0.0".into(), soak: "soak-v1.0.0".into(), evidence: "sha256:aa".into() }],
        note: Some(format!("# shop {tag}\n\nWhat changed <b>in words</b>.\n")),
    }
}

fn fault(repetition: u32, from_s: f64) -> PageFault {
    PageFault {
        experiment: "payments-slow".into(),
        kind: "net.delay".into(),
        target: "payments".into(),
        repetition,
        from_s: from_s + 0.3,
        to_s: from_s + 8.1,
        requested: BTreeMap::from([("delay".into(), "400ms".into())]),
        achieved: BTreeMap::from([("delay_ms_p50".into(), 401.5)]),
        verified: true,
        ended: "held as planned, undone".into(),
        recovered_after_s: Some(1.0),
        watched_s: 8.0,
        recover_within_s: Some(5.0),
        detail: None,
    }
}

fn chart((name, unit, level, spread, margin): (&str, &str, f64, f64, f64), verdict: Verdict) -> PageChart {
    let seed = name.len() as u64;
    let faulty = |s: f64| s >= 65.0 && (s - 65.0) % 16.0 < 8.0;
    let at_s: Vec<f64> = (0..113).map(|i| f64::from(i) + 0.5).collect();
    let bump = |s: f64| if faulty(s) && unit == "share" { spread * 6.0 } else { 0.0 };
    let value = |i: usize, s: f64| {
        let drift = if unit == "bytes" { s / 113.0 } else { 1.0 };
        level + bump(s) + worsened(name, verdict) * drift + spread * 0.5 * noise(seed, i as u64)
    };
    let points = || at_s.iter().copied().enumerate();
    let worse = if unit == "/s" { Worse::Down } else { Worse::Up };
    PageChart {
        metric: name.into(),
        unit: unit.into(),
        worse,
        bound_s: (name == "load-latency").then_some(0.25),
        values: points().map(|(i, s)| (i != 30).then(|| value(i, s).max(0.0))).collect(),
        low: points()
            .map(|(i, s)| Some((level + bump(s) - spread * (0.7 + 0.3 * noise(seed + 1, i as u64))).max(0.0)))
            .collect(),
        high: points().map(|(i, s)| Some(level + bump(s) + spread * (0.7 + 0.3 * noise(seed + 2, i as u64)))).collect(),
        at_s,
        allowed: Some(if worse == Worse::Down { level - margin } else { level + margin }),
        objective: (name == "load-success").then_some(0.01),
    }
}
