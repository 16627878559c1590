//! `net.reset`: connections end with a reset.

use super::{Declaration, Kind, Needs, everything, share_problem};
use crate::act::Act;
use crate::problem::Problem;
use crate::proxy::{EdgeFault, Share};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const DECLARATION: Declaration = Declaration {
    kind: "net.reset",
    summary: "resets new connections to a component, and those open at the injection",
    parameters: &[
        ("from", "caller; without it every edge to the target"),
        ("share", "probability for each connection, 0.02 to 1 (default 1)"),
    ],
    example: ", share: 0.5",
    backends: &["local"],
    needs: Needs::Nothing,
    prepared: None,
    held_by: "a lease on the entry in the proxy's table; the proxy's own process",
    undo: "the entry with our id leaves the table of the edge",
    dose: "probe connections through the edge: reset of all",
    never_with: &["process.*"],
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

impl Kind for NetReset {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn from(&self) -> Option<&str> {
        self.from.as_deref()
    }

    fn act(&self) -> Act {
        Act::Edge(EdgeFault::Reset { share: Share::try_new(self.share).unwrap_or(Share::ALL) })
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        vec![("share", self.share.to_string())]
    }

    fn asked(&self) -> Vec<(&'static str, f64)> {
        vec![("reset_share", self.share)]
    }

    fn problems(&self, key: &str) -> Vec<Problem> {
        share_problem(key, self.share).into_iter().collect()
    }
}
