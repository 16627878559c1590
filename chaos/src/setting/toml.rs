//! TOML as a value, and where one stands.

use super::key::{KeyPath, Part};
use serde_json::{Map, Value};
use std::ops::Range;
use toml_edit::{Document, Item};

pub(super) fn read(text: &str) -> Result<Value, String> {
    match Document::parse(text) {
        Ok(document) => Ok(item(document.as_item())),
        // Not with its own text, which shows the line: values are nobody's business.
        Err(error) => {
            let before = error.span().and_then(|place| text.get(..place.start)).unwrap_or_default();
            Err(format!("line {}: {}", before.matches('\n').count() + 1, error.message()))
        }
    }
}

pub(super) fn find(text: &str, key: &KeyPath) -> Option<Range<usize>> {
    let document = Document::parse(text).ok()?;
    let step = |item: &'_ Item, part: &Part| -> Option<Item> {
        match part {
            Part::Name(name) => item.get(name).cloned(),
            Part::Entry(number) => item.get(number).cloned(),
        }
    };
    key.parts().iter().try_fold(document.as_item().clone(), |item, part| step(&item, part))?.span()
}

fn item(item: &Item) -> Value {
    match item {
        Item::None => Value::Null,
        Item::Value(value) => single(value),
        Item::Table(table) => table.iter().map(|(name, below)| (name.to_owned(), self::item(below))).collect(),
        Item::ArrayOfTables(tables) => tables
            .iter()
            .map(|table| {
                Value::Object(table.iter().map(|(name, below)| (name.to_owned(), self::item(below))).collect())
            })
            .collect(),
    }
}

fn single(value: &toml_edit::Value) -> Value {
    match value {
        toml_edit::Value::String(text) => text.value().as_str().into(),
        toml_edit::Value::Integer(number) => (*number.value()).into(),
        toml_edit::Value::Float(number) => (*number.value()).into(),
        toml_edit::Value::Boolean(truth) => (*truth.value()).into(),
        toml_edit::Value::Datetime(time) => time.value().to_string().into(),
        toml_edit::Value::Array(all) => all.iter().map(single).collect(),
        toml_edit::Value::InlineTable(table) => {
            Value::Object(table.iter().map(|(name, below)| (name.to_owned(), single(below))).collect::<Map<_, _>>())
        }
    }
}
