//! `net.reset`: connections end with a reset.

use super::{Declaration, everything};
use crate::proxy::{EdgeFault, Share};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) const DECLARATION: Declaration = Declaration {
    kind: "net.reset",
    summary: "resets new connections to a component, and those open at the injection",
    parameters: &[
        ("from", "caller; without it every edge to the target"),
        ("share", "probability for each connection, 0.02 to 1 (default 1)"),
    ],
    backends: &["local"],
    undo: "the entry with our id leaves the table of the edge",
    dose: "probe connections through the edge: reset of all",
    never_with: &["process.kill"],
};

/// Reset connections to a component.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NetReset {
    /// Key in `targets`.
    pub target: String,
    /// Caller; without it every edge to the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Probability for each connection.
    #[serde(default = "everything")]
    pub share: f64,
}

impl NetReset {
    pub(super) fn edge_fault(&self) -> EdgeFault {
        EdgeFault::Reset { share: Share::try_new(self.share).unwrap_or(Share::ALL) }
    }
}
