//! `mettle chaos roam`: experiments drawn at random, on a deployed component.

use crate::cli_support::{Installed, Ran};
use chrono::{TimeDelta, Utc};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

/// An experiment of one fault on `web`, and whatever else it says.
fn experiment(name: &str, fault: &str, hold: &str, more: &str) -> String {
    format!(
        "apiVersion: mettle/v1\nkind: Experiment\nmetadata: {{name: {name}}}\nhypothesis: {{title: holds}}\n\
         targets: {{web: {{component: web}}}}\nmethod:\n  - {{fault: {{target: web, {fault}}}, hold: {hold}, rest: 300ms}}\n{more}"
    )
}

fn slow(name: &str, hold: &str, more: &str) -> String {
    experiment(name, "kind: net.delay, from: user, delay: 100ms", hold, more)
}

fn roam(installed: &Installed, arguments: &[&str]) -> Ran {
    installed.mettle(&[&["chaos", "roam", "--dir", "i", "-o", "json", "--pause", "0s"], arguments].concat())
}

/// Lines that tell what a draw came to, without the time of day.
fn draws(ran: &Ran) -> Vec<String> {
    let told = |line: &str| Some(line.get(line.find("draw ")?..)?.to_owned());
    ran.stderr.lines().filter_map(told).filter(|line| line.contains(" (seed ")).collect()
}

fn tally(ran: &Ran, name: &str) -> Value {
    let roamed: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    roamed["experiments"].as_array().unwrap().iter().find(|tally| tally["name"] == name).unwrap().clone()
}

/// Nothing of a fault lies beside the files of the component.
fn is_clean(installed: &Installed) -> bool {
    let files = installed.path("work/components/web").read_dir().unwrap();
    files.map(|file| file.unwrap().file_name().into_string().unwrap()).all(|name| !name.contains("mettle"))
}

#[test]
fn a_seed_draws_one_order_and_goes_on_where_it_ended() {
    let installed = Installed::new();
    for name in ["one", "two", "three"] {
        installed.write(&format!("{name}.yaml"), &slow(name, "1s", ""));
    }
    let files = ["i/one.yaml", "i/two.yaml", "i/three.yaml"];
    let drawn = |more: &[&str]| roam(&installed, &[&["--seed", "7", "--weight", "three=0"], more, &files].concat());
    let all = drawn(&["--count", "3"]);
    assert_eq!(all.code, 0, "{all:?}");
    let order = draws(&all);
    assert_eq!(order.len(), 3, "{all:?}");
    let held = |name: &str| tally(&all, name)["held"].as_u64().unwrap();
    assert_eq!((held("one") + held("two"), held("three")), (3, 0));
    for name in ["one", "two"] {
        let told = order.iter().filter(|line| line.contains(&format!(": {name} (seed "))).count();
        assert_eq!((told as u64, tally(&all, name)["run"].as_u64()), (held(name), Some(held(name))), "{all:?}");
    }
    assert!(all.stderr.contains("go on with --seed 7 --from 3"), "{all:?}");
    let rest = drawn(&["--count", "1", "--from", "1"]);
    let what = |line: &String| line.split(": held").next().unwrap().to_owned();
    assert_eq!(draws(&rest).iter().map(what).collect::<Vec<_>>(), [what(&order[1])], "{rest:?}");
    assert!(is_clean(&installed));
}

#[test]
fn what_breaks_is_told_with_its_signal_and_the_next_is_run_on_a_fresh_tag() {
    let installed = Installed::new();
    // Verified by a look or two, long before anything is broken for 3 s.
    let cut = "kind: net.partition, from: user, mode: reject";
    installed.write("bad.yaml", &experiment("bad", cut, "20s", ""));
    installed.write("slow.yaml", &slow("slow", "1s", ""));
    // Seed 1 draws one of each: the numbers of runs say so.
    let ran = roam(&installed, &["--count", "4", "--seed", "1", "i/bad.yaml", "i/slow.yaml"]);
    assert_eq!(ran.code, 13, "{ran:?}");
    let (bad, slow) = (tally(&ran, "bad"), tally(&ran, "slow"));
    assert!(bad["run"].as_u64() > Some(0) && slow["run"].as_u64() > Some(0), "another seed: {ran:?}");
    assert_eq!((&bad["broken"], &bad["signals"]), (&bad["run"], &serde_json::json!(["journeys"])));
    assert_eq!((&slow["held"], &slow["broken"]), (&slow["run"], &0.into()));
    assert!(draws(&ran).iter().any(|line| line.contains("bad (seed ") && line.contains("broke journeys")), "{ran:?}");
}

