//! `configuration`, and `${name}` in the texts of the experiment.

use super::super::Variables;
use super::super::node::Node;
use super::super::sheet::Sheet;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Parts of the document whose texts stay as they are.
const LEFT: [&str; 2] = ["configuration", "secrets"];

/// The document with the values of the configuration in place of `${name}`. Names without a value stay.
pub(super) fn resolve(document: &Value, variables: &Variables) -> Value {
    let configuration = document.get("configuration").and_then(Value::as_object);
    let values: BTreeMap<&str, Value> = configuration
        .into_iter()
        .flatten()
        .filter_map(|(name, entry)| Some((name.as_str(), value(name, entry, variables)?)))
        .collect();
    let Some(members) = document.as_object().filter(|_| !values.is_empty()) else { return document.clone() };
    let member = |(key, value): (&String, &Value)| {
        let left = LEFT.contains(&key.as_str());
        (key.clone(), if left { value.clone() } else { put(value, &values) })
    };
    Value::Object(members.iter().map(member).collect::<Map<_, _>>())
}

/// The variable that is given for an entry, by its own name or by that of the environment variable.
fn given<'v>(name: &str, entry: &Value, variables: &'v Variables) -> Option<&'v Value> {
    let key = entry.get("key").and_then(Value::as_str);
    variables.get(name).or_else(|| variables.get(key?))
}

/// What an entry stands for: a given variable, or as far as the file says it, a scalar or the default of an environment
/// variable.
fn value(name: &str, entry: &Value, variables: &Variables) -> Option<Value> {
    if let Some(value) = given(name, entry, variables) {
        return Some(value.clone());
    }
    let scalar = |value: &Value| (value.is_string() || value.is_number() || value.is_boolean()).then(|| value.clone());
    match entry.get("type").and_then(Value::as_str) {
        Some("env") => entry.get("default").and_then(scalar),
        Some(_) => None,
        None => scalar(entry),
    }
}

fn put(value: &Value, values: &BTreeMap<&str, Value>) -> Value {
    match value {
        Value::String(text) => put_text(text, values),
        Value::Array(items) => items.iter().map(|item| put(item, values)).collect(),
        Value::Object(members) => {
            let put = |(key, value): (&String, &Value)| (key.clone(), put(value, values));
            Value::Object(members.iter().map(put).collect())
        }
        scalar => scalar.clone(),
    }
}

/// A text that is nothing but a name takes the value with its type.
fn put_text(text: &str, values: &BTreeMap<&str, Value>) -> Value {
    if let Some(value) = name(text).and_then(|name| values.get(name)) {
        return value.clone();
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, from) = rest.split_at(start);
        out.push_str(before);
        let end = from.find('}').map_or(from.len(), |end| end + 1);
        let (reference, after) = from.split_at(end);
        match name(reference).and_then(|name| values.get(name)) {
            Some(Value::String(value)) => out.push_str(value),
            Some(value) => out.push_str(&value.to_string()),
            None => out.push_str(reference),
        }
        rest = after;
    }
    out.push_str(rest);
    Value::String(out)
}

fn name(text: &str) -> Option<&str> {
    let name = text.strip_prefix("${")?.strip_suffix('}')?;
    (!name.contains(['{', '}'])).then(|| name.trim())
}

/// A line for each entry.
pub(super) fn report(node: &Node, variables: &Variables, sheet: &mut Sheet) {
    for (name, entry) in node.members() {
        if given(name, entry.value, variables).is_some() {
            sheet.caveat(
                &entry,
                Some("the texts that refer to it"),
                "the value that was given for the import is taken",
            );
            continue;
        }
        let kind = entry.get("type").and_then(|kind| kind.text());
        match (kind, value(name, entry.value, variables)) {
            (None, Some(_)) => sheet.exact(&entry, "the texts that refer to it"),
            (Some(kind), Some(_)) => {
                // The value itself is left to the line, which hides those of secrets.
                let why = format!("its default is taken; the variable of the `{kind}` is not read");
                sheet.caveat(&entry, Some("the texts that refer to it"), why);
            }
            (Some(kind), None) => {
                let why = format!(
                    "the value comes from `{kind}` at run time there; give `{name}` to the import, or keys with \
                     ${{{name}}} cannot be read"
                );
                sheet.not(&entry, why);
            }
            (None, None) => sheet.not(&entry, "only single values are put into texts"),
        }
    }
}
