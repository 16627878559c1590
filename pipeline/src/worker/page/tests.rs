//! Pages from whole evidence: what is drawn is what was judged.

use super::*;
use crate::changelog::Changelog;
use crate::report::SoakOutcome;
use gate_api::facts::page::POINTS_MAX;
use scorer::assess::{self, Assessment, Reference, assess, formed};
use scorer::evidence::{Phase, RawSeries};
use scorer::signal::{Dimension, Form, Margin, Selector};
use scorer::{Policy, Verdict};

const N: u32 = 60;

/// Deterministic noise in [-1, 1).
fn noise(seed: u64, i: u64) -> f64 {
    let mut x = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ i.wrapping_mul(0xD1B5_4A32_D192_ED03);
    x = (x ^ (x >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((x ^ (x >> 31)) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

fn raw(name: &str, labels: &[(&str, &str)], values: Vec<f64>) -> RawSeries {
    let labels = labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let times_ms = (0..values.len() as i64).map(|i| i * 1000).collect();
    RawSeries { name: name.to_owned(), labels, times_ms, values }
}

/// One soak: 10 s warm-up, 60 steady samples, one fault of 4 s that spoils half of the answers, 8 s of rest.
fn soak(tag: &str, seed: u64, memory: f64) -> Evidence {
    let mut e = Evidence::default();
    (e.subject.tag, e.subject.soak, e.subject.attempt) = (tag.into(), format!("soak-{seed}"), 1);
    e.context.programme = "sha256:p".into();
    e.context.interval_ms = 1000;
    e.context.topology = vec!["checkout".into()];
    let phase =
        |label, name: &str, start_ms, end_ms, samples| Phase { label, name: name.into(), start_ms, end_ms, samples };
    e.phases = vec![
        phase(PhaseLabel::Warmup, "warmup", 0, 10_000, 10),
        phase(PhaseLabel::Steady, "steady", 10_000, 70_000, N),
        phase(PhaseLabel::Fault, "payments-slow#1", 70_000, 74_000, 0),
        phase(PhaseLabel::Recovery, "payments-slow#1", 74_000, 82_000, 0),
    ];
    let (mut all, mut good) = (0.0, 0.0);
    let (mut alls, mut goods, mut bytes) = (vec![], vec![], vec![]);
    for i in 0..=82_u64 {
        let bad = if (71..=74).contains(&i) { 100.0 } else { 1.0 + noise(seed, i).round() };
        (all, good) = (all + 200.0, good + 200.0 - bad);
        alls.push(all);
        goods.push(good);
        bytes.push(memory * (1.0 + 0.01 * noise(seed + 50, i)));
    }
    let job = [("job", "checkout")];
    let started = raw("process_start_time_seconds", &job, vec![-10.0; 83]);
    e.series =
        vec![raw("all_total", &job, alls), raw("good_total", &job, goods), raw("memory_bytes", &job, bytes), started];
    e.exposures = vec![Exposure {
        experiment: "payments-slow".into(),
        kind: "net.delay".into(),
        target: "payments".into(),
        repetition: 1,
        start_ms: 70_000,
        end_ms: 74_000,
        observed_until_ms: 82_000,
        requested: BTreeMap::from([("delay".into(), "400ms".into())]),
        achieved: BTreeMap::from([("delay_ms_p50".into(), 401.234_567_89), ("odd".into(), f64::NAN)]),
        verified: true,
        ended: Ended::Completed,
        recover_within_ms: Some(5000),
        signals: vec!["success".into()],
        seed: 7,
        detail: None,
    }];
    e
}

fn signals() -> Vec<Signal> {
    let select = |name: &str| Selector { name: name.to_owned(), matchers: vec![] };
    let signal = |name: &str, form, margin, worse| Signal {
        name: name.into(),
        component: None,
        tier: Tier::Gate,
        dimension: Dimension::Performance,
        worse,
        form,
        margin: Some(margin),
        rise: None,
        objective: None,
        broken_after: 10,
    };
    let ratio = Form::Ratio { good: select("good_total"), total: select("all_total") };
    let memory = Form::Gauge { series: select("memory_bytes"), group_by: vec!["job".into()] };
    let rate = Form::Rate { series: select("all_total"), per: None, group_by: vec![] };
    vec![
        Signal { objective: Some(0.99), ..signal("success", ratio, Margin::Absolute(0.01), Worse::Down) },
        signal("memory", memory, Margin::Relative(0.1), Worse::Up),
        Signal { tier: Tier::Watch, ..signal("requests", rate, Margin::Relative(0.05), Worse::Down) },
    ]
}

fn report(candidate: &Evidence, baseline: &[Evidence]) -> Report {
    let runs: Vec<&Evidence> = baseline.iter().collect();
    let policy = Policy::new(N as usize, 20);
    let judgement = assess(&Assessment {
        candidate,
        reference: Reference::Runs(&runs),
        signals: &signals(),
        policy: &policy,
        look: N as usize,
        ended: assess::Ended::Programme,
        experiments: &["payments-slow".to_owned()],
        suites: &[],
    });
    let now = chrono::DateTime::UNIX_EPOCH;
    Report {
        api_version: crate::report::API_VERSION.into(),
        kind: "Report".into(),
        product: "shop".into(),
        tag: candidate.subject.tag.clone(),
        commit: "9f3c".into(),
        landscape: "staging".into(),
        cluster: "a".into(),
        soak: candidate.subject.soak.clone(),
        attempt: 1,
        outcome: SoakOutcome::Done,
        outcome_detail: None,
        verdict: judgement.verdict,
        judgement: Some(judgement),
        started_at: now,
        ended_at: now,
        phases: vec![],
        classes: vec![],
        exposures: candidate.exposures.clone(),
        policy_digest: "sha256:q".into(),
        programme_digest: "sha256:p".into(),
        toggles: BTreeMap::new(),
        risk: None,
        overrides: vec![],
        evidence: vec![],
        valid_until: None,
        against: vec!["v1.0.0".into()],
        way_back: None,
        method: scorer::METHOD.into(),
        changelog: Changelog::unknown("shop", &candidate.subject.tag),
        terms: None,
    }
}

fn drawn(candidate: &Evidence, baseline: &[Evidence]) -> PageData {
    let plan: Vec<BaselineRun> = baseline
        .iter()
        .map(|run| BaselineRun {
            soak: run.subject.soak.clone(),
            tag: run.subject.tag.clone(),
            evidence: format!("sha256:{}", run.subject.soak),
        })
        .collect();
    let report = report(candidate, baseline);
    page(&Material { candidate, baseline, plan: &plan, signals: &signals(), report: &report })
}

fn runs() -> Vec<Evidence> {
    (1..=3).map(|i| soak("v1.0.0", i, 40e6)).collect()
}

#[test]
fn what_is_drawn_is_what_was_judged() {
    let candidate = soak("v1.1.0", 9, 60e6);
    let page = drawn(&candidate, &runs());
    let names: Vec<&str> = page.charts.iter().map(|c| c.metric.as_str()).collect();
    assert_eq!(names, ["memory{job=checkout}", "success"], "judged worse first; what only watches has no chart");
    for (_, metric) in formed(&signals(), &candidate) {
        let Some(chart) = page.charts.iter().find(|c| c.metric == metric.name) else { continue };
        // Ten samples of warm-up come before the judged ones.
        let steady: Vec<Option<f64>> = chart.values[10..10 + N as usize].to_vec();
        let judged: Vec<Option<f64>> = (0..N as usize).map(|i| Some(rounded(metric.value(i)))).collect();
        assert_eq!(steady, judged, "{}", metric.name);
        assert_eq!(chart.at_s[10..13], [10.5, 11.5, 12.5]);
    }
    let memory = &page.charts[0];
    assert_eq!((memory.unit.as_str(), memory.values.len()), ("bytes", 82));
    let allowed = memory.allowed.unwrap();
    assert!((43.5e6..44.5e6).contains(&allowed), "about 40 MB and a tenth: {allowed}");
    assert_eq!(page.charts[1].objective, Some(0.01), "drawn as bad events");
}

#[test]
fn the_band_is_the_span_of_the_comparable_runs() {
    let candidate = soak("v1.1.0", 9, 40e6);
    let mut all = runs();
    let mut foreign = soak("v0.9.0", 20, 900e6);
    foreign.context.programme = "sha256:another".into();
    all.push(foreign);
    all.push(soak("v1.1.0", 21, 900e6));
    all.push(all[0].clone());
    let page = drawn(&candidate, &all);
    let soaks: Vec<&str> = page.baseline.iter().map(|r| r.soak.as_str()).collect();
    assert_eq!(soaks, ["soak-1", "soak-2", "soak-3"], "not another programme, not its own tag, not twice");
    let memory = page.charts.iter().find(|c| c.metric.starts_with("memory")).unwrap();
    let at = |seed: u64| 40e6 * (1.0 + 0.01 * noise(seed + 50, 30));
    let (low, high) = (at(1).min(at(2)).min(at(3)), at(1).max(at(2)).max(at(3)));
    // The scrape at 30 s closes the sample that ends there, the twentieth of the steady phase.
    assert_eq!((memory.low[29], memory.high[29]), (Some(rounded(low)), Some(rounded(high))));
}

#[test]
fn fault_windows_are_drawn_with_what_was_measured_in_them() {
    let page = drawn(&soak("v1.1.0", 9, 40e6), &runs());
    let labels: Vec<PhaseLabel> = page.phases.iter().map(|p| p.label).collect();
    assert_eq!(labels, [PhaseLabel::Warmup, PhaseLabel::Steady, PhaseLabel::Fault, PhaseLabel::Recovery]);
    assert_eq!((page.phases[2].from_s, page.phases[2].to_s, page.length_s), (70.0, 74.0, 82.0));
    let success = page.charts.iter().find(|c| c.metric == "success").unwrap();
    assert_eq!(success.values[70..74], [Some(0.5); 4], "half of the answers were bad while the fault was in");
    assert_eq!((success.low[71], success.high[71]), (Some(0.5), Some(0.5)), "as in the baseline");
    let fault = &page.faults[0];
    assert_eq!((fault.from_s, fault.to_s, fault.recovered_after_s), (70.0, 74.0, Some(0.0)));
    assert_eq!(fault.achieved, BTreeMap::from([("delay_ms_p50".to_owned(), 401.235)]), "six digits, nothing odd");
    assert_eq!((fault.ended.as_str(), fault.recover_within_s), ("held as planned, undone", Some(5.0)));
}

#[test]
fn a_scrape_that_failed_breaks_the_line() {
    let mut candidate = soak("v1.1.0", 9, 40e6);
    candidate.series.iter_mut().for_each(|s| s.values[40] = f64::NAN);
    let page = drawn(&candidate, &runs());
    let memory = page.charts.iter().find(|c| c.metric.starts_with("memory")).unwrap();
    assert_eq!(memory.values.iter().filter(|v| v.is_none()).count(), 1);
    assert!(memory.values[39].is_none() && memory.low[39].is_some(), "the band goes on");
}

#[test]
fn a_metric_that_vanished_is_drawn_as_its_band_alone() {
    let mut candidate = soak("v1.1.0", 9, 40e6);
    candidate.series.retain(|s| s.name != "memory_bytes");
    let page = drawn(&candidate, &runs());
    let memory = page.charts.iter().find(|c| c.metric.starts_with("memory")).unwrap();
    assert!(memory.values.iter().all(Option::is_none));
    assert!(memory.low.iter().flatten().count() > 70);
}

#[test]
fn the_store_takes_the_page_and_gives_it_back() {
    let page = drawn(&soak("v1.1.0", 9, 60e6), &runs());
    assert_eq!(report(&soak("v1.1.0", 9, 60e6), &runs()).verdict, Verdict::Fail);
    assert!(page.note.as_ref().unwrap().contains("v1.1.0"));
    let folder = tempfile::tempdir().unwrap();
    let store = gate_api::SqliteStore::open(&folder.path().join("store.db")).unwrap();
    store.put_page(&page).unwrap();
    assert_eq!(store.page(&page.soak).unwrap(), Some(page));
}

#[test]
fn thinning_keeps_peaks_and_the_whole_band() {
    let point = |i: usize| Point {
        at_s: i as f64,
        value: Some(if i == 4321 { 99.0 } else { 1.0 }),
        low: Some(if i == 1234 { -7.0 } else { 0.0 }),
        high: Some(2.0),
    };
    let thinned = thin((0..50_000).map(point).collect());
    assert!(thinned.len() <= POINTS_MAX, "{}", thinned.len());
    assert!(thinned.iter().any(|p| p.at_s == 4321.0 && p.value == Some(99.0)));
    assert_eq!(thinned.iter().filter_map(|p| p.low).reduce(f64::min), Some(-7.0));
    assert!(thinned.windows(2).all(|w| w[0].at_s < w[1].at_s), "in order of time");
    let few: Vec<Point> = (0..POINTS_MAX).map(point).collect();
    assert_eq!(thin(few.clone()), few);
    let empty = thin((0..900).map(|i| Point { value: None, ..point(i) }).collect());
    assert_eq!(empty.len(), POINTS_MAX / 2, "a hole stays a hole");
}
