//! Load beside the faults of an experiment.

use crate::cli_support::{Installed, Ran};
use serde_json::Value;

/// Requests that nobody else makes, with limits that a busy machine keeps.
const PEAK: &str = "apiVersion: mettle/v1\nkind: Suite\nclass: performance\nname: peak\n\
                    load: {rate: 20/s, limitMs: 20000, timeoutMs: 20000, requests: [{name: home, component: web, path: '/?peak'}]}\n";

fn experiment(fault: &str, suite: &str, hold: &str) -> String {
    format!(
        "apiVersion: mettle/v1\nkind: Experiment\nmetadata: {{name: loaded}}\nhypothesis: {{title: holds}}\n\
         targets: {{web: {{component: web}}}}\nmethod:\n  - parallel:\n    - fault: {{{fault}, target: web}}\n    \
         - load: {{suite: {suite}}}\n    hold: {hold}\n    rest: 200ms\nblast: {{keepHealthy: 0}}\n"
    )
}

/// `web` with the suite `peak`, which its programme does not use.
fn installed() -> Installed {
    let installed = Installed::new();
    installed.write("shop/mettle/suites/peak.yaml", PEAK);
    installed.tag("v1.0.1");
    installed
}

fn run(installed: &Installed, text: &str) -> (Ran, Value) {
    installed.write("e.yaml", text);
    let ran = installed.mettle(&["chaos", "run", "i/e.yaml", "--dir", "i", "--tag", "v1.0.1", "-o", "json"]);
    let record = serde_json::from_str(&ran.stdout).unwrap_or_default();
    (ran, record)
}

/// Requests of the load that the component itself wrote down.
fn heard(installed: &Installed) -> u64 {
    let logs = installed.path("logs").read_dir().unwrap().map(|file| std::fs::read_to_string(file.unwrap().path()));
    logs.map(|log| log.unwrap().matches("GET /?peak ").count() as u64).sum()
}

#[test]
fn load_runs_while_the_faults_of_a_step_hold() {
    let installed = installed();
    let (ran, record) = run(&installed, &experiment("kind: net.delay, from: user, delay: 300ms", "peak", "3s"));
    assert_eq!(ran.code, 0, "{ran:?}");
    let [exposure] = record["exposures"].as_array().unwrap().as_slice() else { panic!("{record}") };
    let [load] = record["loads"].as_array().unwrap().as_slice() else { panic!("{record}") };
    assert_eq!((&load["suite"], &load["repetition"], &load["flaw"]), (&"peak".into(), &1.into(), &Value::Null));
    // From before the fault is in until its hold is over.
    assert!(load["startMs"].as_i64() <= exposure["startMs"].as_i64(), "{record}");
    assert!(load["endMs"].as_i64() > exposure["startMs"].as_i64(), "{record}");
    assert!(load["endMs"].as_i64() <= exposure["endMs"].as_i64(), "{record}");
    let (sent, heard) = (load["measured"]["sent"].as_u64().unwrap(), heard(&installed));
    assert!(heard > 0 && heard <= sent, "{heard} heard of {sent}");
    let report = installed.mettle(&["chaos", "report", "loaded", "--dir", "i"]).stdout;
    assert!(report.contains(&format!(" s, {sent} requests, ")), "{report}");
    // A process that is back ends no load.
    let (ran, record) = run(&installed, &experiment("kind: process.kill", "peak", "3s"));
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(record["loads"][0]["endMs"].as_i64() > record["exposures"][0]["endMs"].as_i64(), "{record}");
}

#[test]
fn a_tripped_guard_ends_the_load_with_the_fault() {
    let installed = installed();
    // Long enough for the fault to be verified first.
    let text = experiment("kind: http.abort, from: user, status: 503", "peak", "10m")
        + "guards: [{signal: web-reach, below: 0.5, for: 8s, then: abort}]\n";
    let (ran, record) = run(&installed, &text.replace("keepHealthy: 0", "maxDuration: 1h"));
    assert_eq!((ran.code, &record["outcome"]), (13, &"guard_tripped".into()), "{ran:?}");
    let (load, exposure) = (&record["loads"][0], &record["exposures"][0]);
    assert_eq!(exposure["ended"], "guardTripped");
    assert!(load["endMs"].as_i64() <= exposure["endMs"].as_i64(), "{record}");
    assert!(load["measured"]["sent"].as_u64().unwrap() > 0, "{record}");
}

#[test]
fn a_load_that_cannot_start_voids_the_repetition() {
    let installed = installed();
    let processes = std::fs::read_to_string(installed.path("staging/processes.yaml")).unwrap();
    installed.write("staging/processes.yaml", &processes.replace("health: ", "user: false\n    health: "));
    installed.commit("staging");
    let (ran, record) = run(&installed, &experiment("kind: process.pause", "peak", "2s"));
    assert_eq!((ran.code, &record["outcome"]), (11, &"not_verified".into()), "{ran:?}");
    let exposure = &record["exposures"][0];
    assert_eq!((&exposure["verified"], &exposure["ended"]), (&false.into(), &"notRun".into()));
    let why = exposure["detail"].as_str().unwrap();
    assert!(why.starts_with("not_injected: load `peak` could not start: "), "{why}");
    assert!(why.contains("has no user's side"), "{why}");
    assert_eq!(record["loads"], Value::Null);
}

