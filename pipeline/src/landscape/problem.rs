//! What is wrong with a document, in a form that a person can act on.

/// One problem of a document: where, what was written, why it is wrong, what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Path of the key, `components[0].health.http`.
    pub key: String,
    /// The value as written.
    pub value: String,
    /// What is wrong with it.
    pub message: String,
    /// What to write instead.
    pub remedy: String,
}
