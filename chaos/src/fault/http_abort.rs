//! `http.abort`: requests are answered with a status in place of the target.

use super::{Declaration, everything, share_problem};
use crate::problem::Problem;
use crate::proxy::{EdgeFault, Share};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) const DECLARATION: Declaration = Declaration {
    kind: "http.abort",
    summary: "answers HTTP/1.1 requests to a component with a status instead of forwarding them",
    parameters: &[
        ("from", "caller; without it every edge to the target"),
        ("status", "400 to 599"),
        ("share", "probability for each request, 0.02 to 1 (default 1)"),
    ],
    backends: &["local"],
    undo: "the entry with our id leaves the table of the edge",
    dose: "probe requests through the edge: answered with the status and our id of all",
    never_with: &["process.kill"],
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

impl HttpAbort {
    pub(super) fn edge_fault(&self) -> EdgeFault {
        EdgeFault::Abort { status: self.status, share: Share::try_new(self.share).unwrap_or(Share::ALL) }
    }

    pub(super) fn problems(&self, key: &str) -> Vec<Problem> {
        let mut problems: Vec<_> = share_problem(key, self.share).into_iter().collect();
        if !(400..=599).contains(&self.status) {
            let remedy = "write an error status from 400 to 599";
            problems.push(Problem::new(format!("{key}.status"), self.status, "not an error status", remedy));
        }
        problems
    }
}
