//! Chaos Mesh resources: the kinds of chaos, Schedule, Workflow, StatusCheck.

mod http;
mod network;
mod part;
mod pod;
mod resources;
mod schedule;
mod selector;
mod status_check;
mod workflow;

use super::draft::{Draft, REST_MS, TOO_MANY};
use super::node::Node;
use super::sheet::Sheet;
use super::{Imported, Origin, finished, labels, name_of};
use crate::span::Span;
use serde_json::Value;

/// Kinds of chaos, and the key under which Schedule and Workflow carry their specification.
const KINDS: [(&str, &str); 15] = [
    ("PodChaos", "podChaos"),
    ("NetworkChaos", "networkChaos"),
    ("StressChaos", "stressChaos"),
    ("IOChaos", "ioChaos"),
    ("IoChaos", "ioChaos"),
    ("TimeChaos", "timeChaos"),
    ("DNSChaos", "dnsChaos"),
    ("HTTPChaos", "httpChaos"),
    ("JVMChaos", "jvmChaos"),
    ("KernelChaos", "kernelChaos"),
    ("AWSChaos", "awsChaos"),
    ("GCPChaos", "gcpChaos"),
    ("AzureChaos", "azureChaos"),
    ("BlockChaos", "blockChaos"),
    ("PhysicalMachineChaos", "physicalmachineChaos"),
];

/// A report and an experiment under construction.
pub(super) struct Work {
    pub sheet: Sheet,
    pub draft: Draft,
}

pub(super) fn recognises(document: &Value) -> bool {
    let version = document.get("apiVersion").and_then(Value::as_str);
    version.is_some_and(|version| version.split('/').next().is_some_and(|group| group.ends_with("chaos-mesh.org")))
}

pub(super) fn import(document: &Value) -> Vec<Imported> {
    let root = Node::root(document);
    let mut work = Work { sheet: Sheet::default(), draft: Draft::default() };
    heading(&root, &mut work.sheet);
    let kind = root.get("kind").and_then(|kind| kind.text()).unwrap_or_default();
    match (kind, root.get("spec")) {
        (_, None) => {
            work.sheet.not(&root, "the resource has no `spec`");
        }
        ("Schedule", Some(spec)) => schedule::import(&spec, &mut work),
        ("Workflow", Some(spec)) => workflow::import(&spec, &mut work),
        ("StatusCheck", Some(spec)) => status_check::import(&spec, &mut work.sheet),
        (kind, Some(spec)) if is_chaos(kind) => {
            let part = part::read(kind, &spec, &mut work);
            if !work.draft.step(part.faults, part.hold, Span::from_ms(REST_MS)) {
                work.sheet.not(&spec, TOO_MANY);
            }
        }
        (kind, Some(spec)) => work.sheet.not(&spec, format!("`{kind}` is no experiment")),
    }
    let name = name_of(&root);
    let experiment = work.draft.build(&name);
    vec![finished(Origin::ChaosMesh, &root, work.sheet, experiment)]
}

fn is_chaos(kind: &str) -> bool {
    KINDS.iter().any(|(name, _)| *name == kind)
}

fn heading(root: &Node, sheet: &mut Sheet) {
    for key in ["apiVersion", "kind"] {
        if let Some(node) = root.get(key) {
            sheet.exact(&node, key);
        }
    }
    for (key, node) in root.get("metadata").map(|metadata| metadata.members()).unwrap_or_default() {
        match key {
            "name" | "generateName" => sheet.exact(&node, "metadata.name"),
            "namespace" => sheet.caveat(&node, None, labels::NO_NAMESPACE),
            "labels" | "annotations" => sheet.not(&node, "our metadata holds a name and owners only"),
            _ => (),
        }
    }
    if let Some(status) = root.get("status") {
        sheet.not(&status, "what happened to the resource before; an import starts anew");
    }
}
