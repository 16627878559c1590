//! SIGKILL of the worker, before and after every persisted transition and at random moments. After each: nothing is
//! left over. At the end: nothing is lost, and nothing is there twice.
#![allow(clippy::unwrap_used)] // a failed step of a test fails the test; helpers outside of #[test] are tests too

#[path = "../world/mod.rs"]
mod world;

use pipeline::soak::State;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;
use world::{World, leftovers, until};

/// Kills at random moments in the usual run; `METTLE_KILLS` asks for more.
const KILLS: u32 = 50;
/// Longest life of a worker before a random kill: a whole soak of the small product, and a little.
const LIFE: Duration = Duration::from_millis(6_500);

fn nothing_runs(world: &World, when: &str) {
    until(&format!("nothing is left {when}: {:?}", leftovers::processes(world.path())), || {
        leftovers::processes(world.path()).is_empty()
    });
}

/// Lets the worker finish what was begun, then compares store and ledger.
fn settle(world: &World) {
    let mut up = world.up(&[]).ready();
    let done = || {
        let soaks = world.soaks();
        !soaks.is_empty() && soaks.iter().all(|s| s.ended()) && world.store().outgoing().unwrap().is_empty()
    };
    until("every soak has ended and is published", done);
    assert_eq!(up.interrupt(), 130, "{}", up.said());
    nothing_runs(world, "after a polite end");
    assert_eq!(leftovers::files(world.path()), Vec::<String>::new());
    let soaks: BTreeSet<String> = world.soaks().iter().map(|s| s.id.to_string()).collect();
    for (what, found) in [("entry", world.ledger()), ("commit", world.ledger_commits())] {
        let lost: Vec<&String> = soaks.iter().filter(|s| !found.contains_key(*s)).collect();
        let doubled: Vec<&String> = found.iter().filter(|(_, n)| **n != 1).map(|(s, _)| s).collect();
        let foreign: Vec<&String> = found.keys().filter(|s| !soaks.contains(*s)).collect();
        assert!(
            lost.is_empty() && doubled.is_empty() && foreign.is_empty(),
            "{what}: {lost:?} {doubled:?} {foreign:?}"
        );
    }
    let tags: BTreeSet<String> = world.soaks().iter().map(|s| s.tag.clone()).collect();
    for tag in tags {
        let (_, body) = world.gate(&tag);
        assert!(["allow", "deny"].contains(&body["status"].as_str().unwrap_or("none")), "{tag} is decided: {body}");
    }
    for soak in world.soaks() {
        let judged = soak.judgement.as_ref().map(|j| j.verdict);
        let verdict = pipeline::worker::verdict_of(&soak);
        assert!(verdict != scorer::Verdict::Pass || judged == Some(scorer::Verdict::Pass), "{soak:?}");
        assert!(soak.attempts.iter().rev().skip(1).all(|a| a.excluded.is_some()), "{soak:?}");
    }
}

#[test]
fn before_and_after_every_persisted_transition() {
    let world = World::new();
    let ways: [(&str, &[&str]); 5] = [
        ("1.0", &["requested", "planned", "deploying", "warming up", "soaking"]),
        ("1.1", &["soaking steady", "soaking fault", "fault intent", "fault injected", "fault undone"]),
        ("1.2", &["undoing", "judging", "publishing", "queued", "sent", "ended"]),
        // Its last look lacks evidence, so that the declared extension runs.
        ("8.0", &["extending"]),
        // It exits at once.
        ("9.0", &["planned", "deploying", "rolling back", "publishing", "ended"]),
    ];
    let mut kills = 0;
    for (family, words) in ways {
        for word in words {
            for side in ["before", "after"] {
                kills += 1;
                world.push(&format!("{family}.{kills}"));
                let mut up = world.up(&[("METTLE_CRASH", &format!("{side}:{word}"))]);
                let status = up.wait();
                assert_eq!(status.signal(), Some(9), "{side} {word}: {status:?}\n{}", up.said());
                nothing_runs(&world, &format!("{side} {word}"));
                // A soak that is cut off between two starts goes on as what it was: the next start ends it.
                let tag = format!("v{family}.{kills}");
                let mut up = world.up(&[]);
                until(&format!("{tag} goes on after a kill {side} {word}"), || {
                    world.soaks().iter().any(|s| s.tag == tag && s.ended())
                });
                up.kill();
                nothing_runs(&world, &format!("after {tag} had ended"));
            }
        }
    }
    settle(&world);
    let ended = world.soaks().iter().filter(|s| matches!(s.state, State::Ended { .. })).count();
    assert_eq!(ended, kills, "one soak for each kill");
    println!("{kills} kills at transitions: 0 leftovers, 0 entries lost, 0 doubled");
}

