//! The documents `apiVersion: mettle/v1`, `kind: Suite`, one type per class.
//!
//! A reader looks at `class` first and then uses the schema and the type of that class: an error then speaks of the
//! keys of that class alone. The class `performance` belongs to the load engine.

mod business;
mod problem;
mod security;
mod span;

pub use business::{BusinessClass, BusinessSuite, JourneyDocument, RequestDocument, StepDocument};
pub use problem::Problem;
pub use security::{Auth, EndpointDocument, Probe, SecurityClass, SecuritySuite, TokenSource};
pub use span::{Span, SpanError};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Version of the documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ApiVersion {
    /// The first.
    #[default]
    #[serde(rename = "mettle/v1")]
    V1,
}

/// Kind of the documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SuiteKind {
    /// A suite.
    #[default]
    Suite,
}
