//! One reason of a decision.

use serde::{Deserialize, Serialize};

/// Weight of a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// For information.
    Info,
    /// Noteworthy.
    Warn,
    /// Why it is not an allow.
    Error,
}

/// One reason; every field is always there, empty when it has nothing to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// Stable code, `score_below`.
    pub code: String,
    /// Weight.
    pub severity: Severity,
    /// Sentence for people.
    pub text: String,
    /// What was seen, with unit.
    pub observed: String,
    /// What was wanted, with unit.
    pub wanted: String,
    /// Where more is told.
    pub link: String,
}

impl Reason {
    fn new(code: &str, severity: Severity, text: impl Into<String>) -> Self {
        let (observed, wanted, link) = Default::default();
        Reason { code: code.to_owned(), severity, text: text.into(), observed, wanted, link }
    }

    /// Why it is not an allow.
    pub(crate) fn error(code: &str, text: impl Into<String>) -> Self {
        Reason::new(code, Severity::Error, text)
    }

    /// Noteworthy.
    pub(crate) fn warn(code: &str, text: impl Into<String>) -> Self {
        Reason::new(code, Severity::Warn, text)
    }

    /// For information.
    pub(crate) fn info(code: &str, text: impl Into<String>) -> Self {
        Reason::new(code, Severity::Info, text)
    }

    /// The same with what was seen and wanted.
    pub(crate) fn seen(mut self, observed: impl Into<String>, wanted: impl Into<String>) -> Self {
        self.observed = observed.into();
        self.wanted = wanted.into();
        self
    }
}

impl From<&scorer::verdict::Reason> for Reason {
    fn from(reason: &scorer::verdict::Reason) -> Self {
        use scorer::verdict::ReasonSeverity;
        let severity = match reason.severity {
            ReasonSeverity::Info => Severity::Info,
            ReasonSeverity::Warn => Severity::Warn,
            ReasonSeverity::Error => Severity::Error,
        };
        Reason::new(&reason.code, severity, &reason.text).seen(&reason.observed, &reason.wanted)
    }
}
