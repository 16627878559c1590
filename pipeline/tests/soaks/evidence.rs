//! Missing evidence never becomes a pass: on recorded evidence, and in a real soak.

use crate::world::{EXPERIMENT, METRICS_SIGNALS, PROGRAMME, SIGNALS, World, signals, until};
use nix::sys::signal::Signal;
use pipeline::soak::{Soak, State};
use pipeline::worker::verdict_of;
use scorer::assess::{Assessment, Ended, Reference, assess, elapsed};
use scorer::evidence::{Evidence, PhaseLabel};
use scorer::verdict::{Judgement, Verdict};
use scorer::{Policy, Signal as Judged};
use std::time::Duration;

/// Everything a judgement of the small product needs.
struct Recorded {
    candidate: Evidence,
    /// Runs of the tag before; none: the candidate is the first tag.
    baseline: Vec<Evidence>,
    signals: Vec<Judged>,
    policy: Policy,
}

impl Recorded {
    fn verdict(&self, candidate: &Evidence) -> Verdict {
        let first = Reference::FirstTag { earlier_runs: 3 };
        let runs: Vec<&Evidence> = self.baseline.iter().collect();
        self.against(candidate, if runs.is_empty() { first } else { Reference::Runs(&runs) }).verdict
    }

    fn against(&self, candidate: &Evidence, reference: Reference<'_>) -> Judgement {
        let look = elapsed(candidate);
        let experiments = vec!["back-slow".to_owned()];
        assess(&Assessment {
            candidate,
            reference,
            signals: &self.signals,
            policy: &self.policy,
            look: look.min(self.policy.programme),
            ended: Ended::Programme,
            experiments: &experiments,
            suites: &[],
        })
    }

    /// Takes each input of the candidate away in turn.
    fn take_each(&self) {
        assert_eq!(self.verdict(&self.candidate), Verdict::Pass, "whole, it passes");
        for (what, take) in TAKEN {
            let mut less = self.candidate.clone();
            take(&mut less);
            assert_ne!(less, self.candidate, "{what} was there");
            assert_ne!(self.verdict(&less), Verdict::Pass, "without {what}");
        }
        for index in 0..self.candidate.series.len() {
            let mut less = self.candidate.clone();
            let gone = less.series.remove(index);
            let needed = gone.name.starts_with("mettle_probe_") && gone.labels.get("job").is_some_and(|j| j == "front");
            assert_eq!(self.verdict(&less) == Verdict::Pass, !needed, "without {} {:?}", gone.name, gone.labels);
        }
    }
}

/// Evidence of a soak at rest.
fn evidence_of(world: &World, digest: &str) -> Evidence {
    let store = datasets::EvidenceStore::open(&world.path().join("evidence")).unwrap();
    store.get(&digest.parse().unwrap()).unwrap()
}

