//! Plans and what the checker promises.

use chaos::document::Experiment;
use chaos::inventory::Inventory;
use chaos::plan::{Overrides, Resource, build, check};
use chaos::proxy::EdgeName;
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeSet;

fn inventory() -> Inventory {
    let mut inventory = Inventory::default();
    for (name, replicas) in [("a", 1), ("b", 2), ("c", 3)] {
        inventory.components.insert(name.into(), replicas);
        for from in ["user", "a"] {
            inventory.edges.insert(EdgeName::new(from, name));
        }
    }
    inventory
}

fn experiment(faults: &[(usize, usize)], limits: (u32, u32), count: u32) -> Experiment {
    let fault = |(kind, target): &(usize, usize)| {
        let target = ["a", "b", "c"][*target];
        json!({"fault": match kind {
            0 => json!({"kind": "process.kill", "target": target}),
            1 => json!({"kind": "net.delay", "target": target, "from": "user", "delay": "10ms"}),
            2 => json!({"kind": "net.reset", "target": target}),
            _ => json!({"kind": "http.abort", "target": target, "from": "a", "status": 500}),
        }})
    };
    let target = |name: &str| json!({"component": name, "choose": {"count": count}});
    serde_json::from_value(json!({"apiVersion": "mettle/v1", "kind": "Experiment", "metadata": {"name": "x"},
        "hypothesis": {"title": "t"}, "targets": {"a": target("a"), "b": target("b"), "c": target("c")},
        "method": [{"parallel": faults.iter().map(fault).collect::<Vec<_>>(), "hold": "1s", "rest": "1s"}],
        "blast": {"maxTargets": limits.0, "keepHealthy": limits.1, "forbid": ["c"]}}))
    .unwrap()
}

#[test]
fn the_hash_is_stable_and_follows_the_seed() {
    let plan = |seed| build(&experiment(&[(0, 1)], (1, 1), 1), &inventory(), Overrides::default(), seed).unwrap();
    assert_eq!(plan(7).hash(), plan(7).hash());
    assert_ne!(plan(7).hash(), plan(8).hash());
    assert!(check(&plan(7), &inventory()).is_empty());
}

#[test]
fn every_objection_at_once() {
    let plan = build(&experiment(&[(0, 0), (1, 0), (1, 0), (3, 2)], (1, 1), 1), &inventory(), Overrides::default(), 7)
        .unwrap();
    let rules: BTreeSet<_> = check(&plan, &inventory()).into_iter().map(|objection| objection.rule).collect();
    let expected = ["forbidden", "keep_healthy", "max_targets", "never_with", "one_fault_per_resource"];
    assert_eq!(rules.into_iter().collect::<Vec<_>>(), expected);
}

proptest! {
    #[test]
    fn a_checked_plan_stays_within_its_limits(
        faults in prop::collection::vec((0..4usize, 0..3usize), 1..4), limits in (1..4u32, 0..3u32), count in 1..4u32, seed: u64,
    ) {
        let inventory = inventory();
        let plan = build(&experiment(&faults, limits, count), &inventory, Overrides::default(), seed).unwrap();
        prop_assume!(check(&plan, &inventory).is_empty());
        let mut used = BTreeSet::new();
        let mut targets = BTreeSet::new();
        for fault in &plan.repetitions[0].steps[0].faults {
            prop_assert_ne!(&fault.component, "c");
            for resource in &fault.resources {
                prop_assert!(used.insert(resource.clone()), "{:?} twice", resource);
                targets.insert(match resource { Resource::Edge(edge) => edge.to.clone(), process => format!("{process:?}") });
            }
        }
        prop_assert!(targets.len() <= limits.0 as usize);
        for (name, replicas) in &inventory.components {
            let killed = used.iter().filter(|r| matches!(r, Resource::Process { component, .. } if component == name)).count();
            prop_assert!(killed == 0 || killed + limits.1 as usize <= *replicas as usize);
        }
    }
}

#[test]
fn a_ramp_is_one_injection_after_the_other_with_rising_dose() {
    let ramped = |ramp: serde_json::Value| -> Experiment {
        serde_json::from_value(json!({"apiVersion": "mettle/v1", "kind": "Experiment", "metadata": {"name": "x"},
            "hypothesis": {"title": "t"}, "targets": {"b": {"component": "b"}},
            "method": [{"fault": {"kind": "net.delay", "target": "b", "delay": "200ms"}, "ramp": ramp, "hold": "2s", "rest": "1s"}]}))
        .unwrap()
    };
    let plan = build(&ramped(json!({"delay": ["25ms", "50ms"]})), &inventory(), Overrides::default(), 7).unwrap();
    let steps = &plan.repetitions[0].steps;
    let told = |step: &chaos::plan::PlannedStep| (step.at_ms, step.faults[0].fault.requested()["delay"].clone());
    assert_eq!(steps.iter().map(told).collect::<Vec<_>>(), [(0, "25ms".into()), (3_000, "50ms".into())]);
    assert_ne!(steps[0].faults[0].local_id, steps[1].faults[0].local_id);
    assert_eq!(plan.duration_ms(), 6_000);
    let wrong = [
        (json!({"delay": ["25ms", "1ms", 7]}), "method[0].ramp.delay[1], method[0].ramp.delay[2]"),
        (json!({"delay": []}), "method[0].ramp.delay"),
        (json!({"status": [500]}), "method[0].ramp"),
        (json!({"delay": ["25ms"], "jitter": ["1ms"]}), "method[0].ramp"),
    ];
    for (ramp, keys) in wrong {
        let problems = ramped(ramp.clone()).problems(None);
        assert_eq!(problems.iter().map(|p| p.key.as_str()).collect::<Vec<_>>().join(", "), keys, "{ramp}");
    }
}
