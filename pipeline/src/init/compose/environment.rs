//! `environment`: a map, or a list of `NAME=VALUE`.

use super::command::text_of;
use serde_json::Value;
use std::collections::BTreeMap;

/// The variables, and the names without a value anywhere: Compose leaves those out.
pub(super) fn of(service: &Value, look: &dyn Fn(&str) -> Option<String>) -> (BTreeMap<String, String>, Vec<String>) {
    let mut given: Vec<(String, Option<String>)> = Vec::new();
    match service.get("environment") {
        Some(Value::Object(map)) => {
            given.extend(map.iter().map(|(k, v)| (k.clone(), (!v.is_null()).then(|| text_of(v)))));
        }
        Some(Value::Array(items)) => given.extend(items.iter().map(|item| {
            let text = text_of(item);
            match text.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (text, None),
            }
        })),
        _ => {}
    }
    let (mut variables, mut absent) = (BTreeMap::new(), Vec::new());
    for (name, value) in given {
        match value.or_else(|| look(&name)) {
            Some(value) => drop(variables.insert(name, value)),
            None => absent.push(name),
        }
    }
    (variables, absent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_map_and_a_list_are_the_same() {
        let look = |name: &str| (name == "HERE").then(|| "h".to_owned());
        let map = of(&json!({"environment": {"A": 1, "B": true, "HERE": null, "NOT": null}}), &look);
        let list = of(&json!({"environment": ["A=1", "B=true", "HERE", "NOT"]}), &look);
        assert_eq!(map, list);
        assert_eq!(map.0["HERE"], "h");
        assert_eq!(map.1, ["NOT"]);
    }
}
