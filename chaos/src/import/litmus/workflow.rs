//! Argo workflows that apply engines.

use super::super::node::Node;
use super::{Work, resource};
use serde_json::Value;

/// JSON pointers of texts that are documents themselves: manifests that an Argo workflow carries as raw data. Whoever
/// reads files parses them and puts the values in their place before `import`; left as texts they are refused.
pub fn embedded(document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), document)];
    while let Some((pointer, value)) = open.pop() {
        match value {
            Value::String(text) if pointer.ends_with("/raw/data") && text.contains("litmuschaos.io") => {
                found.push(pointer);
            }
            Value::Array(items) => {
                open.extend(items.iter().enumerate().map(|(n, item)| (format!("{pointer}/{n}"), item)));
            }
            Value::Object(members) => open.extend(members.iter().map(|(key, value)| {
                let key = key.replace('~', "~0").replace('/', "~1");
                (format!("{pointer}/{key}"), value)
            })),
            _ => (),
        }
    }
    found.sort();
    found
}

/// Whether a workflow carries an engine, as a value or as a text.
pub(super) fn has_engine(document: &Value) -> bool {
    let mut open = vec![document];
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) if text.contains("litmuschaos.io") && text.contains("ChaosEngine") => return true,
            Value::String(text) if text == "ChaosEngine" => return true,
            Value::Array(items) => open.extend(items),
            Value::Object(members) => open.extend(members.values()),
            _ => (),
        }
    }
    false
}

/// Engines of the templates become steps, in the order of the templates.
pub(super) fn read(root: &Node, work: &mut Work) {
    let spec = root.at(&["spec", "workflowSpec"]).or_else(|| root.get("spec"));
    let Some(spec) = spec else { return };
    for (key, node) in root.get("spec").map(|spec| spec.members()).unwrap_or_default() {
        if !matches!(key, "workflowSpec" | "templates") {
            work.sheet.caveat(&node, None, "belongs to how the workflow runs in a cluster");
        }
    }
    for (key, node) in spec.members() {
        if key != "templates" {
            work.sheet.caveat(&node, None, "belongs to how the workflow runs in a cluster");
        }
    }
    for template in spec.get("templates").map(|templates| templates.items()).unwrap_or_default() {
        self::template(&template, work);
    }
}

fn template(template: &Node, work: &mut Work) {
    for (key, node) in template.members() {
        match key {
            "name" => work.sheet.plain(&node),
            "steps" | "dag" => {
                let why = "the steps of the experiment follow the order of the templates";
                work.sheet.caveat(&node, Some("method"), why);
            }
            "inputs" => (),
            "container" | "script" | "resource" => {
                work.sheet.not(&node, "runs a container; an experiment from a file never does");
            }
            _ => (),
        }
    }
    for artifact in template.at(&["inputs", "artifacts"]).map(|node| node.items()).unwrap_or_default() {
        for key in ["name", "path"] {
            if let Some(node) = artifact.get(key) {
                work.sheet.plain(&node);
            }
        }
        match artifact.at(&["raw", "data"]) {
            Some(data) if data.value.is_object() => resource(&data, work),
            Some(data) => work.sheet.not(&data, "a document inside a text; take it out into a file of its own"),
            None => (),
        }
    }
}
