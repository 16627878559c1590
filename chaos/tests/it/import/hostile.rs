//! Documents with wrong types, absurd numbers and any depth: an answer, never a panic.

use super::{coverage, fixtures};
use chaos::import::{ImportError, import, text};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Values that nobody expects.
fn odd() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(-1),
        json!(u64::MAX),
        json!(1e300),
        json!(0.0001),
        json!(""),
        json!("-5s"),
        json!("99999999999999999999h"),
        json!("${x}"),
        json!("${"),
        json!("a=b,c in (d"),
        json!("é€\u{0}\n"),
        json!("<placeholder>"),
        json!("0%"),
        json!("the-entry"),
        json!([]),
        json!([[["x"]], {}]),
        json!({}),
        json!({"type": "env", "name": {"name": 3}, "value": []}),
    ]
}

/// Replaces the `n`th value of a document, counted through.
fn replace(value: &mut Value, n: &mut usize, by: &Value) -> bool {
    if *n == 0 {
        *value = by.clone();
        return true;
    }
    *n -= 1;
    match value {
        Value::Object(members) => members.values_mut().any(|member| replace(member, n, by)),
        Value::Array(items) => items.iter_mut().any(|item| replace(item, n, by)),
        _ => false,
    }
}

fn answer(documents: &[Value]) {
    match import(documents) {
        Ok(imported) => {
            let documents: Vec<_> = documents.iter().filter(|document| !document.is_null()).collect();
            assert_eq!(imported.len(), documents.len());
            for (document, imported) in documents.into_iter().zip(&imported) {
                coverage::check(document, imported);
                assert!(!text(imported).is_empty());
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]
    #[test]
    fn wrong_types_everywhere_get_an_answer(
        tool in 0..4_usize,
        pick in any::<prop::sample::Index>(),
        changes in prop::collection::vec((0..60_usize, any::<prop::sample::Index>()), 1..5),
    ) {
        let files: Vec<_> = fixtures::of(fixtures::TOOLS[tool].0).values().collect();
        let mut documents = files[pick.index(files.len())].to_vec();
        let odd = odd();
        for (n, with) in changes {
            for document in &mut documents {
                replace(document, &mut n.clone(), &odd[with.index(odd.len())]);
            }
        }
        answer(&documents);
    }
}

#[test]
fn each_value_of_each_example_may_be_odd() {
    let odd = odd();
    for (tool, _) in fixtures::TOOLS {
        for (at, documents) in fixtures::of(tool).values().enumerate() {
            for n in 0..40 {
                let mut documents = documents.to_vec();
                for document in &mut documents {
                    replace(document, &mut n.clone(), &odd[(n + at) % odd.len()]);
                }
                answer(&documents);
            }
        }
    }
}

#[test]
fn any_depth_gets_an_answer() {
    let mut deep = json!("the end");
    for _ in 0..2_000 {
        deep = json!({"method": [deep]});
    }
    assert_eq!(import(&[deep]), Err(ImportError::TooDeep { document: 1 }));
}

#[test]
fn templates_that_lead_to_themselves_end() {
    let pair = |name: &str, next: &str| json!({"name": name, "templateType": "Serial", "children": [next, next]});
    let mut templates: Vec<_> = (0..40).map(|n| pair(&format!("t{n}"), &format!("t{}", n + 1))).collect();
    templates.push(json!({"name": "t40", "templateType": "PodChaos", "deadline": "1s", "podChaos":
        {"action": "pod-kill", "mode": "one", "selector": {"labelSelectors": {"app": "web"}}}}));
    templates.push(pair("loop", "loop"));
    let mut document = json!({"apiVersion": "chaos-mesh.org/v1alpha1", "kind": "Workflow", "metadata": {"name": "w"},
        "spec": {"entry": "t0", "templates": templates}});
    let imported = import(std::slice::from_ref(&document)).unwrap();
    let steps = imported[0].experiment.as_ref().unwrap().method.len();
    assert!((1..=200).contains(&steps), "{steps} steps");
    document["spec"]["entry"] = json!("loop");
    let imported = import(std::slice::from_ref(&document)).unwrap();
    coverage::check(&document, &imported[0]);
    assert_eq!(imported[0].experiment, None);
}

#[test]
fn documents_of_nobody_are_named() {
    let documents = [json!({"apiVersion": "apps/v1", "kind": "Deployment"}), json!([1]), json!({"title": "t"})];
    insta::assert_snapshot!(import(&documents).unwrap_err(), @r#"no document comes from a tool that is known here (kind "Deployment" of "apps/v1"; a list of 1; an object with title); known: Chaos Toolkit experiments (`method`, `steady-state-hypothesis`), Chaos Mesh resources (apiVersion chaos-mesh.org), Litmus engines (apiVersion litmuschaos.io), Krkn scenarios (`id: kill-pods`, `node_scenarios`, `hog-type` and others)"#);
    assert_eq!(import(&[]), Err(ImportError::Empty));
    assert_eq!(import(&[Value::Null]), Err(ImportError::Empty));
}
