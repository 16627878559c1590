//! `repeat: {until: decided}` outside a soak.

use crate::cli_support::{Installed, Ran};
use serde_json::Value;

/// Twice a second, so that a busy machine answers in time; hardly anybody has to be reached without a fault.
const PROGRAMME: &str = "apiVersion: mettle/v1\nkind: Programme\nmetadata: {name: short}\ninterval: 500ms\n\
                         phases: [{name: steady, samples: 20}]\nlooks: {first: 20}\n";
const SIGNALS: &str = r#"
apiVersion: mettle/v1
kind: Signals
signals:
  - {name: users, kind: ratio, good: 'mettle_probe_ok_total{job="web"}', total: 'mettle_probe_attempts_total{job="web"}', tier: gate, dimension: business, objective: 0.5, margin: 5pp}
  - {name: memory, kind: gauge, series: mettle_process_resident_memory_bytes, tier: watch, dimension: performance}
"#;

fn installed() -> Installed {
    let installed = Installed::new();
    installed.write("shop/mettle/programme.yaml", PROGRAMME);
    installed.write("shop/mettle/signals.yaml", SIGNALS);
    installed.tag("v1.0.1");
    installed
}

fn experiment(fault: &str, signals: &str, repeat: &str) -> String {
    format!(
        "apiVersion: mettle/v1\nkind: Experiment\nmetadata: {{name: decide}}\n\
         hypothesis: {{title: users reach it, signals: [{signals}], recoverWithin: 30s}}\n\
         targets: {{web: {{component: web}}}}\nmethod:\n  - fault: {{{fault}, target: web, from: user}}\n    \
         hold: 2s\n    rest: 3s\nrepeat: {{{repeat}, until: decided}}\n"
    )
}

fn run(installed: &Installed, fault: &str, repeat: &str) -> (Ran, Value) {
    installed.write("e.yaml", &experiment(fault, "users", repeat));
    let ran = installed.mettle(&["chaos", "run", "i/e.yaml", "--dir", "i", "--tag", "v1.0.1", "-o", "json"]);
    let record = serde_json::from_str(&ran.stdout).unwrap_or_default();
    (ran, record)
}

#[test]
fn a_fault_that_nobody_feels_is_held_before_the_most_repetitions() {
    let installed = installed();
    let (ran, record) = run(&installed, "kind: http.header, on: response, set: {x-new: new}", "min: 2, max: 12");
    assert_eq!(ran.code, 0, "{ran:?}");
    let decided = &record["decided"];
    let after = decided["after"].as_u64().unwrap();
    assert_eq!(decided["decision"], "held", "{decided}");
    assert!((2..12).contains(&after), "{decided}");
    // What was not needed is no exposure.
    assert_eq!(record["exposures"].as_array().unwrap().len() as u64, after, "{record}");
    assert_eq!(record["plan"]["repetitions"].as_array().unwrap().len(), 12);
    for part in [
        "until decided: at least 2 and at most 12 repetitions, after a while without a fault",
        "decide: undecided after 1 of at most 12: bad events ",
        &format!("decide: decided: held after {after} of at most 12: bad events "),
        "completed, held: record ",
    ] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
    let id = record["id"].as_str().unwrap();
    let report = installed.mettle(&["chaos", "report", id, "--dir", "i"]).stdout;
    assert!(report.starts_with("# decide: completed, held\n"), "{report}");
    assert!(report.contains(&format!("- hypothesis: decided: held after {after} of at most 12: ")), "{report}");
    let listed = installed.mettle(&["chaos", "list", "--dir", "i"]).stdout;
    assert!(listed.contains("completed, held"), "{listed}");
    // A number that was asked for is kept, and nothing is decided by it.
    let dry = installed.mettle(&["chaos", "run", "i/e.yaml", "--dir", "i", "--repeat", "3", "--dry-run", "-o", "json"]);
    let plan: Value = serde_json::from_str(&dry.stdout).unwrap();
    assert_eq!(plan["repetitions"].as_array().unwrap().len(), 3);
    assert!(!dry.stderr.contains("until decided"), "{dry:?}");
}

#[test]
fn a_fault_that_everybody_feels_is_broken_at_once() {
    let installed = installed();
    let (ran, record) = run(&installed, "kind: http.abort, status: 503", "min: 1, max: 12");
    assert_eq!(ran.code, 10, "{ran:?}");
    let decided = &record["decided"];
    assert_eq!((&decided["decision"], &decided["after"]), (&"broken".into(), &1.into()), "{ran:?}");
    assert!(decided["why"].as_str().unwrap().contains(", 10 are allowed"), "{decided}");
    assert_eq!((&record["outcome"], record["exposures"].as_array().unwrap().len()), (&"completed".into(), 1));
}

#[test]
fn what_is_not_decided_at_the_most_repetitions_is_no_pass() {
    let installed = installed();
    // Nobody speaks TLS here: every repetition is void.
    let (ran, record) = run(&installed, "kind: tls.expired", "min: 1, max: 2");
    assert_eq!((ran.code, &record["decided"]["decision"]), (11, &"undecided".into()), "{ran:?}");
    let told = "undecided after 2 of at most 2, 2 void: no repetition was verified and measured";
    assert!(ran.stderr.contains(told) && ran.stderr.contains("not verified, undecided: record "), "{ran:?}");
    // Two fit into the longest duration.
    let text = experiment("kind: net.delay, delay: 20ms", "users", "min: 1, max: 12") + "blast: {maxDuration: 11s}\n";
    installed.write("e.yaml", &text);
    let plan = installed.mettle(&["chaos", "plan", "i/e.yaml", "--dir", "i"]);
    assert_eq!(plan.code, 0, "{plan:?}");
    let told = "at least 1 and at most 2 repetitions, more do not fit into blast.maxDuration";
    assert!(plan.stdout.contains(told), "{plan:?}");
    // Without a share of good events there is nothing to decide by.
    installed.write("e.yaml", &experiment("kind: net.delay, delay: 20ms", "memory", "min: 1, max: 2"));
    let ran = installed.mettle(&["chaos", "run", "i/e.yaml", "--dir", "i", "--tag", "v1.0.1"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    let told = "i/e.yaml:4  hypothesis.signals = memory  names no ratio, and `until: decided` needs one; known: users";
    assert!(ran.stderr.contains(told), "{ran:?}");
}
