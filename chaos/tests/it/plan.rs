//! Plans and what the checker promises.

use chaos::document::Experiment;
use chaos::fault::{CATALOGUE, Fault};
use chaos::inventory::{Inventory, Place, Preparation};
use chaos::plan::{Overrides, Resource, build, check};
use chaos::proxy::EdgeName;
use proptest::prelude::*;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

fn inventory() -> Inventory {
    let mut inventory = Inventory::default();
    for (name, replicas) in [("a", 1), ("b", 2), ("c", 3)] {
        inventory.components.insert(name.into(), replicas);
        inventory.prepared.insert(name.into(), [Preparation::Time].into());
        for from in ["user", "a"] {
            inventory.edges.insert(EdgeName::new(from, name));
        }
    }
    inventory.places.insert("b".into(), vec![place("x", "gold"), place("y", "gold")]);
    inventory.places.insert("c".into(), vec![place("x", "gold"), place("y", "iron"), place("x", "iron")]);
    inventory
}

fn place(zone: &str, tier: &str) -> Place {
    Place { zone: Some(zone.into()), labels: [("tier".into(), tier.into())].into() }
}

/// One kill of `c`, of which `keepHealthy` replicas stay.
fn kill(choose: serde_json::Value, keep_healthy: u32) -> Experiment {
    serde_json::from_value(json!({"apiVersion": "mettle/v1", "kind": "Experiment", "metadata": {"name": "x"},
        "hypothesis": {"title": "t"}, "targets": {"c": {"component": "c", "choose": choose}},
        "method": [{"fault": {"kind": "process.kill", "target": "c"}, "hold": "1s", "rest": "1s"}],
        "blast": {"maxTargets": 3, "keepHealthy": keep_healthy}}))
    .unwrap()
}

#[test]
fn a_zone_and_labels_restrict_the_choice() {
    let replicas = |choose: serde_json::Value, seed: u64| {
        let plan = build(&kill(choose, 1), &inventory(), Overrides::default(), seed).unwrap();
        assert_eq!(check(&plan, &inventory()), []);
        let told = plan.repetitions[0].steps[0].faults[0].resources.iter().map(ToString::to_string);
        told.collect::<Vec<_>>().join(" ")
    };
    let drawn = |choose: serde_json::Value| (0..50).map(|seed| replicas(choose.clone(), seed)).collect::<BTreeSet<_>>();
    assert_eq!(drawn(json!({"zone": "x"})), ["c[0]".into(), "c[2]".into()].into());
    assert_eq!(drawn(json!({"zone": "x", "count": 2})), ["c[0] c[2]".into()].into());
    assert_eq!(drawn(json!({"labels": {"tier": "iron"}, "percent": 100})), ["c[1] c[2]".into()].into());
    // Half of one, rounded up.
    assert_eq!(drawn(json!({"zone": "x", "labels": {"tier": "iron"}, "percent": 50})), ["c[2]".into()].into());
}

#[test]
fn a_choice_that_finds_too_few_says_what_there_is() {
    let objections = |choose: serde_json::Value, keep_healthy: u32, inventory: &Inventory| {
        let plan = build(&kill(choose, keep_healthy), &self::inventory(), Overrides::default(), 7).unwrap();
        let all = check(&plan, inventory).into_iter();
        all.map(|o| format!("{}: {}; {}", o.rule, o.message, o.remedy)).collect::<Vec<_>>().join("\n")
    };
    let known = "known: zone y (1), zone x (0, 2), label tier=iron (1, 2), label tier=gold (0)";
    let now = inventory();
    assert_eq!(objections(json!({"zone": "z"}), 1, &now), format!("place: no replica of c is in zone z; {known}"));
    assert_eq!(
        objections(json!({"zone": "y", "labels": {"tier": "gold"}, "percent": 50}), 1, &now),
        format!("place: no replica of c is in zone y with label tier=gold; {known}")
    );
    assert_eq!(
        objections(json!({"zone": "x", "count": 3}), 0, &now),
        format!("place: there are 2 replicas of c in zone x, more are chosen; {known}")
    );
    // The limits count all replicas of the component.
    assert_eq!(
        objections(json!({"zone": "x", "count": 2}), 2, &now),
        "keep_healthy: kills 2 of 3 replicas of c, 2 must stay; run more replicas or lower blast.keepHealthy"
    );
    let mut moved = inventory();
    moved.places.insert("c".into(), vec![place("y", "gold"); 3]);
    assert!(
        objections(json!({"zone": "x", "count": 2}), 1, &moved).starts_with("place: no replica of c is in zone x; ")
    );
    moved.places.insert("c".into(), vec![place("x", "gold"), place("x", "gold"), place("y", "gold")]);
    let told = objections(json!({"zone": "x", "count": 2}), 1, &moved);
    assert!(told.starts_with("place: c[2] is not in zone x any more; "), "{told}");
    moved.places.clear();
    let told = objections(json!({"zone": "x"}), 1, &moved);
    assert_eq!(told, "place: no replica of c is in zone x; write `zone` or `labels` for c in processes.yaml");
}

