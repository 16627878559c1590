//! A part of a YAML document that knows its line.

use crate::documents::yaml::Located;
use serde_json::Value;

/// A node and where it stands.
#[derive(Clone)]
pub(super) struct Part<'a> {
    pub(super) file: &'a str,
    located: &'a Located,
    pointer: String,
    pub(super) value: &'a Value,
}

impl<'a> Part<'a> {
    pub(super) fn whole(file: &'a str, located: &'a Located) -> Self {
        Part { file, located, pointer: String::new(), value: &located.value }
    }

    pub(super) fn line(&self) -> usize {
        self.located.line(&self.pointer)
    }

    /// The part below these keys.
    pub(super) fn at(&self, keys: &[&str]) -> Option<Part<'a>> {
        let mut part = self.clone();
        for key in keys {
            part.value = part.value.get(key)?;
            part.pointer = format!("{}/{}", part.pointer, key.replace('~', "~0").replace('/', "~1"));
        }
        Some(part)
    }

    /// Text below these keys; a number is one, too.
    pub(super) fn text(&self, keys: &[&str]) -> Option<String> {
        match self.at(keys)?.value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(yes) => Some(yes.to_string()),
            _ => None,
        }
    }

    /// A number below these keys; a text of one is one, too.
    pub(super) fn number(&self, keys: &[&str]) -> Option<f64> {
        self.text(keys)?.trim().parse().ok().filter(|number: &f64| number.is_finite())
    }

    /// The entries of the list below these keys.
    pub(super) fn items(&self, keys: &[&str]) -> Vec<Part<'a>> {
        let Some(list) = self.at(keys) else { return Vec::new() };
        let entries = list.value.as_array().into_iter().flatten().enumerate();
        entries.map(|(i, value)| Part { pointer: format!("{}/{i}", list.pointer), value, ..list.clone() }).collect()
    }
}
