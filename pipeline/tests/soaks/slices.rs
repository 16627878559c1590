//! What a killed worker had recorded is kept, and never judged.

use crate::world::{SIGNALS, World, until};
use datasets::{Digest, EvidenceStore};
use pipeline::soak::Soak;
use pipeline::soak::machine::{Ending, State};
use scorer::Evidence;
use scorer::evidence::{Event, Subject};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Slices come once in 30 scrapes.
const LONG: &str = r#"
apiVersion: mettle/v1
kind: Programme
metadata: {name: long}
interval: 100ms
phases:
  - {name: warmup, samples: 2}
  - {name: steady, samples: 100}
looks: {first: 50}
"#;

fn slices(world: &World) -> Vec<PathBuf> {
    let files = |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().flatten().map(|file| file.path());
    let folders = files(world.path().join("evidence/recordings"));
    folders.flat_map(files).filter(|path| path.extension().is_some_and(|e| e == "parquet")).collect()
}

/// A worker that was killed with slices on the disk. The rest is there before the first of them.
fn killed() -> World {
    let world = World::new();
    world.push_with("1.0.0", &[("mettle/programme.yaml", LONG), ("mettle/signals.yaml", SIGNALS)]);
    let mut up = world.up(&[]).ready();
    until("a slice is on the disk", || !slices(&world).is_empty());
    up.kill();
    world
}

fn evidence(world: &World) -> EvidenceStore {
    EvidenceStore::open(&world.path().join("evidence")).unwrap()
}

/// As if the worker had been killed at the end of its observation.
fn ending(world: &World, ending: Ending) -> Soak {
    let mut soak = world.soaks().remove(0);
    soak.state = State::Undoing { ending };
    world.store().put_soak(&soak).unwrap();
    soak
}

/// The soak as the next worker ends it.
fn ended(world: &World) -> Soak {
    let mut up = world.up(&[]).ready();
    until("the soak is over", || world.soaks().iter().any(Soak::ended));
    assert_eq!(up.interrupt(), 130);
    world.soaks().remove(0)
}

fn is_cut_off(evidence: &Evidence) -> bool {
    evidence.events.iter().any(|event| event.kind == "cut_off")
}

#[test]
fn a_part_is_not_taken_for_the_whole_by_a_second_start() {
    let world = killed();
    let soak = ending(&world, Ending::Complete);
    // A start that was cut off itself, after it had made evidence of the slices and before it noted that.
    let subject = Subject { soak: soak.id.to_string(), attempt: 1, ..Subject::default() };
    let recording = evidence(&world).record(&subject).unwrap();
    let mut rest = recording.rest().clone();
    rest.events.push(Event { at_ms: 0, kind: "cut_off".into(), component: None, detail: "an earlier start".into() });
    recording.finish(rest).unwrap();
    drop(recording);
    let soak = ended(&world);
    let [cut, whole] = soak.attempts.as_slice() else { panic!("{:?}", soak.attempts) };
    assert!(cut.excluded.is_some() && whole.excluded.is_none(), "{:?}", soak.attempts);
    let store = evidence(&world);
    let of = |digest: &Option<String>| store.get(&digest.as_ref().unwrap().parse().unwrap()).unwrap();
    assert!(is_cut_off(&of(&cut.evidence)) && !is_cut_off(&of(&whole.evidence)));
    assert!(soak.judgement.is_some() && soak.evidence() == whole.evidence.as_deref());
}

#[test]
fn an_aborted_soak_keeps_its_slices_and_is_not_judged_by_them() {
    let world = killed();
    ending(&world, Ending::Aborted { reason: "a person asked".into() });
    let soak = ended(&world);
    let [cut] = soak.attempts.as_slice() else { panic!("{:?}", soak.attempts) };
    assert!(cut.excluded.is_some() && cut.evidence.is_some(), "{cut:?}");
    assert_eq!((soak.judgement.is_none(), soak.evidence()), (true, None));
    let kept = evidence(&world).get(&cut.evidence.as_ref().unwrap().parse().unwrap()).unwrap();
    assert!(is_cut_off(&kept) && !kept.phases.is_empty());
    assert_eq!((slices(&world), evidence(&world).recordings().unwrap()), (vec![], vec![]));
}

#[test]
fn a_killed_attempt_keeps_its_slices_and_the_next_one_is_judged() {
    let world = killed();
    let soak = ended(&world);
    let [cut, whole] = soak.attempts.as_slice() else { panic!("{:?}", soak.attempts) };
    assert!(cut.excluded.is_some() && whole.excluded.is_none(), "{:?}", soak.attempts);
    assert_eq!(soak.evidence(), whole.evidence.as_deref(), "what was cut off is not judged");
    let store = evidence(&world);
    let digest: Digest = cut.evidence.as_ref().expect("it is kept").parse().unwrap();
    assert_eq!(store.verify(&digest), []);
    let kept = store.get(&digest).unwrap();
    assert_eq!(
        (kept.subject.soak.as_str(), kept.subject.attempt, kept.subject.tag.as_str()),
        (soak.id.as_str(), 1, "v1.0.0")
    );
    let probe = kept.series.iter().find(|one| one.name == "mettle_probe_attempts_total").expect("the probe");
    assert!(probe.times_ms.len() >= 20, "{} samples", probe.times_ms.len());
    assert!(kept.phases.iter().any(|phase| phase.name == "steady"), "{:?}", kept.phases);
    // Nothing is left of the slices, of the attempt that ended in order neither.
    assert_eq!((slices(&world), store.recordings().unwrap()), (vec![], vec![]));
    // What is bound to nothing goes when it is old enough, and only when somebody says so.
    let whole = whole.evidence.as_ref().unwrap().parse().unwrap();
    assert_eq!(pruned(&world, &[]), [(digest, false), (whole, false)]);
    assert_eq!(pruned(&world, &["--yes"]), [(digest, true), (whole, false)]);
    assert_eq!(store.digests().unwrap(), [whole]);
    assert_eq!(store.verify(&whole), []);
}

/// What `mettle evidence prune` says was removed, by digest in the order of recording.
fn pruned(world: &World, more: &[&str]) -> Vec<(Digest, bool)> {
    let mut prune = Command::new(env!("CARGO_BIN_EXE_mettle"));
    prune.args(["evidence", "prune", "--keep", "1ms", "-o", "json", "--dir"]).arg(world.path()).args(more);
    let out = prune.output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let lines: Vec<serde_json::Value> = serde_json::from_slice(&out.stdout).unwrap();
    let line = |line: &serde_json::Value| {
        let digest = line["digest"].as_str().unwrap().parse().unwrap();
        // Either goes or says why not.
        let removed = line["removed"].as_bool().unwrap();
        assert!(!(removed && line["stays"].is_object()), "{line}");
        (digest, removed)
    };
    lines.iter().map(line).collect()
}
