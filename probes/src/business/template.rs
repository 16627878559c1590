//! Texts with `{{name}}` in them.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use std::collections::BTreeMap;

/// Names that make a new value each time.
pub(super) const MADE: [&str; 2] = ["random", "uuid"];

/// `{{random}}` is below this: nine digits fit every integer type a product may use.
const RANDOM_BELOW: u64 = 1_000_000_000;

/// A name that has no value (yet).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NoValue(pub(super) String);

/// Values of one run of a journey.
#[derive(Debug)]
pub(super) struct Values {
    pub(super) known: BTreeMap<String, Value>,
    pub(super) chance: ChaCha8Rng,
}

impl Values {
    /// Replaces every `{{name}}`.
    pub(super) fn fill(&mut self, text: &str) -> Result<String, NoValue> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, name, after)) = next_name(rest) {
            out.push_str(before);
            match self.value(name)? {
                Value::String(text) => out.push_str(&text),
                other => out.push_str(&other.to_string()),
            }
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }

    /// Replaces in every string of a JSON value; a string that is one `{{name}}` alone takes the value's own type.
    pub(super) fn fill_json(&mut self, value: &Value) -> Result<Value, NoValue> {
        Ok(match value {
            Value::String(text) => match next_name(text) {
                Some(("", name, "")) => self.value(name)?,
                _ => Value::String(self.fill(text)?),
            },
            Value::Array(items) => {
                Value::Array(items.iter().map(|item| self.fill_json(item)).collect::<Result<_, _>>()?)
            }
            Value::Object(fields) => Value::Object(
                fields
                    .iter()
                    .map(|(key, item)| Ok((key.clone(), self.fill_json(item)?)))
                    .collect::<Result<_, NoValue>>()?,
            ),
            other => other.clone(),
        })
    }

    fn value(&mut self, name: &str) -> Result<Value, NoValue> {
        match name {
            "random" => Ok((self.chance.next_u64() % RANDOM_BELOW).into()),
            "uuid" => Ok(uuid_v4(&mut self.chance).into()),
            _ => self.known.get(name).cloned().ok_or_else(|| NoValue(name.to_owned())),
        }
    }
}

/// Names used in a text.
pub(super) fn names(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, name, after)) = next_name(rest) {
        found.push(name);
        rest = after;
    }
    found
}

fn next_name(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("{{")?;
    let (name, after) = rest.split_once("}}")?;
    Some((before, name.trim(), after))
}

/// RFC 9562, version 4, from the journey's own chance so that a run can be repeated.
fn uuid_v4(chance: &mut ChaCha8Rng) -> String {
    let high = chance.next_u64() & !0xf000 | 0x4000;
    let low = chance.next_u64() & (u64::MAX >> 2) | 1 << 63;
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}