#[test]
fn what_is_refused_is_left_out_and_all_refused_is_an_error() {
    let installed = Installed::new();
    installed.write("forbidden.yaml", &slow("forbidden", "1s", "blast: {forbid: [web]}\n"));
    installed.write("never.yaml", &slow("never", "1s", "quiet: [{from: \"00:00\", to: \"00:00\"}]\n"));
    installed.write("slow.yaml", &slow("slow", "1s", ""));
    let refused = roam(&installed, &["--count", "9", "i/forbidden.yaml", "i/never.yaml"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    for part in ["forbidden is left out: forbidden: web is forbidden", "never is left out: quiet_time: "] {
        assert!(refused.stderr.contains(part), "{part}: {refused:?}");
    }
    assert!(refused.stderr.contains("error: every experiment is refused; the last: "), "{refused:?}");
    let weight = "forbidden=50";
    let ran = roam(&installed, &["--count", "1", "--seed", "7", "--weight", weight, "i/forbidden.yaml", "i/slow.yaml"]);
    assert_eq!((ran.code, &tally(&ran, "slow")["held"]), (0, &1.into()), "{ran:?}");
    assert_eq!(tally(&ran, "forbidden")["refused"], 1, "{ran:?}");

    installed.write("typo.yaml", &slow("typo", "1s", "").replace("title: holds", "title: holds, signals: [jurneys]"));
    for (arguments, why) in [
        (&["i/slow.yaml"][..], "required"),
        (&["--count", "1", "i/slow.yaml", "i/slow.yaml"], "`slow` is given twice"),
        (&["--count", "1", "--weight", "other=2", "i/slow.yaml"], "--weight other: no such experiment; known: slow"),
        (&["--count", "1", "--weight", "slow=0", "i/slow.yaml"], "every experiment has the weight 0"),
        (
            &["--count", "1", "i/slow.yaml", "i/typo.yaml"],
            "hypothesis.signals[0] = jurneys  is not a signal of this tag",
        ),
    ] {
        let wrong = roam(&installed, arguments);
        assert!(wrong.code == 2 && wrong.stderr.contains(why), "{wrong:?}");
    }
}

#[test]
fn the_end_of_the_time_undoes_what_is_in_and_nothing_judged_is_no_success() {
    let installed = Installed::new();
    installed.write("long.yaml", &slow("long", "10m", "blast: {maxDuration: 1h}\n"));
    let ran = roam(&installed, &["--for", "8s", "--seed", "7", "i/long.yaml"]);
    assert_eq!((ran.code, &tally(&ran, "long")["run"]), (11, &0.into()), "{ran:?}");
    assert!(ran.stderr.contains("fault is in") && ran.stderr.contains("undone, recovering"), "{ran:?}");
    assert!(ran.stderr.contains("go on with --seed 7 --from 0"), "{ran:?}");

    let time = |hours: i64| (Utc::now() + TimeDelta::hours(hours)).format("%H:%M").to_string();
    let quiet = format!("quiet: [{{from: \"{}\", to: \"{}\"}}]\n", time(-1), time(2));
    installed.write("night.yaml", &slow("night", "1s", &quiet));
    let ran = roam(&installed, &["--for", "1s", "i/night.yaml"]);
    assert!(ran.code == 11 && ran.stderr.contains("night waits for the end of a quiet time, until "), "{ran:?}");
}

#[test]
fn one_interrupt_undoes_the_fault_and_tells_what_was_run() {
    let installed = Installed::new();
    let pause = experiment("pause", "kind: process.pause", "10m", "blast: {maxDuration: 1h, keepHealthy: 0}\n");
    installed.write("pause.yaml", &pause);
    let mut command = installed.command(&["chaos", "roam", "--for", "1h", "i/pause.yaml", "--dir", "i", "-o", "json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.is_ok_and(|line| line.contains("fault is in"))));
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
    let stderr: Vec<String> = lines.map(|line| line.unwrap()).collect();
    let mut stdout = String::new();
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    let ran = Ran { code: child.wait().unwrap().code().unwrap_or(-1), stdout, stderr: stderr.join("\n") };
    assert_eq!((ran.code, &tally(&ran, "pause")["run"]), (13, &0.into()), "{ran:?}");
    assert!(ran.stderr.contains("undone, recovering"), "{ran:?}");
    assert!(is_clean(&installed));
}
