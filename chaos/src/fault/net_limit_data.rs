//! `net.limitData`: connections end after so many bytes.

use super::{Declaration, Kind, Needs, range_problem};
use crate::act::Act;
use crate::amount::Bytes;
use crate::problem::Problem;
use crate::proxy::{Direction, EdgeFault};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const DECLARATION: Declaration = Declaration {
    kind: "net.limitData",
    summary: "closes a connection to a component after so many bytes",
    parameters: &[
        ("from", "caller; without it every edge to the target"),
        ("bytes", "bytes of one connection from the injection on, 1B to 256KiB"),
        ("direction", "to (requests, default), from (responses) or both: each way counts by itself"),
    ],
    example: ", bytes: 4KiB",
    backends: &["local"],
    needs: Needs::Nothing,
    prepared: None,
    held_by: "a lease on the entry in the proxy's table; the proxy's own process",
    undo: "the entry with our id leaves the table of the edge",
    dose: "requests on one probe connection until it ends, while one straight to the target lives: bytes",
    never_with: &["process.*"],
};

/// Close connections after so many bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NetLimitData {
    /// Key in `targets`.
    pub target: String,
    /// Caller; without it every edge to the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Bytes of one connection.
    pub bytes: Bytes,
    /// Which way.
    #[serde(default)]
    pub direction: Direction,
}

impl Kind for NetLimitData {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn from(&self) -> Option<&str> {
        self.from.as_deref()
    }

    fn act(&self) -> Act {
        Act::Edge(EdgeFault::LimitData { bytes: self.bytes.0, direction: self.direction })
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        let direction = format!("{:?}", self.direction).to_lowercase();
        vec![("bytes", self.bytes.to_string()), ("direction", direction)]
    }

    fn asked(&self) -> Vec<(&'static str, f64)> {
        vec![("bytes", self.bytes.0 as f64)]
    }

    fn problems(&self, key: &str) -> Vec<Problem> {
        range_problem(&format!("{key}.bytes"), self.bytes, (Bytes(1), Bytes(256 << 10))).into_iter().collect()
    }
}
