//! `net.corrupt`: single bits flip.

use super::{Declaration, Kind, Needs, everything, share_problem};
use crate::act::Act;
use crate::problem::Problem;
use crate::proxy::{Direction, EdgeFault, Share};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const DECLARATION: Declaration = Declaration {
    kind: "net.corrupt",
    summary: "flips single bits in the bytes between a caller and a component",
    parameters: &[
        ("from", "caller; without it every edge to the target"),
        ("share", "probability for each chunk (what one read takes), 0.02 to 1 (default 1)"),
        ("direction", "to (requests, default), from (responses) or both"),
    ],
    example: ", share: 0.5, direction: from",
    backends: &["local"],
    needs: Needs::Nothing,
    prepared: None,
    held_by: "a lease on the entry in the proxy's table; the proxy's own process",
    undo: "the entry with our id leaves the table of the edge",
    dose: "probe exchanges with a listener of the executor behind the edge: chunks that arrive changed, of all",
    never_with: &["process.*"],
};

/// Flip bits on edges to a component.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NetCorrupt {
    /// Key in `targets`.
    pub target: String,
    /// Caller; without it every edge to the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Probability for each chunk.
    #[serde(default = "everything")]
    pub share: f64,
    /// Which way.
    #[serde(default)]
    pub direction: Direction,
}

impl Kind for NetCorrupt {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn from(&self) -> Option<&str> {
        self.from.as_deref()
    }

    fn act(&self) -> Act {
        let share = Share::try_new(self.share).unwrap_or(Share::ALL);
        Act::Edge(EdgeFault::Corrupt { share, direction: self.direction })
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        let direction = format!("{:?}", self.direction).to_lowercase();
        vec![("share", self.share.to_string()), ("direction", direction)]
    }

    fn asked(&self) -> Vec<(&'static str, f64)> {
        vec![("changed_share", self.share)]
    }

    fn problems(&self, key: &str) -> Vec<Problem> {
        share_problem(key, self.share).into_iter().collect()
    }
}
