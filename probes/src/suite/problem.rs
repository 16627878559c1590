//! What a schema cannot say about a document.

/// One objection to a document; all of them are reported at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: `journeys[0].steps[1].asserts[2]`.
    pub key: String,
    /// What stands there.
    pub value: String,
    /// What is wrong with it.
    pub message: String,
    /// What to write instead.
    pub remedy: String,
}

impl Problem {
    pub(crate) fn new(key: &str, value: &str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { key: key.to_owned(), value: value.to_owned(), message: message.into(), remedy: remedy.into() }
    }
}
