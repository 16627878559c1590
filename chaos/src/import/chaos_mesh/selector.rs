//! Selectors and modes: which component, and how many of its replicas.

use super::super::aim::Aim;
use super::super::labels;
use super::super::node::Node;
use super::super::units;
use crate::document::Choose;
use serde_json::Value;

/// Reads `selector`, `mode`, `value` and `containerNames` of a specification or of a `target`.
pub(super) fn read<'a>(holder: &Node<'a>) -> Aim<'a> {
    let mut aim = Aim::unknown("nothing in the selector names a component; write the experiment by hand");
    if let Some(selector) = holder.get("selector") {
        for (key, node) in selector.members() {
            member(key, &node, &mut aim);
        }
    }
    if let Some(names) = holder.some("containerNames") {
        aim.note(&names, "a component is a whole; containers of a pod are not told apart");
    }
    mode(holder, &mut aim);
    aim
}

fn member<'a>(key: &str, node: &Node<'a>, aim: &mut Aim<'a>) {
    match key {
        "namespaces" => aim.note(node, labels::NO_NAMESPACE),
        "labelSelectors" => by_labels(node, aim),
        "expressionSelectors" => by_expressions(node, aim),
        "pods" => by_pods(node, aim),
        "fieldSelectors" => {
            let name = node.value.get("metadata.name").and_then(Value::as_str).and_then(labels::of_pod_name);
            match name {
                Some(name) => aim.at(node, &name, Some("component taken from the name of the pod".into())),
                None => aim.lost(node, "fields of a pod have no equal in a landscape"),
            }
        }
        "nodes" | "nodeSelectors" => aim.lost(node, "a local landscape has no nodes; every replica is eligible"),
        "annotationSelectors" | "podPhaseSelectors" => {
            aim.lost(node, "annotations and phases have no equal; every running replica is eligible")
        }
        _ => (),
    }
}

fn by_labels<'a>(node: &Node<'a>, aim: &mut Aim<'a>) {
    let pairs = labels::object_pairs(node.value);
    let named = labels::naming(&pairs);
    for (label, member) in node.members() {
        match named {
            Some((name, value)) if name == label => {
                aim.at(&member, value, Some(format!("component taken from the label `{label}`")));
            }
            Some(_) => aim.note(&member, "only the label that names the component counts"),
            None => aim.lost(&member, "the label names no component"),
        }
    }
}

fn by_expressions<'a>(node: &Node<'a>, aim: &mut Aim<'a>) {
    for item in node.items() {
        let key = item.get("key").and_then(|key| key.text()).unwrap_or_default();
        let values: Vec<_> = item.get("values").map(|values| values.items()).unwrap_or_default();
        let operator = item.get("operator").and_then(|operator| operator.text()).unwrap_or_default();
        let single = match (operator, values.as_slice()) {
            ("In", [value]) => value.text(),
            _ => None,
        };
        match single.and_then(|value| labels::naming(&[(key, value)])) {
            Some((_, value)) if aim.component.is_err() => {
                aim.at(&item, value, Some(format!("component taken from the label `{key}`")));
            }
            Some(_) => aim.note(&item, "only the label that names the component counts"),
            None => aim.lost(&item, "only `In` with a single value can name a component"),
        }
    }
}

fn by_pods<'a>(node: &Node<'a>, aim: &mut Aim<'a>) {
    let pods: Vec<_> = node.members().into_iter().flat_map(|(_, pods)| pods.items()).collect();
    let names: Vec<_> = pods.iter().filter_map(|pod| labels::of_pod_name(pod.text()?)).collect();
    match names.first() {
        Some(first) if names.len() == pods.len() && names.iter().all(|name| name == first) => {
            let why = format!("component taken from the names of {} pods; which replica is drawn", pods.len());
            aim.at(node, first, Some(why));
        }
        _ => aim.lost(node, "the pods do not belong to one component by their names"),
    }
}

fn mode<'a>(holder: &Node<'a>, aim: &mut Aim<'a>) {
    let Some(mode) = holder.some("mode") else { return };
    let value = holder.some("value");
    let number = value.as_ref().and_then(|value| value.number()).filter(|n| n.fract() == 0.0 && *n >= 1.0);
    let share = value.as_ref().and_then(|value| units::share_of_percent(value).ok());
    let share = share.map(|share| (share * 100.0).ceil() as u8).filter(|share| *share > 0);
    let every = "the plan objects unless blast.maxTargets and blast.keepHealthy allow it";
    let (chosen, caveat) = match (mode.text().unwrap_or_default(), number, share) {
        ("one", ..) => (Choose::count(1), None),
        ("all", ..) => (Choose::percent(100), Some(every)),
        ("fixed", Some(n), _) if n <= 1000.0 => (Choose::count(n as u32), None),
        ("fixed-percent", _, Some(n)) => (Choose::percent(n), None),
        ("random-max-percent", _, Some(n)) => {
            (Choose::percent(n), Some("there a share up to this one is drawn; here it is always this one"))
        }
        _ => {
            aim.component = Err(format!("`mode` {} with its `value` is not a choice of replicas", mode.value));
            return aim.lost(&mode, "not a choice of replicas");
        }
    };
    aim.choose(&mode, chosen.clone(), caveat);
    if let Some(value) = value {
        aim.choose(&value, chosen, caveat);
    }
}
