//! One reason of a decision.

use scorer::signal::Dimension;
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
    /// What of the product it speaks of: `business`, `performance`, `resilience`, `security`.
    pub dimension: String,
    /// What was seen, with unit.
    pub observed: String,
    /// What was wanted, with unit.
    pub wanted: String,
    /// Where more is told.
    pub link: String,
}

/// Name of a dimension.
pub(crate) fn dimension_word(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::Business => "business",
        Dimension::Performance => "performance",
        Dimension::Resilience => "resilience",
        Dimension::Security => "security",
    }
}

impl Reason {
    fn new(code: &str, severity: Severity, text: impl Into<String>) -> Self {
        let (dimension, observed, wanted, link) = Default::default();
        Reason { code: code.to_owned(), severity, text: text.into(), dimension, observed, wanted, link }
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
        let dimension = reason.dimension.map(|d| dimension_word(d).to_owned()).unwrap_or_default();
        Reason { dimension, ..Reason::new(&reason.code, severity, &reason.text).seen(&reason.observed, &reason.wanted) }
    }
}