#[test]
fn a_plan_shows_load_and_knows_the_suites() {
    let installed = installed();
    let plan = |suite: &str| {
        installed.write("e.yaml", &experiment("kind: net.delay, from: user, delay: 300ms", suite, "3s"));
        installed.mettle(&["chaos", "plan", "i/e.yaml", "--dir", "i", "--seed", "7"])
    };
    let shown = plan("peak");
    assert_eq!(shown.code, 0, "{shown:?}");
    let lines = shown.stdout.lines().filter(|line| !line.starts_with("seed ")).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(lines, @r#"
    loaded: 1 repetitions, 3200ms, seed 7 (# fault, = load, . rest)
    #1 |#############################################...| net.delay (delay 300ms, direction to, jitter 0ms) on user->web
       undo: the entry with our id leaves the table of the edge; bytes held back are released at once
    #1 |=============================================   | load peak
       undo: it stops with the hold
    "#);
    for (suite, why) in
        [("journeys", "is a business suite: it makes no load"), ("none", "is not a suite of this product")]
    {
        let refused = plan(suite);
        let told = format!("i/e.yaml:9  method[0].parallel[1].load.suite = {suite}  {why}; known: peak");
        assert!(refused.code == 2 && refused.stderr.contains(&told), "{refused:?}");
        let ran = installed.mettle(&["chaos", "run", "i/e.yaml", "--dir", "i", "--tag", "v1.0.1"]);
        assert!(ran.code == 2 && ran.stderr.contains(&told), "{ran:?}");
    }
    // The product's own experiments are read with its suites.
    installed.write("shop/mettle/experiments/e.yaml", &experiment("kind: process.kill", "none", "3s"));
    installed.tag("v1.0.2");
    let ran = installed.mettle(&["chaos", "run", "i/e.yaml", "--dir", "i", "--tag", "v1.0.2"]);
    let told = "mettle/experiments/e.yaml:9  method[0].parallel[1].load.suite = none  is not a suite of this product";
    assert!(ran.code != 0 && ran.stderr.contains(told), "{ran:?}");
    let right = experiment("kind: process.kill", "peak", "3s");
    let validated = |from: &str, to: &str| {
        installed.write("e.yaml", &right.replace(from, to));
        let validate = installed.mettle(&["chaos", "validate", "i/e.yaml"]);
        assert_eq!(validate.code, 2);
        validate.stderr
    };
    insta::assert_snapshot!(validated("- fault: {kind: process.kill, target: web}", "- load: {suite: peak}"), @r#"
    error: 2 problems
      i/e.yaml:7  method[0].parallel  has load and no fault; write at least one fault beside it; the programme has load of its own
      i/e.yaml:9  method[0].parallel[1].load.suite = peak  is loaded twice at once; remove one of them
    "#);
    insta::assert_snapshot!(validated("load:", "lod:"), @r#"
    error: 1 problem
      i/e.yaml:9  method[0].parallel[1] = {"lod":{"suite":"peak"}}  not one of the allowed forms; known: fault, load
    "#);
    insta::assert_snapshot!(validated("suite:", "suit:"), @r#"
    error: 2 problems
      i/e.yaml:9  method[0].parallel[1].load.suit  unknown key; did you mean `suite`?
      i/e.yaml:9  method[0].parallel[1].load  missing key `suite`; add `suite:` (Name of a performance suite of the product)
    "#);
}

#[test]
fn the_windows_without_a_fault_are_under_the_load_of_the_steps() {
    let installed = installed();
    // Events that only this load makes.
    installed.write(
        "shop/mettle/signals.yaml",
        "apiVersion: mettle/v1\nkind: Signals\nsignals:\n  - {name: peak, kind: ratio, \
         good: 'mettle_load_requests_total{suite=\"peak\",outcome=\"ok\"}', \
         total: 'mettle_load_requests_total{suite=\"peak\"}', tier: gate, dimension: business, objective: 0.5, margin: 5pp}\n",
    );
    installed.tag("v1.0.1-b");
    let text = experiment("kind: net.delay, from: user, delay: 20ms", "peak", "2s")
        .replace("{title: holds}", "{title: holds, signals: [peak]}")
        + "repeat: {min: 3, max: 5, until: decided}\n";
    installed.write("e.yaml", &text);
    let ran = installed.mettle(&["chaos", "run", "i/e.yaml", "--dir", "i", "--tag", "v1.0.1-b", "-o", "json"]);
    let record: Value = serde_json::from_str(&ran.stdout).unwrap_or_default();
    assert_eq!((ran.code, &record["decided"]["decision"]), (0, &"held".into()), "{ran:?}");
    // Steps that differ in their load have no such time in common.
    let second =
        "  - fault: {kind: net.delay, from: user, delay: 20ms, target: web}\n    hold: 2s\n    rest: 1s\nblast:";
    installed.write("e.yaml", &text.replace("blast:", second));
    let ran = installed.mettle(&["chaos", "run", "i/e.yaml", "--dir", "i", "--tag", "v1.0.1-b"]);
    assert!(ran.code == 2 && ran.stderr.contains("method[1].parallel  is not the load of method[0]"), "{ran:?}");
}