#[test]
fn a_fault_on_the_whole_component_takes_no_zone() {
    for fault in CATALOGUE {
        let mut document = serde_json::to_value(kill(json!({"zone": "x"}), 1)).unwrap();
        let mut fault = crate::faults::fault(fault.kind);
        fault["target"] = "c".into();
        document["method"][0]["fault"] = fault.clone();
        let experiment: Experiment = serde_json::from_value(document).unwrap();
        let acts = experiment.method[0].fault.as_ref().unwrap().act().chooses_replicas();
        let told = experiment.problems(None).iter().map(|p| format!("{} = {}", p.key, p.value)).collect::<Vec<_>>();
        // The plan agrees about who acts on replicas.
        let mut everywhere = experiment.clone();
        everywhere.targets.get_mut("c").unwrap().choose.zone = None;
        let plan = build(&everywhere, &inventory(), Overrides::default(), 7).unwrap();
        let resources = &plan.repetitions[0].steps[0].faults[0].resources;
        assert_eq!(resources.iter().any(|r| matches!(r, Resource::Process { .. })), acts, "{fault}");
        assert_eq!(told, if acts { vec![] } else { vec!["method[0].fault.target = c".to_owned()] }, "{fault}");
    }
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

/// What anybody can write: steps of several faults of any kind, on any component, for any time.
fn any_experiment(
    steps: &[Vec<(usize, usize)>],
    (limits, choose): ((u32, u32), serde_json::Value),
    (hold, most): (u64, u64),
) -> Experiment {
    let fault = |(kind, target): &(usize, usize)| {
        let mut fault = crate::faults::fault(CATALOGUE[kind % CATALOGUE.len()].kind);
        let chooses = serde_json::from_value::<Fault>(fault.clone()).unwrap().act().chooses_replicas();
        fault["target"] = format!("{}{}", ["a", "b", "c"][*target], if chooses { "-some" } else { "" }).into();
        json!({"fault": fault})
    };
    let step = |faults: &Vec<(usize, usize)>| json!({"parallel": faults.iter().map(fault).collect::<Vec<_>>(), "hold": format!("{hold}ms"), "rest": "1s"});
    let some = |name: &str| json!({"component": name, "choose": choose});
    let all = |name: &str| json!({"component": name});
    serde_json::from_value(json!({"apiVersion": "mettle/v1", "kind": "Experiment", "metadata": {"name": "x"},
        "hypothesis": {"title": "t"},
        "targets": {"a": all("a"), "b": all("b"), "c": all("c"), "a-some": some("a"), "b-some": some("b"), "c-some": some("c")},
        "method": steps.iter().map(step).collect::<Vec<_>>(), "repeat": {"min": 2, "max": 2},
        "blast": {"maxTargets": limits.0, "keepHealthy": limits.1, "forbid": ["c"], "maxDuration": format!("{most}ms")}}))
    .unwrap()
}

#[test]
fn a_component_must_have_been_prepared_for_the_family_of_a_fault() {
    let document = json!({"apiVersion": "mettle/v1", "kind": "Experiment", "metadata": {"name": "x"},
        "hypothesis": {"title": "t"}, "targets": {"b": {"component": "b"}},
        "method": [{"fault": {"kind": "time.offset", "target": "b", "ahead": "1h"}, "hold": "1s", "rest": "1s"}]});
    let experiment: Experiment = serde_json::from_value(document).unwrap();
    let mut inventory = inventory();
    let objections =
        |inventory: &Inventory| check(&build(&experiment, inventory, Overrides::default(), 7).unwrap(), inventory);
    assert_eq!(objections(&inventory), []);
    inventory.prepared.remove("b");
    let [objection] = objections(&inventory)[..].to_vec().try_into().unwrap();
    assert_eq!(
        (objection.rule, objection.remedy.as_str()),
        ("not_prepared", "write `prepare: [time]` for it in processes.yaml")
    );
}

proptest! {
    // Most of what anybody can write is refused; so many that are not.
    #![proptest_config(ProptestConfig { cases: 1_000, max_global_rejects: 200_000, ..ProptestConfig::default() })]
    #[test]
    fn a_checked_plan_stays_within_its_limits(
        steps in prop::collection::vec(prop::collection::vec((0..64usize, 0..3usize), 1..4), 1..3),
        limits in (1..4u32, 0..2u32), count in 1..3u32, zone in prop::option::of("[xyz]"), tier in prop::option::of("gold|iron"), times in (1..20_000u64, 1..120_000u64), seed: u64, control in 0..3usize,
    ) {
        let mut inventory = inventory();
        inventory.control.insert(["a", "b", "user"][control].into());
        let wanted = Place { zone, labels: tier.map(|tier| ("tier".to_owned(), tier)).into_iter().collect() };
        let choose = json!({"count": count, "zone": wanted.zone, "labels": wanted.labels});
        let plan = build(&any_experiment(&steps, (limits, choose), times), &inventory, Overrides::default(), seed).unwrap();
        prop_assume!(check(&plan, &inventory).is_empty());
        let mut end_ms = 0;
        for step in plan.repetitions.iter().flat_map(|repetition| &repetition.steps) {
            // It always ends, in time, and one step after the other.
            prop_assert_eq!(step.at_ms, end_ms);
            let patience = step.faults.iter().filter_map(|fault| fault.fault.seen()).map(|(seen, _)| seen.within.ms()).max();
            end_ms += patience.unwrap_or(0) + step.hold.ms() + step.rest.ms();
            let mut used = BTreeSet::new();
            let mut targets = BTreeSet::new();
            let mut hit: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
            for fault in &step.faults {
                prop_assert!(!fault.resources.is_empty() && !fault.undo.is_empty());
                prop_assert_ne!(&fault.component, "c");
                prop_assert!(!inventory.control.contains(&fault.component), "the undo travels through it");
                for resource in &fault.resources {
                    prop_assert!(used.insert(resource.clone()), "{} twice", resource);
                    let Resource::Process { component, replica } = resource else {
                        targets.insert((fault.component.clone(), None));
                        continue;
                    };
                    targets.insert((component.clone(), Some(*replica)));
                    hit.entry(component).or_default().insert(*replica);
                    let there = inventory.places.get(component).map_or(Place::default(), |all| all[*replica as usize].clone());
                    prop_assert!(wanted.zone.is_none() || wanted.zone == there.zone);
                    prop_assert!(wanted.labels.iter().all(|(name, value)| there.labels.get(name) == Some(value)));
                }
                let chosen = fault.resources.iter().filter(|resource| matches!(resource, Resource::Process { .. })).count();
                prop_assert!(chosen == 0 || chosen == count as usize);
                for other in step.faults.iter().filter(|other| other.component == fault.component && !std::ptr::eq(*other, fault)) {
                    prop_assert!(!fault.fault.declaration().excludes(&other.fault.declaration()));
                }
            }
            prop_assert!(targets.len() <= limits.0 as usize);
            for (component, replicas) in hit {
                prop_assert!(replicas.len() + limits.1 as usize <= inventory.components[component] as usize);
            }
        }
        prop_assert!(end_ms <= times.1);
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

#[test]
fn a_ramp_over_a_secret_is_refused_and_not_told() {
    let experiment = |secret: bool, ramp: serde_json::Value| -> Experiment {
        let fault = json!({"kind": "config.toggle", "target": "b", "file": "a.yaml", "key": "db.word", "value": "x", "secret": secret});
        serde_json::from_value(json!({"apiVersion": "mettle/v1", "kind": "Experiment", "metadata": {"name": "x"},
            "hypothesis": {"title": "t"}, "targets": {"b": {"component": "b"}},
            "method": [{"fault": fault, "ramp": ramp, "hold": "2s", "rest": "1s"}]}))
        .unwrap()
    };
    for (secret, ramp) in [
        (true, json!({"value": ["hunter2", "hunter3"]})),
        (true, json!({"value": [["hunter2"]]})),
        (false, json!({"secret": ["hunter2"]})),
    ] {
        let problems = experiment(secret, ramp).problems(None);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(
            (problems[0].key.as_str(), problems[0].message.as_str()),
            ("method[0].ramp", "is over a fault with a secret, which would be kept")
        );
        assert!(!format!("{problems:?}").contains("hunter"), "{problems:?}");
    }
    assert!(experiment(false, json!({"value": ["y", "z"]})).problems(None).is_empty());
}

#[test]
fn the_time_in_which_a_component_has_to_act_on_a_fault_counts() {
    let toggle = |within: &str| {
        json!({"fault": {"kind": "config.toggle", "target": "b", "file": "a.yaml", "key": "on", "value": true,
            "seen": {"path": "/on", "expect": "on", "within": within}}})
    };
    let experiment = |most: &str| -> Experiment {
        let delay = json!({"kind": "net.delay", "target": "a", "delay": "9ms"});
        serde_json::from_value(json!({"apiVersion": "mettle/v1", "kind": "Experiment", "metadata": {"name": "x"},
            "hypothesis": {"title": "t"}, "targets": {"a": {"component": "a"}, "b": {"component": "b"}},
            "method": [
                {"parallel": [toggle("10s"), {"fault": delay}], "hold": "2s", "rest": "1s"},
                {"fault": toggle("5s")["fault"], "hold": "2s", "rest": "1s"}],
            "blast": {"maxTargets": 2, "maxDuration": most}, "repeat": {"until": "decided"}}))
        .unwrap()
    };
    let plan = |most: &str| build(&experiment(most), &inventory(), Overrides::default(), 7).unwrap();
    let steps = &plan("21s").repetitions[0].steps;
    assert_eq!((steps[0].at_ms, steps[1].at_ms, plan("21s").duration_ms()), (0, 13_000, 21_000));
    let objects =
        |most: &str| check(&plan(most), &inventory()).iter().any(|objection| objection.rule == "max_duration");
    assert!(objects("20s") && !objects("21s"));
    // Three decide at the earliest.
    assert_eq!(["83s", "84s"].map(|most| experiment(most).most_until_decided()), [Some(3), Some(4)]);
}
