//! Chaos Toolkit experiments.

mod action;
mod cluster;
mod configuration;
mod mesh;
mod method;
mod probe;
mod tolerance;
mod toxic;

use super::draft::Draft;
use super::node::Node;
use super::sheet::Sheet;
use super::{Imported, Origin, Variables, finished, name_of};
use serde_json::Value;

pub(super) fn recognises(document: &Value) -> bool {
    let Some(members) = document.as_object() else { return false };
    let ours = ["method", "steady-state-hypothesis", "rollbacks"];
    !members.contains_key("apiVersion") && ours.iter().any(|key| members.contains_key(*key))
}

pub(super) fn import(document: &Value, variables: &Variables) -> Vec<Imported> {
    let resolved = configuration::resolve(document, variables);
    let root = Node::root(&resolved);
    let mut sheet = Sheet::default();
    let mut draft = Draft::default();
    for (key, node) in root.members() {
        heading((key, &node), variables, &mut sheet, &mut draft);
    }
    method::import(&root, &mut sheet, &mut draft);
    let name = name_of(&root);
    let experiment = draft.build(&name);
    vec![Imported { name, ..finished(Origin::ChaosToolkit, &Node::root(document), sheet, experiment) }]
}

fn heading((key, node): (&str, &Node), variables: &Variables, sheet: &mut Sheet, draft: &mut Draft) {
    match key {
        "title" => sheet.exact(node, "metadata.name"),
        "version" => sheet.plain(node),
        "description" | "contributions" | "tags" => {
            sheet.caveat(node, None, "not kept: our metadata holds a name and owners; a comment can hold it");
        }
        "extensions" => sheet.caveat(node, None, "data of other programs, not kept"),
        "controls" => sheet.caveat(node, None, "code around the activities; it is never run"),
        "dry" | "dry_run" => sheet.caveat(node, None, "`mettle chaos plan` shows everything without running it"),
        "runtime" => {
            sheet.caveat(node, None, "faults are always undone, and the hypothesis is judged in every phase");
        }
        "configuration" => configuration::report(node, variables, sheet),
        "secrets" => sheet.caveat(node, None, "never taken over: a landscape needs no access to a cluster or a cloud"),
        "steady-state-hypothesis" => {
            if let Some(title) = node.get("title") {
                sheet.exact(&title, "hypothesis.title");
                draft.title = title.text().filter(|title| !title.is_empty()).map(str::to_string);
            }
            if let Some(controls) = node.some("controls") {
                sheet.caveat(&controls, None, "code around the activities; it is never run");
            }
            for item in node.get("probes").map(|probes| probes.items()).unwrap_or_default() {
                probe::import(&item, sheet);
                for key in ["pauses", "background"] {
                    if let Some(node) = item.some(key) {
                        sheet.caveat(&node, None, "signals are measured all the time");
                    }
                }
            }
        }
        _ => (),
    }
}
