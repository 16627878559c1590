//! Zones and labels of a landscape, and experiments that choose by them.

use crate::cli_support::Installed;
use serde_json::Value;

/// An experiment with one fault on `web`, chosen by `choose`.
fn experiment(fault: &str, choose: &str) -> String {
    format!(
        "apiVersion: mettle/v1\nkind: Experiment\nmetadata: {{name: placed}}\nhypothesis: {{title: holds}}\n\
         targets: {{web: {{component: web, choose: {{{choose}}}}}}}\nmethod:\n  - fault: {{{fault}, target: web}}\n    \
         hold: 1s\n    rest: 100ms\nblast: {{keepHealthy: 0}}\n"
    )
}

/// `web` runs in zone `a` and is `tier: gold`.
fn installed() -> Installed {
    let installed = Installed::new();
    let processes = std::fs::read_to_string(installed.path("staging/processes.yaml")).unwrap();
    let placed = processes.replace("health: ", "zone: a\n    labels: {tier: gold}\n    health: ");
    assert_ne!(placed, processes);
    installed.write("staging/processes.yaml", &placed);
    installed.commit("staging");
    installed
}

#[test]
fn a_replica_is_hit_in_its_zone_and_with_its_labels() {
    let installed = installed();
    installed.write("e.yaml", &experiment("kind: process.kill", "zone: a, labels: {tier: gold}, count: 1"));
    let ran = installed.mettle(&["chaos", "run", "i/e.yaml", "--dir", "i", "-o", "json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let record: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(record["outcome"], "completed");
    assert_eq!(record["exposures"][0]["achieved"]["killed"], 1.0, "{record}");
    let place = &record["plan"]["repetitions"][0]["steps"][0]["faults"][0]["place"];
    assert_eq!(place, &serde_json::json!({"zone": "a", "labels": {"tier": "gold"}}));
}

#[test]
fn a_place_without_replicas_and_a_fault_without_places_are_told() {
    let installed = installed();
    let plan = || installed.mettle(&["chaos", "plan", "i/e.yaml", "--dir", "i", "--seed", "1"]);
    installed.write("e.yaml", &experiment("kind: process.kill", "zone: b, labels: {tier: gold}"));
    let ran = plan();
    assert_eq!(ran.code, 2);
    insta::assert_snapshot!(ran.stderr, @r#"
    error: 1 objection to the plan
      placed#1/0.0  place: no replica of web is in zone b with label tier=gold; known: zone a (0), label tier=gold (0)
    "#);
    installed.write("e.yaml", &experiment("kind: net.delay, delay: 100ms", "zone: a"));
    let ran = plan();
    assert_eq!(ran.code, 2);
    insta::assert_snapshot!(ran.stderr, @r#"
    error: 1 problem
      i/e.yaml:7  method[0].fault.target = web  net.delay acts on the whole component, not on replicas in zone a; name a target without zone and labels
    "#);
    let processes = std::fs::read_to_string(installed.path("staging/processes.yaml")).unwrap();
    installed.write("staging/processes.yaml", &processes.replace("zone: a", "zone: ''"));
    installed.write("e.yaml", &experiment("kind: process.kill", "zone: b"));
    let ran = installed.mettle(&["chaos", "plan", "i/e.yaml", "--landscape", "i/staging"]);
    assert!(ran.code == 2 && ran.stderr.contains("components[0].zone  says nothing"), "{ran:?}");
}
