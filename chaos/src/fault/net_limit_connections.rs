//! `net.limitConnections`: an edge carries so many connections and no more.

use super::{Declaration, Kind, Needs, range_problem};
use crate::act::Act;
use crate::problem::Problem;
use crate::proxy::EdgeFault;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const DECLARATION: Declaration = Declaration {
    kind: "net.limitConnections",
    summary: "resets new connections to a component beyond a number of open ones",
    parameters: &[
        ("from", "caller; without it every edge to the target"),
        ("max", "connections that each edge carries at once, 1 to 256; those open already stay"),
    ],
    example: ", max: 4",
    backends: &["local"],
    needs: Needs::Nothing,
    prepared: None,
    held_by: "a lease on the entry in the proxy's table; the proxy's own process",
    undo: "the entry with our id leaves the table of the edge",
    dose: "probe connections through the edge, one after the other: open ones when the next was reset",
    never_with: &["process.*"],
};

/// Cap the connections to a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NetLimitConnections {
    /// Key in `targets`.
    pub target: String,
    /// Caller; without it every edge to the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Connections that each edge carries at once.
    pub max: u64,
}

impl Kind for NetLimitConnections {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn from(&self) -> Option<&str> {
        self.from.as_deref()
    }

    fn act(&self) -> Act {
        Act::Edge(EdgeFault::LimitConnections { max: self.max })
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        vec![("max", self.max.to_string())]
    }

    fn asked(&self) -> Vec<(&'static str, f64)> {
        vec![("connections", self.max as f64)]
    }

    fn problems(&self, key: &str) -> Vec<Problem> {
        range_problem(&format!("{key}.max"), self.max, (1, 256)).into_iter().collect()
    }
}
