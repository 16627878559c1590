//! Every objection to a plan, at once.

use super::{Plan, PlannedFault, PlannedStep, Resource};
use crate::inventory::{Inventory, Place};
use serde::Serialize;
use std::collections::BTreeSet;

/// Why a plan must not run as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Objection {
    /// Stable name of the rule, `keep_healthy`.
    pub rule: &'static str,
    /// The fault or the plan that it concerns.
    pub at: String,
    /// What is wrong.
    pub message: String,
    /// What would mend it.
    pub remedy: String,
}

fn objection(rule: &'static str, at: &str, message: String, remedy: impl Into<String>) -> Objection {
    Objection { rule, at: at.into(), message, remedy: remedy.into() }
}

/// Checks a plan against what the landscape has now. Empty means that it may run.
pub fn check(plan: &Plan, inventory: &Inventory) -> Vec<Objection> {
    let mut all = Vec::new();
    if plan.duration_ms() > plan.blast.max_duration.ms() {
        let message =
            format!("takes {}, allowed {}", crate::span::Span::from_ms(plan.duration_ms()), plan.blast.max_duration);
        all.push(objection(
            "max_duration",
            &plan.experiment,
            message,
            "repeat less, hold and rest shorter, or raise blast.maxDuration",
        ));
    }
    for step in plan.repetitions.iter().flat_map(|repetition| &repetition.steps) {
        for fault in &step.faults {
            check_fault(plan, inventory, fault, &mut all);
        }
        check_step(plan, inventory, step, &mut all);
    }
    all
}

fn check_fault(plan: &Plan, inventory: &Inventory, fault: &PlannedFault, all: &mut Vec<Objection>) {
    let (id, component) = (&fault.local_id, &fault.component);
    if !inventory.components.contains_key(component) {
        let known: Vec<_> = inventory.components.keys().map(String::as_str).collect();
        let remedy = format!("known: {}", known.join(", "));
        all.push(objection("unknown_component", id, format!("there is no component `{component}`"), remedy));
    } else if let Some(place) = &fault.place {
        all.extend(misplaced(inventory, fault, place));
    } else if fault.resources.is_empty() {
        let from = fault.fault.from().unwrap_or("anybody");
        all.push(objection(
            "unknown_edge",
            id,
            format!("no edge from {from} to {component}"),
            "name a caller of the target",
        ));
    }
    let needed = fault.fault.declaration().prepared;
    if let Some(needed) = needed.filter(|needed| !inventory.is_prepared(component, *needed)) {
        let message = format!("{component} was not started for faults of `{needed}`");
        all.push(objection(
            "not_prepared",
            id,
            message,
            format!("write `prepare: [{needed}]` for it in processes.yaml"),
        ));
    }
    if plan.blast.forbid.contains(component) {
        all.push(objection("forbidden", id, format!("{component} is forbidden"), "take another target"));
    }
    if inventory.control.contains(component) {
        all.push(objection("cuts_undo", id, format!("the undo travels through {component}"), "take another target"));
    }
    for resource in &fault.resources {
        match resource {
            Resource::Edge(edge) if !inventory.edges.contains(edge) => {
                all.push(objection("unknown_edge", id, format!("there is no edge {edge} any more"), "plan again"));
            }
            _ => (),
        }
    }
}

/// Every chosen replica has to be in its place, also when the landscape has changed since the plan was made.
fn misplaced(inventory: &Inventory, fault: &PlannedFault, place: &Place) -> Option<Objection> {
    let (component, chosen) = (&fault.component, fault.replicas());
    let there = inventory.replicas(component, Some(place));
    let lost = chosen.iter().find(|replica| !there.iter().any(|number| *number as usize == **replica));
    let message = match lost {
        _ if there.is_empty() => format!("no replica of {component} is in {place}"),
        None => return None,
        Some(_) if chosen.len() > there.len() => {
            format!("{} of {component} in {place}, more are chosen", counted(there.len()))
        }
        Some(replica) => format!("{component}[{replica}] is not in {place} any more"),
    };
    let known = inventory.known_places(component);
    let remedy = match known.as_str() {
        "" => format!("write `zone` or `labels` for {component} in processes.yaml"),
        known => format!("known: {known}"),
    };
    Some(objection("place", &fault.local_id, message, remedy))
}

fn counted(replicas: usize) -> String {
    if replicas == 1 { "there is 1 replica".to_owned() } else { format!("there are {replicas} replicas") }
}

/// Rules about what is under fault at the same moment.
fn check_step(plan: &Plan, inventory: &Inventory, step: &PlannedStep, all: &mut Vec<Objection>) {
    let Some(first) = step.faults.first() else {
        return;
    };
    let mut used = BTreeSet::new();
    let mut targets = BTreeSet::new();
    for fault in &step.faults {
        for resource in &fault.resources {
            if !used.insert(resource) {
                let message = format!("two faults on {resource}");
                all.push(objection(
                    "one_fault_per_resource",
                    &fault.local_id,
                    message,
                    "put them into steps of their own",
                ));
            }
            let replica = if let Resource::Process { replica, .. } = resource { Some(*replica) } else { None };
            targets.insert((fault.component.as_str(), replica));
        }
        for other in step.faults.iter().filter(|other| other.local_id != fault.local_id) {
            let never = fault.fault.declaration().excludes(&other.fault.declaration());
            if never && fault.component == other.component {
                let message =
                    format!("{} never together with {} on {}", fault.fault.kind(), other.fault.kind(), fault.component);
                all.push(objection("never_with", &fault.local_id, message, "put them into steps of their own"));
            }
        }
    }
    if targets.len() > plan.blast.max_targets as usize {
        let message = format!("{} targets at once, allowed {}", targets.len(), plan.blast.max_targets);
        all.push(objection("max_targets", &first.local_id, message, "choose fewer or raise blast.maxTargets"));
    }
    check_healthy(plan, inventory, (&first.local_id, &targets), all);
}

/// A kill must leave enough replicas.
fn check_healthy(
    plan: &Plan,
    inventory: &Inventory,
    (at, targets): (&str, &BTreeSet<(&str, Option<u32>)>),
    all: &mut Vec<Objection>,
) {
    for (component, replicas) in &inventory.components {
        let killed = targets.iter().filter(|(name, replica)| name == component && replica.is_some()).count();
        let left = (*replicas as usize).checked_sub(killed);
        if killed > 0 && left.is_none_or(|left| left < plan.blast.keep_healthy as usize) {
            let message =
                format!("kills {killed} of {replicas} replicas of {component}, {} must stay", plan.blast.keep_healthy);
            all.push(objection("keep_healthy", at, message, "run more replicas or lower blast.keepHealthy"));
        }
    }
}
