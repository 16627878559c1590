//! What was published is proven and judged again; what was changed is seen.

use crate::world::{World, until};
use pipeline::soak::Soak;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;

/// Exit code and answer of `mettle ...`.
fn mettle(world: &World, words: &[&str]) -> (i32, Value, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mettle"));
    let output = command.args(words).args(["-o", "json", "--dir"]).arg(world.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap(), serde_json::from_slice(&output.stdout).unwrap_or_default(), said)
}

/// How everything that was looked at of the only tag stands, by name.
fn stands(answer: &Value) -> Vec<(String, String)> {
    let proofs = answer[0]["proofs"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    proofs.iter().map(|proof| (text(&proof["what"]), text(&proof["holds"]))).collect()
}

fn soaked(world: &World, version: &str) -> Soak {
    let tag = format!("v{version}");
    world.push(version);
    until(&format!("{tag} is published"), || world.soaks().iter().any(|s| s.tag == tag && s.ended()));
    until("nothing waits to be published", || world.store().outgoing().unwrap().is_empty());
    world.soaks().into_iter().find(|s| s.tag == tag).unwrap()
}

fn folder(world: &World, digest: &str) -> PathBuf {
    world.path().join("evidence/sha256").join(&digest[..2]).join(digest)
}

#[test]
fn a_published_verdict_is_judged_again_to_the_byte_and_changes_are_seen() {
    let world = World::new();
    let mut up = world.up(&[]).ready();
    let first = soaked(&world, "1.0.0");
    let second = soaked(&world, "1.0.1");
    assert_eq!(up.interrupt(), 130);

    // The first tag was judged by objectives, the second against the first.
    for soak in [&first, &second] {
        let (code, answer, said) = mettle(&world, &["evidence", "replay", &soak.tag]);
        let stands = stands(&answer);
        assert_eq!(code, 0, "{stands:?} {answer:#} {said}");
        for what in ["chain", "tag", "report", "verdict", "gate", "policy", "programme", "evidence", "judged again"] {
            assert!(stands.iter().any(|(own, holds)| own == what && holds == "yes"), "{what}: {stands:?}");
        }
    }
    assert_eq!(mettle(&world, &["evidence", "verify"]).0, 0);
    assert_eq!(mettle(&world, &["evidence", "verify", "v9.9.9"]).0, 2);

    // Across tags: the answer names what it rests on, whatever so few samples can decide.
    let (code, answer, said) = mettle(&world, &["compare", "v1.0.0", "v1.0.1"]);
    assert!([0, 10, 11].contains(&code), "{code} {said}");
    assert_eq!(answer["baselineRuns"], 1, "{answer:#}");
    let (code, answer, said) = mettle(&world, &["compare", "tag ~ v1[.]0[.].* and age < 1d", "v1.0.1"]);
    assert!([0, 10, 11].contains(&code), "{code} {said}");
    assert_eq!(answer["baselineRuns"], 1, "its own soak is not among them: {answer:#}");
    let (code, answer, said) = mettle(&world, &["compare", "tag > v1.0.1 or so", "v1.0.1"]);
    assert!(code == 2 && said.contains("is no condition"), "{code} {answer} {said}");
    let (code, answer, said) = mettle(&world, &["trend"]);
    assert_eq!((code, answer["courses"][0]["tags"].as_array().map(Vec::len)), (11, Some(2)), "{answer:#} {said}");

    let level = "front-reach <= 60%";
    let (code, answer, said) = mettle(&world, &["baseline", "select", level]);
    let tags: Vec<&str> = answer["soaks"].as_array().unwrap().iter().map(|one| one["tag"].as_str().unwrap()).collect();
    assert_eq!((code, tags.as_slice()), (0, ["v1.0.0", "v1.0.1"].as_slice()), "{answer:#} {said}");
    let (level, unit) = (&answer["soaks"][0]["levels"][0]["level"], &answer["soaks"][0]["levels"][0]["unit"]);
    assert!(
        level.as_f64().unwrap() <= 0.6 && unit == "share" && answer["soaks"][0]["verdict"].is_string(),
        "{answer:#}"
    );
    let (code, _, said) = mettle(&world, &["baseline", "select", "tag < v1.0.1 and verdict = fail"]);
    assert!(code == 11 && said.contains("none of 2 whole soaks"), "{code} {said}");

    // Evidence that was changed is wrong, for its tag and for the one that was judged against it.
    let evidence = first.evidence().unwrap();
    let rest = folder(&world, evidence).join("rest.json");
    let whole = std::fs::read(&rest).unwrap();
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    std::fs::write(&rest, &changed).unwrap();
    for (tag, what) in [("v1.0.0", "evidence"), ("v1.0.1", "baseline")] {
        let (code, answer, _) = mettle(&world, &["evidence", "verify", tag]);
        assert_eq!(code, 10, "{tag}: {answer:#}");
        assert!(stands(&answer).contains(&(what.to_owned(), "no".to_owned())), "{answer:#}");
    }
    std::fs::write(&rest, &whole).unwrap();
    assert_eq!(mettle(&world, &["evidence", "verify"]).0, 0, "mended");

    // Evidence that is gone proves nothing, in either direction.
    std::fs::rename(folder(&world, evidence), world.path().join("aside")).unwrap();
    let (code, answer, _) = mettle(&world, &["evidence", "replay", "v1.0.0"]);
    assert_eq!(code, 11, "{answer:#}");
    assert!(stands(&answer).contains(&("judged again".to_owned(), "unknown".to_owned())), "{answer:#}");
}
