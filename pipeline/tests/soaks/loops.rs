//! The worker's loop: what it does at its end, to tags that are taken away, to remotes that hang, in a freeze.

use crate::world::{LANDSCAPE, PRODUCT, World, leftovers, soaking, until};
use gate_api::facts::{Running, SoakState};
use gate_api::store::Act;
use gate_api::{GateStore, SqliteStore};
use pipeline::soak::{Outcome, Soak, State};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

fn soak_of(world: &World, tag: &str) -> Option<Soak> {
    world.soaks().into_iter().rfind(|s| s.tag == tag)
}

fn ended(world: &World, tag: &str) -> bool {
    soak_of(world, tag).is_some_and(|s| s.ended())
}

fn mettle(world: &World, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mettle"));
    let output = command.args(arguments).arg("--dir").arg(world.path()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {text}");
    text
}

/// A `git` that hangs at every remote while the file `hang` is there. The search path that finds it.
fn hanging_git(world: &World) -> String {
    let real = Command::new("sh").args(["-c", "command -v git"]).output().unwrap();
    let real = String::from_utf8(real.stdout).unwrap();
    let (folder, hang) = (world.path().join("bin"), world.path().join("hang"));
    fs::create_dir(&folder).unwrap();
    let script = format!(
        "#!/bin/sh\ncase \" $* \" in *\" fetch \"*|*\" push \"*) [ -e {} ] && exec sleep 1000;; esac\nexec {} \"$@\"\n",
        hang.display(),
        real.trim()
    );
    fs::write(folder.join("git"), script).unwrap();
    fs::set_permissions(folder.join("git"), fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap())
}

#[test]
fn an_interrupt_leaves_what_waits_as_it_is() {
    let world = World::new();
    world.push("1.0.0");
    let mut up = world.up(&[]).ready();
    until("the soak runs", || soaking(&world, "v1.0.0"));
    world.push("1.0.1");
    until("the next tag waits", || soak_of(&world, "v1.0.1").is_some());
    assert_eq!(up.interrupt(), 130);
    let waiting = soak_of(&world, "v1.0.1").unwrap();
    // The first may have ended by itself, and the second begun, before the signal came.
    if waiting.attempts.is_empty() {
        assert_eq!(waiting.state, State::Requested);
    }
    let mut up = world.up(&[]).ready();
    until("it is soaked at the next start", || {
        world.soaks().iter().any(|s| s.tag == "v1.0.1" && s.ended()) || !waiting.attempts.is_empty()
    });
    assert_eq!(up.interrupt(), 130);
}

#[test]
fn a_person_ends_a_soak_that_waits_and_the_running_one_goes_on() {
    let world = World::new();
    world.push("1.0.0");
    let mut up = world.up(&[]).ready();
    until("the soak runs", || soaking(&world, "v1.0.0"));
    mettle(&world, &["soak", "run", "--tag", "v1.0.0"]);
    let asked = soak_of(&world, "v1.0.0").unwrap();
    mettle(&world, &["soak", "abort", asked.id.as_str()]);
    until("both are over", || world.soaks().iter().all(|s| s.ended()));
    assert_eq!(up.interrupt(), 130);
    let soaks = world.soaks();
    assert_eq!(soaks.len(), 2);
    assert!(matches!(soaks[0].state, State::Ended { outcome: Outcome::Done }), "{:?}", soaks[0].state);
    assert!(matches!(soaks[1].state, State::Ended { outcome: Outcome::Aborted { .. } }), "{:?}", soaks[1].state);
    assert!(soaks[1].attempts.is_empty(), "it never began");
    assert_eq!(world.ledger().get(soaks[1].id.as_str()), Some(&1), "every end is in the ledger");
}

#[test]
fn a_tag_that_is_taken_away_is_denied_until_it_is_back() {
    let world = World::new();
    world.push("1.0.0");
    let mut up = world.up(&[]).ready();
    until("it is judged", || ended(&world, "v1.0.0"));
    let missed = || world.gate("v1.0.0").1["reasons"][0]["code"] == "tag_moved";
    assert!(!missed());
    let object = world.git(&["rev-parse", "refs/tags/v1.0.0"]);
    world.git(&["update-ref", "-d", "refs/tags/v1.0.0"]);
    until("it is missed", missed);
    let (exit, body) = world.gate("v1.0.0");
    assert!(body["reasons"][0]["text"].as_str().unwrap().contains("gone from the repository"), "{body}");
    assert_eq!(exit, 10, "denied whatever its verdict");
    world.git(&["update-ref", "refs/tags/v1.0.0", object.trim()]);
    until("it is there again", || !missed());
    assert_eq!(up.interrupt(), 130);
}

#[test]
fn a_remote_that_hangs_delays_neither_the_soak_nor_the_end() {
    let world = World::new();
    let path = hanging_git(&world);
    world.push("1.0.0");
    let mut up = world.up(&[("PATH", &path)]).ready();
    until("the soak runs", || soaking(&world, "v1.0.0"));
    fs::write(world.path().join("hang"), "").unwrap();
    until("it ends all the same", || ended(&world, "v1.0.0"));
    let asked = Instant::now();
    assert_eq!(up.interrupt(), 130);
    assert!(asked.elapsed() < Duration::from_secs(60), "the network deadline of git is longer: {:?}", asked.elapsed());
    until("no git is left", || leftovers::processes(world.path()).is_empty());
    assert_eq!(world.store().outgoing().unwrap().len(), 1, "it is not lost");
    fs::remove_file(world.path().join("hang")).unwrap();
    let mut up = world.up(&[("PATH", &path)]).ready();
    until("it is published", || world.store().outgoing().unwrap().is_empty());
    assert_eq!(up.interrupt(), 130);
}

#[test]
fn a_git_that_outlives_its_killed_worker_is_cleared_with_what_it_left() {
    let world = World::new();
    let path = hanging_git(&world);
    let mut up = world.up(&[("PATH", &path)]).ready();
    until("the mirrors are there", || world.path().join("work/git/product.git/HEAD").exists());
    fs::write(world.path().join("hang"), "").unwrap();
    let hangs = || leftovers::processes(world.path()).iter().any(|(_, command)| command.starts_with("sleep"));
    until("git hangs", hangs);
    up.kill();
    assert!(hangs(), "it is not tied to the worker");
    fs::remove_file(world.path().join("hang")).unwrap();
    let mirror = world.path().join("work/git/product.git");
    fs::create_dir(mirror.join("mettle-indexOld")).unwrap();
    for name in ["packed-refs.lock", "objects/tmp_obj_old"] {
        fs::write(mirror.join(name), "").unwrap();
    }
    world.push("1.0.0");
    let mut up = world.up(&[("PATH", &path)]).ready();
    assert!(!hangs() && up.said().contains("that an earlier worker left"), "{}", up.said());
    assert_eq!(leftovers::files(&world.path().join("work/git")).iter().filter(|f| f.contains("ld")).count(), 0);
    until("it works", || ended(&world, "v1.0.0"));
    assert_eq!(up.interrupt(), 130);
}

#[test]
fn the_outbox_is_sent_also_while_the_landscape_cannot_be_read() {
    let world = World::new();
    world.push("1.0.0");
    let mut up = world.up(&[]).ready();
    until("the soak runs", || soaking(&world, "v1.0.0"));
    let (there, away) = (world.path().join("product.git"), world.path().join("away.git"));
    fs::rename(&there, &away).unwrap();
    until("it ended", || ended(&world, "v1.0.0"));
    until("it waits", || up.said().contains("it stays in the outbox"));
    world.set_landscape("landscape.yaml", |text| text.replace("deployer:", "deployar:"));
    fs::rename(&away, &there).unwrap();
    until("it is published", || world.store().outgoing().unwrap().is_empty());
    until("the landscape is told", || up.said().contains("deployar"));
    assert_eq!(up.interrupt(), 130);
}

#[test]
fn in_a_freeze_no_soak_starts_and_it_is_told_once() {
    let world = World::new();
    let before = world.file("staging.git", "landscape.yaml");
    let freeze = "freeze: [{name: peak, from: 2020-01-01T00:00:00Z, to: 2100-01-01T00:00:00Z}]\n";
    world.set_landscape("landscape.yaml", |text| format!("{text}{freeze}"));
    world.push("1.0.0");
    let mut up = world.up(&[]).ready();
    until("it is told", || up.said().contains("no soak starts until 2100-01-01"));
    assert_eq!(soak_of(&world, "v1.0.0").map(|s| s.state), Some(State::Requested));
    assert_eq!(world.gate("v1.0.0").0, 11, "the gate waits as for every soak that is requested");
    let gate = SqliteStore::open(&world.path().join("store.db")).unwrap();
    let seen = || gate.facts(PRODUCT, LANDSCAPE, "v1.0.0").unwrap().worker_seen;
    until("the worker says that it is there", || seen().is_some());
    world.commit("staging.git", &[("landscape.yaml", &before)], None);
    until("it is soaked after the freeze", || ended(&world, "v1.0.0"));
    assert_eq!(up.said().matches("no soak starts").count(), 1, "{}", up.said());
    assert_eq!(up.interrupt(), 130);
}

#[test]
fn tags_have_the_prefix_that_the_product_says() {
    let world = World::new();
    world.push("1.0.0");
    let product =
        world.file("product.git", "product.yaml").replace("components:", "versioning: {tagPrefix: rel-}\ncomponents:");
    world.commit("product.git", &[("product.yaml", &product)], Some("rel-2.0.0"));
    let mut up = world.up(&[]).ready();
    until("it is soaked", || ended(&world, "rel-2.0.0"));
    assert_eq!(up.interrupt(), 130);
    assert!(soak_of(&world, "v1.0.0").is_none(), "another prefix is no version of this product");
}

#[test]
fn a_recorder_with_another_interval_is_refused_with_its_place() {
    let world = World::new();
    let before = world.file("staging.git", "landscape.yaml");
    world.set_landscape("landscape.yaml", |text| {
        text.replace("processes: processes.yaml}", "processes: processes.yaml, metrics: {recorder: {interval: 2s}}}")
    });
    world.push("1.0.0");
    let mut up = world.up(&[]).ready();
    until("it is told", || up.said().contains("clusters[0].metrics.recorder.interval = 2s"));
    assert!(up.said().contains("write 100ms"), "names the remedy: {}", up.said());
    assert_eq!(soak_of(&world, "v1.0.0").map(|s| s.state), Some(State::Requested));
    world.commit("staging.git", &[("landscape.yaml", &before)], None);
    until("it is soaked", || ended(&world, "v1.0.0"));
    assert_eq!(up.interrupt(), 130);
}

#[test]
fn an_end_that_the_gate_missed_is_told_at_the_next_start() {
    let world = World::new();
    world.push("1.0.0");
    let mut up = world.up(&[]).ready();
    until("it is over", || ended(&world, "v1.0.0"));
    assert_eq!(up.interrupt(), 130);
    let outcome = || world.gate("v1.0.0").1["outcome"].clone();
    let before = world.gate("v1.0.0");
    assert_eq!(outcome(), "done");
    {
        // As a kill between the two stores leaves it.
        let gate = SqliteStore::open(&world.path().join("store.db")).unwrap();
        let mut fact = gate.facts(PRODUCT, LANDSCAPE, "v1.0.0").unwrap().soaks.remove(0);
        let running = Running { phase: "publishing".into(), progress: 1.0, missing: vec![], eta: None, look: None };
        fact.state = SoakState::Running(running);
        gate.put_soak(&fact, Act { by: "test", at: fact.updated_at }).unwrap();
    }
    assert!(outcome().is_null(), "it seems to run");
    let mut up = world.up(&[]).ready();
    assert_eq!((outcome(), world.gate("v1.0.0").0), ("done".into(), before.0));
    assert_eq!(up.interrupt(), 130);
    assert_eq!(world.soaks().len(), 1);
}