type Take = (&'static str, fn(&mut Evidence));

/// Each takes one input away.
const TAKEN: &[Take] = &[
    ("all series", |e| e.series.clear()),
    ("the series of the gate signal", |e| e.series.retain(|s| !s.name.starts_with("mettle_probe_"))),
    ("its total", |e| e.series.retain(|s| s.name != "mettle_probe_attempts_total")),
    ("its good events", |e| e.series.retain(|s| s.name != "mettle_probe_ok_total")),
    ("the second half of every series", |e| {
        for s in &mut e.series {
            let half = s.values.len() / 2;
            s.values[half..].fill(f64::NAN);
        }
    }),
    ("every value", |e| e.series.iter_mut().for_each(|s| s.values.fill(f64::NAN))),
    ("all phases", |e| e.phases.clear()),
    ("the steady phase", |e| e.phases.retain(|p| p.label != scorer::evidence::PhaseLabel::Steady)),
    ("the exposures", |e| e.exposures.clear()),
    ("the verification of the fault", |e| e.exposures.iter_mut().for_each(|x| x.verified = false)),
];

#[test]
fn every_input_of_recorded_evidence_is_needed() {
    let world = World::new();
    world.push("1.0.0");
    let mut up = world.up(&[]).ready();
    until("the soak is over", || world.soaks().first().is_some_and(|s| s.ended()));
    assert_eq!(up.interrupt(), 130);
    let soak = world.soaks().remove(0);
    assert_eq!(verdict_of(&soak), Verdict::Pass, "{soak:?}\n{}", up.said());
    let (candidate, policy) = (evidence_of(&world, soak.evidence().unwrap()), Policy::new(12, 10));
    Recorded { candidate, baseline: vec![], signals: signals(SIGNALS), policy }.take_each();
}

#[test]
fn every_input_of_recorded_evidence_is_needed_beside_a_baseline() {
    let world = World::new();
    let settings = world.path().join("mettle.yaml");
    let filled = std::fs::read_to_string(&settings).unwrap().replace("idle: rest", "idle: baseline");
    std::fs::write(&settings, filled).unwrap();
    let longer = PROGRAMME.replace("samples: 12", "samples: 36");
    // Four seconds tell little about a share: the margin is one that they can show.
    let wider = SIGNALS.replace("margin: 5pp", "margin: 90pp");
    assert!(longer != PROGRAMME && wider != SIGNALS);
    let files = [
        ("mettle/experiments/back-slow.yaml", EXPERIMENT),
        ("mettle/programme.yaml", longer.as_str()),
        ("mettle/signals.yaml", wider.as_str()),
    ];
    world.push_with("1.0.0", &files);
    let mut up = world.up(&[]).ready();
    until("the baseline is full", || world.store().runs().unwrap().len() == 5 && world.soaks().iter().all(Soak::ended));
    world.push_with("1.0.1", &files);
    let judged = || world.soaks().into_iter().find(|s| s.tag == "v1.0.1" && s.ended());
    until("the second tag is judged", || judged().is_some());
    assert_eq!(up.interrupt(), 130);
    let soak = judged().unwrap();
    assert_eq!(verdict_of(&soak), Verdict::Pass, "{soak:?}\n{}", up.said());
    let runs = &soak.plan.as_ref().unwrap().baseline;
    let baseline: Vec<Evidence> = runs.iter().map(|run| evidence_of(&world, &run.evidence)).collect();
    assert_eq!(baseline.len(), 5);
    let (candidate, policy) = (evidence_of(&world, soak.evidence().unwrap()), Policy::new(36, 10));
    let recorded = Recorded { candidate, baseline, signals: signals(&wider), policy };
    recorded.take_each();
    // The baseline is an input, too: none of it is no first tag, and by fewer than three runs a pass is provisional.
    for kept in 0..=5 {
        let runs: Vec<&Evidence> = recorded.baseline.iter().take(kept).collect();
        let judgement = recorded.against(&recorded.candidate, Reference::Runs(&runs));
        let passes = judgement.verdict == Verdict::Pass;
        assert_eq!((passes && !judgement.provisional, judgement.provisional), (kept >= 3, kept < 3), "{kept} runs");
        assert!(!passes || kept > 0, "no baseline");
    }
    for (what, take) in TAKEN {
        let mut less: Vec<Evidence> = recorded.baseline.clone();
        less.iter_mut().for_each(take);
        assert_ne!(less, recorded.baseline, "{what} was there");
        let runs: Vec<&Evidence> = less.iter().collect();
        let judgement = recorded.against(&recorded.candidate, Reference::Runs(&runs));
        assert_ne!(judgement.verdict, Verdict::Pass, "without {what} in the baseline");
    }
}

#[test]
fn a_metric_that_vanishes_during_a_soak_is_not_a_pass() {
    let world = World::new();
    world.set_landscape("processes.yaml", |text| text.replace("    reaches:", "    metrics: /metrics\n    reaches:"));
    let mut up = world.up(&[]).ready();
    let soaked = |version: &str| {
        let tag = format!("v{version}");
        let files = [("mettle/programme.yaml", PLAIN), ("mettle/signals.yaml", METRICS_SIGNALS)];
        world.push_with(version, &files);
        until(&format!("{tag} is decided"), || world.soaks().iter().any(|s| s.tag == tag && s.ended()));
        world.soaks().into_iter().find(|s| s.tag == tag).unwrap()
    };
    let whole = soaked("1.0.0");
    assert_eq!(verdict_of(&whole), Verdict::Pass, "{whole:?}");
    let vanished = soaked("7.0.0");
    assert_eq!(verdict_of(&vanished), Verdict::Insufficient, "{vanished:?}");
    let reasons: Vec<&str> = vanished.judgement.iter().flat_map(|j| &j.reasons).map(|r| r.code.as_str()).collect();
    assert!(reasons.iter().any(|c| ["signal_vanished", "coverage"].contains(c)), "{reasons:?}");
    assert_eq!(world.gate("v7.0.0").0, 11, "insufficient is no yes");
    assert_eq!(up.interrupt(), 130);
}

/// What a late generator measured can fail no tag, and a fail that is stopped early does not say that it was on time.
#[test]
fn a_load_generator_that_was_held_up_is_seen_at_the_first_look() {
    let world = World::new();
    world.set_landscape("processes.yaml", |text| text.replace("    reaches:", "    metrics: /metrics\n    reaches:"));
    let files = [
        ("mettle/programme.yaml", LOADED),
        ("mettle/signals.yaml", HOPELESS_SIGNALS),
        ("mettle/suites/knock.yaml", KNOCK),
    ];
    world.push_with("1.0.0", &files);
    let mut up = world.up(&[]).ready();
    let warms_up = |s: &Soak| matches!(&s.state, State::Soaking { label: PhaseLabel::Warmup, .. });
    until("it warms up under load", || world.soaks().iter().any(warms_up));
    up.signal(Signal::SIGSTOP);
    // Not a wait for something: this long the generator cannot keep its schedule.
    std::thread::sleep(Duration::from_millis(1500));
    up.signal(Signal::SIGCONT);
    until("the soak is over", || world.soaks().first().is_some_and(|s| s.ended()));
    assert_eq!(up.interrupt(), 130);
    let soak = world.soaks().remove(0);
    let evidence = evidence_of(&world, soak.evidence().unwrap());
    assert_eq!(evidence.context.load_valid, Some(false), "{:?}", evidence.context);
    assert_eq!(verdict_of(&soak), Verdict::Insufficient, "{soak:?}");
    let judgement = soak.judgement.unwrap();
    assert_eq!(judgement.reasons[0].code, "not_comparable", "{judgement:?}");
    assert!(judgement.reasons.iter().any(|r| r.code == "objective_broken"), "it is told all the same: {judgement:?}");
}

const LOADED: &str = r#"
apiVersion: mettle/v1
kind: Programme
metadata: {name: loaded}
interval: 100ms
load: {suite: knock}
phases:
  - {name: warmup, samples: 40}
  - {name: steady, samples: 20}
looks: {first: 10}
"#;

const KNOCK: &str = r#"
apiVersion: mettle/v1
kind: Suite
class: performance
name: knock
load:
  rate: 100/s
  limitMs: 250
  requests: [{name: knock, component: front, path: /healthz}]
"#;

/// No version holds it.
const HOPELESS_SIGNALS: &str = r#"
apiVersion: mettle/v1
kind: Signals
signals:
  - {name: level, kind: gauge, series: 'tiny_level{job="front"}', component: front, tier: gate, dimension: performance, worse: up, objective: 1, margin: 50%}
"#;

/// Without faults.
const PLAIN: &str = r#"
apiVersion: mettle/v1
kind: Programme
metadata: {name: plain}
interval: 100ms
phases:
  - {name: warmup, samples: 2}
  - {name: steady, samples: 20}
looks: {first: 10}
"#;

/// The back is slow while knocks come in; nobody knocks otherwise.
const SLOW_UNDER_LOAD: &str = r#"
apiVersion: mettle/v1
kind: Experiment
metadata: {name: back-slow}
hypothesis: {title: the front answers while the back is slow, signals: [front-reach]}
targets: {back: {component: back}}
method:
  - parallel: [{fault: {kind: net.delay, target: back, from: front, delay: 50ms}}, {load: {suite: knock}}]
    hold: 1s
    rest: 300ms
"#;

#[test]
fn load_beside_a_fault_is_evidence_of_a_soak() {
    let world = World::new();
    // A busy machine is late, and says so; this test is not about that.
    let patient = KNOCK.replace("limitMs: 250", "limitMs: 20000\n  timeoutMs: 20000");
    assert_ne!(patient, KNOCK);
    let files = [
        ("mettle/experiments/back-slow.yaml", SLOW_UNDER_LOAD),
        ("mettle/programme.yaml", PROGRAMME),
        ("mettle/signals.yaml", SIGNALS),
        ("mettle/suites/knock.yaml", patient.as_str()),
    ];
    world.push_with("1.0.0", &files);
    let mut up = world.up(&[]).ready();
    until("the soak is over", || world.soaks().first().is_some_and(|s| s.ended()));
    assert_eq!(up.interrupt(), 130);
    let soak = world.soaks().remove(0);
    assert_eq!(verdict_of(&soak), Verdict::Pass, "{soak:?}\n{}", up.said());
    let evidence = evidence_of(&world, soak.evidence().unwrap());
    let told: Vec<_> = evidence.events.iter().filter(|event| event.kind == "experiment_load").collect();
    let [event] = told.as_slice() else { panic!("{told:?}") };
    let load: serde_json::Value = serde_json::from_str(&event.detail).unwrap();
    let exposure = &evidence.exposures[0];
    assert_eq!(
        (&load["suite"], &load["experiment"], &load["flaw"]),
        (&"knock".into(), &"back-slow".into(), &serde_json::Value::Null)
    );
    assert!(
        load["startMs"].as_i64().unwrap() <= exposure.start_ms && event.at_ms <= exposure.end_ms,
        "{load} {exposure:?}"
    );
    let sent = evidence.series.iter().find(|series| series.name == "mettle_load_sent_total").unwrap();
    let (first, last) = (sent.values[0], sent.values[sent.values.len() - 1]);
    assert!(first == 0.0 && last > 0.0 && load["measured"]["sent"].as_f64() >= Some(last), "{load} {sent:?}");
    // It is no load of the programme.
    assert_eq!((evidence.context.load_per_s, evidence.context.load_valid), (None, None));
}
