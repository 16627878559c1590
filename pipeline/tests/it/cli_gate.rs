//! `mettle gate`: exit codes, time limits, servers that are not there.

use crate::cli_support::{Installed, Ran};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::Instant;

fn gate(installed: &Installed, verb: &str, more: &[&str]) -> Ran {
    let args = ["gate", verb, "release", "--product", "shop", "--tag", "v1.0.0", "--landscape", "staging"];
    installed.mettle(&[&args[..], more].concat())
}

#[test]
fn wrong_use_is_told_with_the_remedy() {
    let installed = Installed::new();
    let unknown = gate(&installed, "check", &["--dir", "i"]);
    assert!(unknown.code == 2 && unknown.stderr.contains("is not known here"), "{unknown:?}");
    let both = gate(&installed, "check", &["--dir", "i", "--url", "http://127.0.0.1:1"]);
    assert!(both.code == 2 && both.stderr.contains("cannot be used with"), "{both:?}");
    let unit = gate(&installed, "wait", &["--dir", "i", "--timeout", "10"]);
    assert!(unit.code == 2 && unit.stderr.contains("write 30s, 10m or 6h"), "{unit:?}");
    let address = gate(&installed, "check", &["--url", "localhost:7310"]);
    assert!(address.code == 2 && address.stderr.contains("write http://HOST:PORT"), "{address:?}");
    // Port 1 of this host has no server.
    let nobody = gate(&installed, "wait", &["--url", "http://127.0.0.1:1", "--timeout", "1m"]);
    assert!(nobody.code == 1 && nobody.stderr.contains("is `mettle serve` or `mettle up` running there"), "{nobody:?}");
    let other = installed.mettle(&[
        "gate",
        "check",
        "relase",
        "--product",
        "p",
        "--tag",
        "t",
        "--landscape",
        "l",
        "--dir",
        "i",
    ]);
    assert!(other.code == 2 && other.stderr.contains("known: stage, release"), "{other:?}");
}

#[test]
fn exit_codes_follow_the_contract() {
    let installed = Installed::new();
    installed.mettle(&["soak", "run", "--tag", "v1.0.0", "--dir", "i"]);
    // Undecided: denied for want of evidence.
    let denied = gate(&installed, "check", &["--dir", "i"]);
    assert_eq!(denied.code, 11, "{denied:?}");
    assert!(denied.stdout.starts_with("deny: shop v1.0.0 in staging"), "{denied:?}");
    assert!(denied.stdout.contains("until there is new evidence"), "{denied:?}");
    let json: Value = serde_json::from_str(&gate(&installed, "check", &["--dir", "i", "-o", "json"]).stdout).unwrap();
    assert_eq!((&json["status"], &json["verdict"]), (&"deny".into(), &"insufficient".into()));
    let moved = gate(&installed, "check", &["--dir", "i", "--commit", "0000000"]);
    assert!(moved.stdout.contains("tag_moved"), "{moved:?}");

    // Another soak is asked for and nobody runs it: the wait ends at its limit.
    installed.tag("v1.0.1");
    installed.mettle(&["soak", "run", "--tag", "v1.0.1", "--no-worker", "--dir", "i"]);
    // The gate learns of tags from a worker, so this one is not known to it, and nobody makes it known.
    let began = Instant::now();
    let ask =
        ["gate", "wait", "release", "--product", "shop", "--landscape", "staging", "--dir", "i", "--timeout", "1500ms"];
    let waited = installed.mettle(&[&ask[..], &["--tag", "v1.0.1"]].concat());
    assert!(waited.code == 2 && waited.stderr.contains("is not known here"), "{waited:?}");
    let again = installed.mettle(&["soak", "run", "--tag", "v1.0.0", "--no-worker", "--dir", "i"]);
    assert_eq!(again.code, 0, "{again:?}");
    let waited = installed.mettle(&[&ask[..], &["--tag", "v1.0.0"]].concat());
    assert_eq!(waited.code, 12, "{waited:?}");
    assert!(waited.stdout.contains("ask again in"), "{waited:?}");
    assert!(began.elapsed().as_millis() >= 1500);
}

#[test]
fn a_tag_that_was_just_pushed_is_waited_for() {
    let installed = Installed::new();
    let args = ["gate", "wait", "release", "--product", "shop", "--tag", "v1.0.0", "--landscape", "staging"];
    let mut wait = installed.command(&[&args[..], &["--dir", "i", "--timeout", "5m"]].concat());
    let mut waiting = wait.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut narrative = BufReader::new(waiting.stderr.take().unwrap());
    let mut first = String::new();
    narrative.read_line(&mut first).unwrap();
    assert!(first.contains("waiting for it to appear"), "{first}");
    installed.mettle(&["soak", "run", "--tag", "v1.0.0", "--dir", "i"]);
    let ended = waiting.wait_with_output().unwrap();
    let answer = String::from_utf8(ended.stdout).unwrap();
    assert!(ended.status.code() == Some(11) && answer.starts_with("deny: shop v1.0.0"), "{answer}");
}
