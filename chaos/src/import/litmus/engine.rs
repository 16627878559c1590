//! The specification of a ChaosEngine.

use super::super::aim::Aim;
use super::super::labels;
use super::super::node::Node;
use super::super::sheet::GOES_WITH;
use super::{Work, experiment, probe};

/// Keys about the machinery of the tool.
const MACHINERY: [&str; 9] = [
    "annotationCheck",
    "chaosServiceAccount",
    "jobCleanUpPolicy",
    "monitoring",
    "terminationGracePeriodSeconds",
    "auxiliaryAppInfo",
    "components",
    "defaultHealthCheck",
    "experimentDefinition",
];

/// Experiments of an engine, one step after the other.
pub(super) fn read(spec: &Node, work: &mut Work) {
    for (key, node) in spec.members() {
        match (key, node.text()) {
            ("engineState", Some("active")) => work.sheet.plain(&node),
            ("engineState", _) => work.sheet.caveat(&node, None, "an import has no state; it runs when it is told to"),
            (key, _) if MACHINERY.contains(&key) && !node.says_nothing() => {
                work.sheet.caveat(&node, None, "belongs to how the other tool works; nothing here needs it");
            }
            _ => (),
        }
    }
    let aim = aim(spec);
    let experiments = spec.get("experiments").map(|experiments| experiments.items()).unwrap_or_default();
    if experiments.is_empty() {
        work.sheet.not(spec, "the engine has no experiments");
    }
    // Where an experiment uses them, its own lines for these keys outweigh this one.
    for (node, ..) in &aim.keys {
        work.sheet.not(node, format!("{GOES_WITH}the experiments, of which none can be had"));
    }
    for item in experiments {
        experiment::read(&item, &aim, work);
        for probe in item.at(&["spec", "probe"]).map(|probes| probes.items()).unwrap_or_default() {
            probe::read(&probe, &mut work.sheet);
        }
        for (key, node) in item.at(&["spec", "components"]).map(|node| node.members()).unwrap_or_default() {
            if key != "env" && !node.says_nothing() {
                let why = "belongs to the pods of the other tool; nothing here needs it";
                work.sheet.caveat(&node, None, why);
            }
        }
    }
}

/// The application of `appinfo`, or of `selectors`.
fn aim<'a>(spec: &Node<'a>) -> Aim<'a> {
    let mut aim = Aim::unknown("the engine names no application (`appinfo.applabel`); fill it in and import again");
    for (key, node) in spec.get("appinfo").map(|info| info.members()).unwrap_or_default() {
        match key {
            "applabel" if !node.says_nothing() => aim.by_selector(&node),
            "appns" if !node.says_nothing() => aim.note(&node, labels::NO_NAMESPACE),
            "appkind" if !node.says_nothing() => aim.note(&node, "a component has no kind; its replicas are drawn"),
            _ => (),
        }
    }
    let workloads = spec.at(&["selectors", "workloads"]).map(|node| node.items()).unwrap_or_default();
    for workload in workloads {
        for (key, node) in workload.members() {
            match key {
                "names" if aim.component.is_err() => aim.by_name(&node, "workload"),
                "labels" if aim.component.is_err() => aim.by_selector(&node),
                "namespace" => aim.note(&node, labels::NO_NAMESPACE),
                "kind" => aim.note(&node, "a component has no kind; its replicas are drawn"),
                _ => (),
            }
        }
    }
    aim
}
