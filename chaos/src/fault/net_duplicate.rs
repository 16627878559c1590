//! `net.duplicate`: packets arrive twice.

use super::{Declaration, Kind, Needs, share_problem};
use crate::act::Act;
use crate::problem::Problem;
use crate::proxy::{Direction, EdgeFault, Share};
use crate::road::{PacketEffect, PacketFault};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const DECLARATION: Declaration = Declaration {
    kind: "net.duplicate",
    summary: "doubles packets between a caller and a component",
    parameters: &[
        ("from", "caller; without it every edge to the target"),
        ("share", "probability for each packet, 0.02 to 1"),
        ("direction", "to (requests, default), from (responses) or both"),
    ],
    example: ", share: 0.1",
    backends: &["local"],
    needs: Needs::OwnNetwork,
    prepared: None,
    held_by: "a holder process in a network namespace of its own, and a lease on the entry in the proxy's table",
    undo: "edges leave the road at once, with every byte that is on it; the kernel takes namespace and device back",
    dose: "numbered datagrams over the same road that arrive twice; the kernel's count of segments there while a request goes through the edge",
    never_with: &["process.*"],
};

/// Double packets on edges to a component.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NetDuplicate {
    /// Key in `targets`.
    pub target: String,
    /// Caller; without it every edge to the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Probability for each packet.
    pub share: f64,
    /// Which way.
    #[serde(default)]
    pub direction: Direction,
}

impl Kind for NetDuplicate {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn from(&self) -> Option<&str> {
        self.from.as_deref()
    }

    fn act(&self) -> Act {
        let share = Share::try_new(self.share).unwrap_or(Share::ALL);
        let effect = PacketEffect::Duplicate { share };
        Act::Edge(EdgeFault::Packets { fault: PacketFault { effect, direction: self.direction }, over: None })
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        vec![("share", self.share.to_string()), ("direction", format!("{:?}", self.direction).to_lowercase())]
    }

    fn asked(&self) -> Vec<(&'static str, f64)> {
        vec![("duplicate_share", self.share)]
    }

    fn problems(&self, key: &str) -> Vec<Problem> {
        share_problem(key, self.share).into_iter().collect()
    }
}
