//! Litmus: ChaosEngine, ChaosSchedule, and engines inside an Argo workflow.

mod engine;
mod environment;
mod experiment;
mod probe;
mod workflow;

pub use workflow::embedded;

use super::draft::Draft;
use super::node::Node;
use super::sheet::Sheet;
use super::{Imported, Origin, finished, labels, name_of};
use serde_json::Value;

/// A report and an experiment under construction.
struct Work {
    sheet: Sheet,
    draft: Draft,
}

pub(super) fn recognises(document: &Value) -> bool {
    let group = document.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    group.starts_with("litmuschaos.io") || (group.starts_with("argoproj.io") && workflow::has_engine(document))
}

pub(super) fn import(document: &Value) -> Vec<Imported> {
    let root = Node::root(document);
    let mut work = Work { sheet: Sheet::default(), draft: Draft::default() };
    resource(&root, &mut work);
    let name = name_of(&root);
    let experiment = work.draft.build(&name);
    vec![finished(Origin::Litmus, &root, work.sheet, experiment)]
}

fn resource(root: &Node, work: &mut Work) {
    heading(root, &mut work.sheet);
    let kind = root.get("kind").and_then(|kind| kind.text()).unwrap_or_default();
    match (kind, root.get("spec")) {
        ("ChaosEngine", Some(spec)) => engine::read(&spec, work),
        ("ChaosSchedule", Some(spec)) => {
            if let Some(schedule) = spec.get("schedule") {
                let why = "when it runs is up to the soak; how often is `repeat`";
                work.sheet.caveat(&schedule, Some("repeat"), why);
            }
            if let Some(state) = spec.some("scheduleState") {
                work.sheet.caveat(&state, None, "an import has no state");
            }
            match spec.get("engineTemplateSpec") {
                Some(engine) => engine::read(&engine, work),
                None => work.sheet.not(&spec, "the schedule has no `engineTemplateSpec`"),
            }
        }
        ("Workflow" | "CronWorkflow" | "WorkflowTemplate", Some(_)) => workflow::read(root, work),
        ("ChaosExperiment", _) => {
            work.sheet.not(root, "the definition of a fault, not an experiment: import the ChaosEngine that uses it");
        }
        (_, None) => work.sheet.not(root, "the resource has no `spec`"),
        (kind, Some(_)) => work.sheet.not(root, format!("`{kind}` is no experiment")),
    }
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
}
