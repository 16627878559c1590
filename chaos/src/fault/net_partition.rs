//! `net.partition`: a caller and a component are cut off from each other.

use super::{Declaration, Kind, Needs};
use crate::act::Act;
use crate::proxy::{Direction, EdgeFault, PartitionMode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const DECLARATION: Declaration = Declaration {
    kind: "net.partition",
    summary: "cuts a caller and a component off from each other",
    parameters: &[
        ("from", "caller; without it every edge to the target"),
        ("mode", "drop (silence, default), reject (resets) or half-open (one side is gone)"),
        ("direction", "to, from or both (default); what it means depends on the mode"),
    ],
    example: ", mode: drop",
    backends: &["local"],
    needs: Needs::Nothing,
    prepared: None,
    held_by: "a lease on the entry in the proxy's table; the proxy's own process",
    undo: "the entry with our id leaves the table of the edge; dropped bytes are delivered late, half-open connections are reset",
    dose: "probe connections through the edge, while the target itself answers: silent or reset of all",
    never_with: &["process.*"],
};

fn both() -> Direction {
    Direction::Both
}

/// Cut the edges to a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NetPartition {
    /// Key in `targets`.
    pub target: String,
    /// Caller; without it every edge to the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// How it shows.
    #[serde(default)]
    pub mode: PartitionMode,
    /// Which way.
    #[serde(default = "both")]
    pub direction: Direction,
}

impl Kind for NetPartition {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn from(&self) -> Option<&str> {
        self.from.as_deref()
    }

    fn act(&self) -> Act {
        Act::Edge(EdgeFault::Partition { mode: self.mode, direction: self.direction })
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        let mode = match self.mode {
            PartitionMode::Drop => "drop",
            PartitionMode::Reject => "reject",
            PartitionMode::HalfOpen => "half-open",
        };
        vec![("mode", mode.into()), ("direction", format!("{:?}", self.direction).to_lowercase())]
    }

    fn asked(&self) -> Vec<(&'static str, f64)> {
        let name = if self.mode == PartitionMode::Reject { "reject_share" } else { "cut_share" };
        vec![(name, 1.0)]
    }
}
