//! `net.bandwidth`: bytes between two components pass at a rate.

use super::{Declaration, Kind, Needs, range_problem};
use crate::act::Act;
use crate::amount::BytesPerSecond;
use crate::problem::Problem;
use crate::proxy::{Bottleneck, Direction, EdgeFault};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const DECLARATION: Declaration = Declaration {
    kind: "net.bandwidth",
    summary: "lets the bytes between a caller and a component pass at a rate",
    parameters: &[
        ("from", "caller; without it every edge to the target"),
        ("rate", "bytes per second, 1KiB/s to 100MiB/s"),
        ("per", "edge (all connections share it, default) or connection"),
        ("direction", "to (requests, default), from (responses) or both"),
    ],
    example: ", rate: 256KiB/s",
    backends: &["local"],
    needs: Needs::Nothing,
    prepared: None,
    held_by: "a lease on the entry in the proxy's table; the proxy's own process",
    undo: "the entry with our id leaves the table of the edge; what waits goes on at once",
    dose: "padded requests that fill the edge, or one connection, while the way straight to the target is faster: bytes a second",
    never_with: &["process.*"],
};

/// Slowest and fastest rate: below, a request takes minutes; above, probes cannot fill it.
const RATES: (BytesPerSecond, BytesPerSecond) = (BytesPerSecond(1 << 10), BytesPerSecond(100 << 20));

/// Let the bytes of edges to a component pass at a rate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NetBandwidth {
    /// Key in `targets`.
    pub target: String,
    /// Caller; without it every edge to the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Bytes per second.
    pub rate: BytesPerSecond,
    /// Who shares the rate.
    #[serde(default)]
    pub per: Bottleneck,
    /// Which way.
    #[serde(default)]
    pub direction: Direction,
}

impl Kind for NetBandwidth {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn from(&self) -> Option<&str> {
        self.from.as_deref()
    }

    fn act(&self) -> Act {
        let (per, direction) = (self.per, self.direction);
        Act::Edge(EdgeFault::Bandwidth { bytes_per_second: self.rate.0, per, direction })
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        vec![
            ("rate", self.rate.to_string()),
            ("per", format!("{:?}", self.per).to_lowercase()),
            ("direction", format!("{:?}", self.direction).to_lowercase()),
        ]
    }

    fn asked(&self) -> Vec<(&'static str, f64)> {
        vec![("bytes_per_second", self.rate.0 as f64)]
    }

    fn problems(&self, key: &str) -> Vec<Problem> {
        range_problem(&format!("{key}.rate"), self.rate, RATES).into_iter().collect()
    }
}