/// The attempt that the first kill cut off is excluded, even if the second comes before the next one begins.
#[test]
fn twice_in_a_row() {
    let world = World::new();
    world.push("1.0.0");
    for crash in ["after:warming up", "before:planned", "after:planned"] {
        let mut up = world.up(&[("METTLE_CRASH", crash)]);
        let status = up.wait();
        assert_eq!(status.signal(), Some(9), "{crash}: {status:?}\n{}", up.said());
        nothing_runs(&world, crash);
    }
    settle(&world);
    assert!(world.soaks().iter().any(|s| s.attempts.len() == 2), "{:?}", world.soaks());
}

/// Of the small product only the first tag passes.
#[test]
fn while_a_run_joins_the_baseline() {
    for side in ["before", "after"] {
        let world = World::new();
        world.push("1.0.0");
        let mut up = world.up(&[("METTLE_CRASH", &format!("{side}:in the baseline"))]);
        let status = up.wait();
        assert_eq!(status.signal(), Some(9), "{side}: {status:?}\n{}", up.said());
        nothing_runs(&world, side);
        settle(&world);
        assert_eq!(world.store().runs().unwrap().len(), 1, "{side}: one run, once");
    }
}

/// A tag that waits and is superseded by a newer one, killed before and after that is stored.
#[test]
fn while_a_waiting_tag_is_superseded() {
    let world = World::new();
    for (kill, side) in ["before", "after"].into_iter().enumerate() {
        for patch in [2 * kill, 2 * kill + 1] {
            world.push(&format!("1.0.{patch}"));
        }
        let mut up = world.up(&[("METTLE_CRASH", &format!("{side}:replaced"))]);
        let status = up.wait();
        assert_eq!(status.signal(), Some(9), "{side}: {status:?}\n{}", up.said());
        nothing_runs(&world, side);
        let mut up = world.up(&[]);
        let newest = format!("v1.0.{}", 2 * kill + 1);
        until("the newest tag is soaked", || world.soaks().iter().any(|s| s.tag == newest && s.ended()));
        up.kill();
        nothing_runs(&world, "after the newest had ended");
    }
    settle(&world);
}

#[test]
fn at_random_moments() {
    let kills: u32 = std::env::var("METTLE_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(KILLS);
    let seed: u64 = std::env::var("METTLE_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(7);
    let mut chance = StdRng::seed_from_u64(seed);
    let world = World::new();
    let mut tags = 0;
    for kill in 0..kills {
        // There is always a soak to kill: a new tag comes when the last one has ended, sometimes earlier.
        if world.soaks().iter().all(|s| s.ended()) || chance.random_bool(0.1) {
            world.push(&format!("1.0.{tags}"));
            tags += 1;
        }
        let mut up = world.up(&[]);
        std::thread::sleep(LIFE.mul_f64(chance.random::<f64>()));
        up.kill();
        nothing_runs(&world, &format!("after kill {kill} of seed {seed}"));
    }
    settle(&world);
    println!("{kills} kills at random moments, seed {seed}: 0 leftovers, {tags} tags, 0 entries lost, 0 doubled");
}
