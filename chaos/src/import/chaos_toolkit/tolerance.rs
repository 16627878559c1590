//! What a probe must answer, in words.

use super::super::node::Node;
use serde_json::Value;

/// The tolerance in words, or why it has none.
pub(super) fn words(node: &Node) -> Result<String, String> {
    match node.value {
        Value::Bool(_) | Value::Number(_) => Ok(format!("equal to {}", node.value)),
        Value::String(text) => Ok(format!("equal to {text:?}")),
        Value::Array(_) => Ok(format!("one of {}", node.value)),
        Value::Object(_) => of_object(node),
        Value::Null => Err("the tolerance says nothing".into()),
    }
}

fn of_object(node: &Node) -> Result<String, String> {
    let word = |key: &str| node.get(key).and_then(|node| node.word());
    let target = word("target").map(|target| format!(" in its {target}")).unwrap_or_default();
    match (word("type").as_deref(), node.get("range")) {
        (Some("regex"), _) => {
            let pattern = word("pattern").ok_or("a regex tolerance without a `pattern`")?;
            Ok(format!("matching the pattern `{pattern}`{target}"))
        }
        (Some("jsonpath"), _) => {
            let path = word("path").ok_or("a jsonpath tolerance without a `path`")?;
            let expect = match (node.get("expect"), node.get("count")) {
                (Some(expect), _) => format!("giving {}", expect.value),
                (None, Some(count)) => format!("giving {} values", count.value),
                (None, None) => "giving a value".into(),
            };
            Ok(format!("with the JSON path `{path}`{target} {expect}"))
        }
        (Some("range"), Some(range)) => match range.items().as_slice() {
            [low, high] => Ok(format!("from {} to {}{target}", low.value, high.value)),
            _ => Err("a range tolerance needs two numbers".into()),
        },
        (Some("probe"), _) => Err("a tolerance that is code is never run; say it as a limit of a signal".into()),
        (kind, _) => Err(format!("a tolerance of type {} is not known here", kind.unwrap_or("(none)"))),
    }
}
