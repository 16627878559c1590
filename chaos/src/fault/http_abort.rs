//! `http.abort`: requests are answered with a status in place of the target.

use super::{Declaration, Kind, Needs, everything, range_problem, share_problem};
use crate::act::Act;
use crate::problem::Problem;
use crate::proxy::{EdgeFault, Share};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const DECLARATION: Declaration = Declaration {
    kind: "http.abort",
    summary: "answers HTTP/1.1 requests to a component with a status instead of forwarding them",
    parameters: &[
        ("from", "caller; without it every edge to the target"),
        ("status", "400 to 599"),
        ("share", "probability for each request, 0.02 to 1 (default 1)"),
    ],
    example: ", status: 503, share: 0.5",
    backends: &["local"],
    needs: Needs::Nothing,
    prepared: None,
    held_by: "a lease on the entry in the proxy's table; the proxy's own process",
    undo: "the entry with our id leaves the table of the edge",
    dose: "probe requests through the edge: answered with the status and our id of all",
    never_with: &["process.*"],
};

/// Answer requests to a component with a status.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct HttpAbort {
    /// Key in `targets`.
    pub target: String,
    /// Caller; without it every edge to the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Status of the answer.
    pub status: u16,
    /// Probability for each request.
    #[serde(default = "everything")]
    pub share: f64,
}

impl Kind for HttpAbort {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn from(&self) -> Option<&str> {
        self.from.as_deref()
    }

    fn act(&self) -> Act {
        Act::Edge(EdgeFault::Abort { status: self.status, share: Share::try_new(self.share).unwrap_or(Share::ALL) })
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        vec![("status", self.status.to_string()), ("share", self.share.to_string())]
    }

    fn asked(&self) -> Vec<(&'static str, f64)> {
        vec![("abort_share", self.share)]
    }

    fn problems(&self, key: &str) -> Vec<Problem> {
        let status = range_problem(&format!("{key}.status"), self.status, (400, 599));
        share_problem(key, self.share).into_iter().chain(status).collect()
    }
}
