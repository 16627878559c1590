use super::*;
use serde_json::json;

fn document(components: serde_json::Value) -> Processes {
    serde_json::from_value(
        json!({"apiVersion": "mettle/v1", "kind": "Processes", "metadata": {"name": "shop"}, "components": components}),
    )
    .unwrap()
}

#[test]
fn a_short_description_is_enough() {
    let doc = document(json!([{"name": "web", "command": ["server", "{port}"]}]));
    assert_eq!(doc.problems(), vec![]);
    let web = &doc.components[0];
    assert_eq!(web.health.check(), Check::Tcp);
    assert_eq!(web.restart.policy, RestartPolicy::Always);
    assert!(web.user);
}

#[test]
fn all_problems_come_at_once_with_their_keys() {
    let doc = document(json!([
        {"name": "User!", "command": [], "metrics": "m", "health": {"http": "x", "tcp": false, "deadline": "0s"}},
        {"name": "b", "command": ["x"], "reaches": {"b": "B", "nobody": "1X"}, "reachesFormat": "{host}",
         "env": {"METTLE_X": "{port}"}, "logs": {"maxSize": "1B", "keep": 1000}, "restart": {"max": 5000, "within": "0s"}},
        {"name": "b", "command": ["x", "{port}"], "env": {"A": ""}, "reaches": {"User!": "A"}},
    ]));
    let keys: Vec<String> = doc.problems().into_iter().map(|p| p.key).collect();
    for wanted in [
        "components[0].name",
        "components[0].command",
        "components[0].health",
        "components[0].health.tcp",
        "components[0].health.http",
        "components[0].health.deadline",
        "components[0].metrics",
        "components[1].reaches.b",
        "components[1].reaches.nobody",
        "components[1].reachesFormat",
        "components[1].env.METTLE_X",
        "components[1].logs.maxSize",
        "components[1].logs.keep",
        "components[1].restart.max",
        "components[1].restart.within",
        "components[2].name",
        "components[2].reaches.User!",
    ] {
        assert!(keys.iter().any(|k| k == wanted), "{wanted} missing in {keys:?}");
    }
}

#[test]
fn unknown_keys_are_refused() {
    let bad = json!({"apiVersion": "mettle/v1", "kind": "Processes", "metadata": {"name": "s"},
        "components": [{"name": "a", "command": ["a"], "comand": []}]});
    assert!(serde_json::from_value::<Processes>(bad).unwrap_err().to_string().contains("comand"));
}
