//! The way to a value: `features.newCheckout`, `servers[0].on`, `"a.b".c`.

use super::SettingError;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// Most keys that an error lists.
const LISTED: usize = 20;

/// Names of keys and numbers of entries, from the outside in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyPath(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Name(String),
    Entry(usize),
}

/// A text that is no way to a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no path of keys; write features.newCheckout, servers[0].on or \"a.b\".c")]
pub struct KeyError {
    /// What was given.
    pub text: String,
}

impl FromStr for KeyPath {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() || parts.is_empty() {
            let (part, behind) = split(rest, parts.is_empty()).ok_or_else(|| KeyError { text: text.to_owned() })?;
            parts.push(part);
            rest = behind;
        }
        Ok(Self(parts))
    }
}

/// The first part, and the rest.
fn split(text: &str, is_first: bool) -> Option<(Part, &str)> {
    if let Some(inner) = text.strip_prefix('[') {
        let (number, rest) = inner.split_once(']')?;
        return Some((Part::Entry(number.parse().ok()?), rest));
    }
    let text = if is_first { text } else { text.strip_prefix('.')? };
    if let Some(inner) = text.strip_prefix('"') {
        let (name, rest) = inner.split_once('"')?;
        return Some((Part::Name(name.to_owned()), rest));
    }
    let end = text.find(['.', '[']).unwrap_or(text.len());
    let name = &text[..end];
    let legal = !name.is_empty() && !name.contains(['"', ']']);
    legal.then(|| (Part::Name(name.to_owned()), &text[end..]))
}

impl fmt::Display for KeyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, part) in self.0.iter().enumerate() {
            let dot = if n == 0 { "" } else { "." };
            match part {
                Part::Entry(number) => write!(f, "[{number}]")?,
                Part::Name(name) if name.is_empty() || name.contains(['.', '[', ']']) => write!(f, "{dot}\"{name}\"")?,
                Part::Name(name) => write!(f, "{dot}{name}")?,
            }
        }
        Ok(())
    }
}

impl JsonSchema for KeyPath {
    fn schema_name() -> Cow<'static, str> {
        "KeyPath".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "minLength": 1,
            "description": "the way to a value: features.newCheckout, servers[0].on, \"a.b\".c"})
    }
}

impl TryFrom<String> for KeyPath {
    type Error = KeyError;
    fn try_from(text: String) -> Result<Self, KeyError> {
        text.parse()
    }
}

impl From<KeyPath> for String {
    fn from(key: KeyPath) -> String {
        key.to_string()
    }
}

impl KeyPath {
    pub(super) fn parts(&self) -> &[Part] {
        &self.0
    }

    /// The value there.
    pub(super) fn of<'v>(&self, whole: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(whole, step)
    }

    pub(super) fn of_mut<'v>(&self, whole: &'v mut Value) -> Option<&'v mut Value> {
        self.0.iter().try_fold(whole, |value, part| match part {
            Part::Name(name) => value.get_mut(name),
            Part::Entry(number) => value.get_mut(number),
        })
    }

    /// What there is where this key leads nowhere.
    pub(super) fn missing(&self, whole: &Value) -> SettingError {
        let mut at = whole;
        for part in &self.0 {
            let Some(below) = step(at, part) else { break };
            at = below;
        }
        let known = match at {
            Value::Object(map) if !map.is_empty() => {
                let more = if map.len() > LISTED { ", ..." } else { "" };
                map.keys().take(LISTED).cloned().collect::<Vec<_>>().join(", ") + more
            }
            Value::Array(all) if !all.is_empty() => format!("[0] to [{}]", all.len() - 1),
            _ => "no keys".to_owned(),
        };
        SettingError::Missing { key: self.to_string(), known }
    }
}

fn step<'v>(value: &'v Value, part: &Part) -> Option<&'v Value> {
    match part {
        Part::Name(name) => value.get(name),
        Part::Entry(number) => value.get(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_is_written() {
        for text in
            ["on", "features.newCheckout", "servers[0].on", "\"a.b\".c", "[2][3]", "a.\"\"", "feature-x.\"[y]\""]
        {
            assert_eq!(text.parse::<KeyPath>().map(|key| key.to_string()).as_deref(), Ok(text));
        }
        for text in ["", ".", "a.", ".a", "a..b", "a[", "a[x]", "a]", "\"a", "\"a\"b", "a[0]b"] {
            assert!(text.parse::<KeyPath>().is_err(), "{text}");
        }
    }
}
