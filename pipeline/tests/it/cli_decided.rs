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
    let (ran, record) = run(&installed, "kind: http.header, on: response, set: {x-new: new}", "min: 6, max: 12");
    assert_eq!(ran.code, 0, "{ran:?}");
    let decided = &record["decided"];
    let after = decided["after"].as_u64().unwrap();
    assert_eq!(decided["decision"], "held", "{decided}");
    assert!((6..12).contains(&after), "{decided}");
    // What was not needed is no exposure.
    assert_eq!(record["exposures"].as_array().unwrap().len() as u64, after, "{record}");
    assert_eq!(record["plan"]["repetitions"].as_array().unwrap().len(), 12);
    for part in [
        "until decided: at least 6 and at most 12 repetitions, after a while without a fault",
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
fn a_fault_that_everybody_feels_is_broken_after_three() {
    let installed = installed();
    let (ran, record) = run(&installed, "kind: http.abort, status: 503", "min: 1, max: 12");
    assert_eq!(ran.code, 10, "{ran:?}");
    let decided = &record["decided"];
    assert_eq!((&decided["decision"], &decided["after"]), (&"broken".into(), &3.into()), "{ran:?}");
    assert!(decided["why"].as_str().unwrap().contains(", 10 are allowed"), "{decided}");
    assert_eq!((&record["outcome"], record["exposures"].as_array().unwrap().len()), (&"completed".into(), 3));
}

#[test]
fn what_is_not_decided_at_the_most_repetitions_is_no_pass() {
    let installed = installed();
    // Nobody speaks TLS here: every repetition is void.
    let (ran, record) = run(&installed, "kind: tls.expired", "min: 1, max: 3");
    assert_eq!((ran.code, &record["decided"]["decision"]), (11, &"undecided".into()), "{ran:?}");
    let told = "undecided after 3 of at most 3, 3 void: no repetition was verified and measured";
    assert!(ran.stderr.contains(told) && ran.stderr.contains("not verified, undecided: record "), "{ran:?}");
    // Three fit into the longest duration.
    let text = experiment("kind: net.delay, delay: 20ms", "users", "min: 1, max: 12") + "blast: {maxDuration: 16s}\n";
    installed.write("e.yaml", &text);
    let plan = installed.mettle(&["chaos", "plan", "i/e.yaml", "--dir", "i"]);
    assert_eq!(plan.code, 0, "{plan:?}");
    let told = "at least 3 and at most 3 repetitions, more do not fit into blast.maxDuration";
    assert!(plan.stdout.contains(told), "{plan:?}");
    installed.write("e.yaml", &experiment("kind: net.delay, delay: 20ms", "users", "min: 1, max: 2"));
    let plan = installed.mettle(&["chaos", "plan", "i/e.yaml", "--dir", "i"]);
    assert_eq!(plan.code, 2, "{plan:?}");
    let told = "i/e.yaml:10  repeat.max = 2  too few repetitions to decide by; write 3 or more";
    assert!(plan.stderr.contains(told), "{plan:?}");
    // What nobody can judge is not held: every name of the hypothesis must be a share of good events.
    installed.write("e.yaml", &experiment("kind: net.delay, delay: 20ms", "users, memory, reach", "min: 1, max: 3"));
    let ran = installed.mettle(&["chaos", "run", "i/e.yaml", "--dir", "i", "--tag", "v1.0.1"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    for told in [
        "i/e.yaml:4  hypothesis.signals[1] = memory  is no share of good events, and `until: decided` judges ratios and latencies only; known: users",
        "i/e.yaml:4  hypothesis.signals[2] = reach  is not a signal of this tag; known: users",
    ] {
        assert!(ran.stderr.contains(told), "{told}: {ran:?}");
    }
}

#[test]
fn a_guard_that_trips_in_the_rest_ends_it() {
    let installed = installed();
    let restarts = "  - {name: restarts, kind: gauge, series: 'mettle_process_restarts_total{job=\"web\"}', tier: watch, dimension: resilience}\n";
    installed.write("shop/mettle/signals.yaml", &format!("{}{restarts}", SIGNALS));
    installed.tag("v1.0.2");
    // Back at once, but it was restarted, and stays so: the guard trips when nothing is in any more.
    let experiment = "apiVersion: mettle/v1\nkind: Experiment\nmetadata: {name: decide}\n\
                      hypothesis: {title: users reach it, signals: [users]}\n\
                      targets: {web: {component: web}}\nmethod:\n  - fault: {kind: process.kill, target: web}\n    \
                      hold: 2s\n    rest: 8s\nguards: [{signal: restarts, above: 0.5, for: 4s, then: abort}]\n\
                      blast: {keepHealthy: 0}\nrepeat: {min: 3, max: 12, until: decided}\n";
    installed.write("e.yaml", experiment);
    let ran = installed.mettle(&["chaos", "run", "i/e.yaml", "--dir", "i", "--tag", "v1.0.2", "-o", "json"]);
    assert_eq!(ran.code, 13, "{ran:?}");
    let record: Value = serde_json::from_str(&ran.stdout).unwrap();
    let exposures = record["exposures"].as_array().unwrap();
    let told = (&record["outcome"], &record["decided"]["decision"], exposures.len(), &exposures[0]["ended"]);
    assert_eq!(told, (&"guard_tripped".into(), &"undecided".into(), 1, &"completed".into()), "{ran:?}");
}
