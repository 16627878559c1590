//! `net.reorder`: packets arrive in another order.

use super::{Declaration, Kind, MIN_SHARE, Needs, range_problem};
use crate::act::Act;
use crate::problem::Problem;
use crate::proxy::{Direction, EdgeFault, Share};
use crate::road::{PacketEffect, PacketFault};
use crate::span::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Largest share: packets that all wait as long overtake none.
const MAX_SHARE: f64 = 0.5;
/// Shortest and longest time; TCP takes what is late for longer than its patience for lost.
const MIN_BY: Span = Span::from_ms(2);
const MAX_BY: Span = Span::from_ms(1_000);

const DECLARATION: Declaration = Declaration {
    kind: "net.reorder",
    summary: "holds packets between a caller and a component back, so that later ones overtake them",
    parameters: &[
        ("from", "caller; without it every edge to the target"),
        ("share", "probability for each packet, 0.02 to 0.5"),
        ("by", "how long a packet is held back, 2ms to 1s (default 10ms)"),
        ("direction", "to (requests, default), from (responses) or both"),
    ],
    example: ", share: 0.1",
    backends: &["local"],
    needs: Needs::OwnNetwork,
    prepared: None,
    held_by: "a holder process in a network namespace of its own, and a lease on the entry in the proxy's table",
    undo: "edges leave the road at once, with every byte that is on it; the kernel takes namespace and device back",
    dose: "numbered datagrams over the same road that arrive after later ones (RFC 4737); the kernel's count of segments there while a request goes through the edge",
    never_with: &["process.*"],
};

/// Let packets on edges to a component overtake others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NetReorder {
    /// Key in `targets`.
    pub target: String,
    /// Caller; without it every edge to the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Probability for each packet.
    pub share: f64,
    /// How long it is held back.
    #[serde(default = "moment")]
    pub by: Span,
    /// Which way.
    #[serde(default)]
    pub direction: Direction,
}

impl Kind for NetReorder {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn from(&self) -> Option<&str> {
        self.from.as_deref()
    }

    fn act(&self) -> Act {
        let share = Share::try_new(self.share).unwrap_or(Share::ALL);
        let effect = PacketEffect::Reorder { share, by: self.by.duration() };
        Act::Edge(EdgeFault::Packets { fault: PacketFault { effect, direction: self.direction }, over: None })
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        vec![
            ("share", self.share.to_string()),
            ("by", self.by.to_string()),
            ("direction", format!("{:?}", self.direction).to_lowercase()),
        ]
    }

    fn asked(&self) -> Vec<(&'static str, f64)> {
        vec![("reordered_share", self.share)]
    }

    fn problems(&self, key: &str) -> Vec<Problem> {
        let share = range_problem(&format!("{key}.share"), self.share, (MIN_SHARE, MAX_SHARE));
        share.into_iter().chain(range_problem(&format!("{key}.by"), self.by, (MIN_BY, MAX_BY))).collect()
    }
}

/// Longer than a round trip on one host, shorter than TCP's patience.
fn moment() -> Span {
    Span::from_ms(10)
}
