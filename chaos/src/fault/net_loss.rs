//! `net.loss`: packets are lost.

use super::{Declaration, Kind, Needs, range_problem, share_problem};
use crate::act::Act;
use crate::problem::Problem;
use crate::proxy::{Direction, EdgeFault, Share};
use crate::road::{PacketEffect, PacketFault};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Longest bursts: of longer ones too few come while the dose is measured.
pub(crate) const MAX_BURST: f64 = 20.0;

const DECLARATION: Declaration = Declaration {
    kind: "net.loss",
    summary: "loses packets between a caller and a component",
    parameters: &[
        ("from", "caller; without it every edge to the target"),
        ("share", "part of the packets in the long run, 0.02 to 1"),
        (
            "burst",
            "mean number of packets lost in a row, 1 to 20 and at least share / (1 - share); without it each is drawn for itself",
        ),
        ("direction", "to (requests, default), from (responses) or both"),
    ],
    example: ", share: 0.1",
    backends: &["local"],
    needs: Needs::OwnNetwork,
    prepared: None,
    held_by: "a holder process in a network namespace of its own, and a lease on the entry in the proxy's table",
    undo: "edges leave the road at once, with every byte that is on it; the kernel takes namespace and device back",
    dose: "numbered datagrams over the same road: loss_share and the mean length of bursts; the kernel's count of segments there while a request goes through the edge",
    never_with: &["process.*"],
};

/// Lose packets on edges to a component.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NetLoss {
    /// Key in `targets`.
    pub target: String,
    /// Caller; without it every edge to the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Part of the packets.
    pub share: f64,
    /// Mean number of packets that are lost in a row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<f64>,
    /// Which way.
    #[serde(default)]
    pub direction: Direction,
}

impl Kind for NetLoss {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn from(&self) -> Option<&str> {
        self.from.as_deref()
    }

    fn act(&self) -> Act {
        let share = Share::try_new(self.share).unwrap_or(Share::ALL);
        let effect = PacketEffect::Loss { share, burst: self.burst };
        Act::Edge(EdgeFault::Packets { fault: PacketFault { effect, direction: self.direction }, over: None })
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        let burst = self.burst.map(|burst| ("burst", burst.to_string()));
        let all = [("share", self.share.to_string()), ("direction", format!("{:?}", self.direction).to_lowercase())];
        all.into_iter().chain(burst).collect()
    }

    fn asked(&self) -> Vec<(&'static str, f64)> {
        vec![("loss_share", self.share)]
    }

    fn problems(&self, key: &str) -> Vec<Problem> {
        let mut problems: Vec<_> = share_problem(key, self.share).into_iter().collect();
        if let Some(burst) = self.burst {
            let least = (self.share / (1.0 - self.share)).max(1.0);
            let key = format!("{key}.burst");
            if self.share < 1.0 && least > MAX_BURST {
                let remedy = "leave it out: so large a share is lost in longer bursts anyway";
                problems.push(Problem::new(key, burst, "too short for the share", remedy));
            } else {
                let least = if self.share < 1.0 { least } else { 1.0 };
                problems.extend(range_problem(&key, burst, (least, MAX_BURST)));
            }
        }
        problems
    }
}
