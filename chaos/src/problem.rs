//! What is wrong in a document, as data.

use serde::Serialize;

/// One problem in a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Path of the key, `method[0].fault.delay`.
    pub key: String,
    /// The value found.
    pub value: String,
    /// What is wrong with it.
    pub message: String,
    /// What to write instead.
    pub remedy: String,
}

impl Problem {
    /// A problem with the value at `key`.
    pub fn new(key: impl Into<String>, value: impl ToString, message: &str, remedy: impl Into<String>) -> Self {
        Self { key: key.into(), value: value.to_string(), message: message.into(), remedy: remedy.into() }
    }
}
