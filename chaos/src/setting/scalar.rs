//! A single value of a settings file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use std::fmt;

/// Truth, number or text. It may be a secret: its debug form does not tell it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Scalar {
    /// `true` or `false`.
    Truth(bool),
    /// A number.
    Number(Number),
    /// Text.
    Text(String),
}

impl fmt::Debug for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Scalar {
    /// As JSON has it.
    pub(super) fn value(&self) -> Value {
        match self {
            Scalar::Truth(truth) => Value::Bool(*truth),
            Scalar::Number(number) => Value::Number(number.clone()),
            Scalar::Text(text) => Value::String(text.clone()),
        }
    }

    /// As JSON writes it: text between double quotes.
    pub(super) fn quoted(&self) -> String {
        self.value().to_string()
    }

    /// Without quotes.
    pub fn plain(&self) -> String {
        match self {
            Scalar::Text(text) => text.clone(),
            other => other.quoted(),
        }
    }
}
