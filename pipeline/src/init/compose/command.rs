//! `command` and `entrypoint`: a text that is split, or a list.

use super::super::words;
use serde_json::Value;

/// Words of `entrypoint` followed by those of `command`; empty when neither is there.
///
/// # Errors
/// Which key, and why it cannot be split.
pub(super) fn of(service: &Value) -> Result<Vec<String>, (&'static str, String)> {
    let mut all = Vec::new();
    for key in ["entrypoint", "command"] {
        match service.get(key) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => all.extend(words::split(text).map_err(|why| (key, why))?),
            Some(Value::Array(items)) => all.extend(items.iter().map(text_of)),
            Some(_) => return Err((key, "is neither a text nor a list".into())),
        }
    }
    Ok(all)
}

/// A scalar as text.
pub(super) fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| if value.is_null() { String::new() } else { value.to_string() }, str::to_owned)
}

/// Replaces the number `port`, where it stands alone, by `{port}`; whether it was found.
pub(super) fn tell_port(text: &mut String, port: u16) -> bool {
    let number = port.to_string();
    let at = text.match_indices(&number).map(|(at, _)| at).find(|at| {
        let before = text[..*at].chars().next_back();
        let after = text[at + number.len()..].chars().next();
        let joins = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '.' || c == '_');
        !joins(before) && !joins(after)
    });
    if let Some(at) = at {
        text.replace_range(at..at + number.len(), "{port}");
    }
    at.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn entrypoint_comes_before_command() {
        let of = |value| of(&value).unwrap();
        assert_eq!(of(json!({"entrypoint": ["a", 1], "command": "b 'c d'"})), ["a", "1", "b", "c d"]);
        assert_eq!(of(json!({"command": null})), Vec::<String>::new());
        assert_eq!(super::of(&json!({"command": "a 'b"})), Err(("command", "a ' is not closed".into())));
    }

    #[test]
    fn a_port_is_replaced_where_it_stands_alone() {
        for (text, wanted) in [
            ("8000", Some("{port}")),
            ("--listen=0.0.0.0:8000", Some("--listen=0.0.0.0:{port}")),
            ("-p8000", None),
            ("18000", None),
            ("8000.5", None),
            ("v8000", None),
        ] {
            let mut told = text.to_owned();
            assert_eq!(tell_port(&mut told, 8000).then_some(told.as_str()), wanted, "{text}");
        }
    }
}
