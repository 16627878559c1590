//! Nothing is dropped silently: every leaf of a source has a line, its own or that of an ancestor.

use super::fixtures;
use chaos::fault::CATALOGUE;
use chaos::import::{Imported, Line, import, text};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Paths from the root to each leaf, as the reports write them: the path of each value on the way.
fn chains(value: &Value, chain: &mut Vec<String>, all: &mut Vec<Vec<String>>) {
    let here = chain.last().cloned().unwrap_or_default();
    let children: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(key, value)| (step(&here, key), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(n, item)| (format!("{here}[{n}]"), item)).collect(),
        _ => Vec::new(),
    };
    if children.is_empty() {
        all.push(chain.clone());
    }
    for (path, child) in children {
        chain.push(path);
        chains(child, chain, all);
        chain.pop();
    }
}

fn step(here: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    match (plain, here.is_empty()) {
        (true, true) => key.into(),
        (true, false) => format!("{here}.{key}"),
        (false, _) => format!("{here}[{}]", Value::from(key)),
    }
}

/// A line that says of a key, which may hold more, that it became a fault: what is below needs lines of its own.
fn is_fault(line: &Line) -> bool {
    let kind = |becomes: &String| CATALOGUE.iter().any(|declaration| declaration.kind == becomes);
    line.becomes.as_ref().is_some_and(kind)
}

/// Panics when a leaf is missing, or the experiment is not valid as it stands.
pub fn check(document: &Value, imported: &Imported) {
    let mut all = Vec::new();
    chains(document, &mut vec![String::new()], &mut all);
    for chain in all {
        let leaf = chain.last().expect("a chain ends at a leaf");
        let tells = |line: &&Line| line.key == *leaf || (chain.contains(&line.key) && !is_fault(line));
        let told = imported.lines.iter().find(tells).is_some();
        assert!(told, "no line for {chain:?} in\n{}", text(imported));
    }
    for fault in &imported.missing {
        let kind = fault["kind"].as_str().expect("a fault has a kind");
        assert!(CATALOGUE.iter().all(|declaration| declaration.kind != kind), "this build has {kind}");
        assert!(fault["target"].as_str().is_some_and(|target| !target.is_empty()), "{fault}");
    }
    if let Some(experiment) = &imported.experiment {
        let problems = experiment.problems(None);
        assert!(problems.is_empty(), "{problems:?}");
        let again = serde_json::to_value(experiment).expect("an experiment is JSON");
        assert_eq!(&serde_json::from_value::<chaos::document::Experiment>(again).expect("it reads back"), experiment);
    }
}

fn check_all(documents: &[Value]) {
    let imported = import(documents).expect("the tool is known");
    let documents: Vec<_> = documents.iter().filter(|document| !document.is_null()).collect();
    assert_eq!(imported.len(), documents.len(), "one report for each document");
    for (document, imported) in documents.into_iter().zip(&imported) {
        check(document, imported);
    }
}

#[test]
fn every_leaf_of_every_example_has_a_line() {
    for (tool, _) in fixtures::TOOLS {
        for documents in fixtures::of(tool).values() {
            check_all(documents);
        }
    }
}

/// Adds a member to the `n`th object of a document, counted through.
fn add(value: &mut Value, n: &mut usize, key: &str, extra: &Value) -> bool {
    match value {
        Value::Object(members) => {
            if *n == 0 {
                members.insert(key.into(), extra.clone());
                return true;
            }
            *n -= 1;
            members.values_mut().any(|member| add(member, n, key, extra))
        }
        Value::Array(items) => items.iter_mut().any(|item| add(item, n, key, extra)),
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn keys_that_nobody_knows_are_told(
        tool in 0..4_usize,
        pick in any::<prop::sample::Index>(),
        places in prop::collection::vec((0..40_usize, "[a-z. /\"\\[]{1,12}", 0..4_usize), 1..6),
    ) {
        let files: Vec<_> = fixtures::of(fixtures::TOOLS[tool].0).values().collect();
        let mut documents = files[pick.index(files.len())].to_vec();
        let extras = [json!(7), json!("some text"), json!({"deep": [1, {"er": null}]}), json!([])];
        for (n, key, extra) in places {
            // An unknown key: a leading x keeps it from being one of theirs.
            let key = format!("x{key}");
            for document in &mut documents {
                add(document, &mut n.clone(), &key, &extras[extra]);
            }
        }
        check_all(&documents);
    }
}
