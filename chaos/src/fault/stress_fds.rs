//! `stress.fds`: a component runs out of file descriptors.

use super::{Declaration, Kind, Needs, range_problem};
use crate::act::{Act, Hold};
use crate::problem::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const DECLARATION: Declaration = Declaration {
    kind: "stress.fds",
    summary: "lowers the limit of open files of the chosen replicas to what they have open and a few more",
    parameters: &[("leave", "descriptors that each process may still open, 0 to 10000 (default 0)")],
    example: ", leave: 0",
    backends: &["local"],
    needs: Needs::SameUser,
    prepared: None,
    held_by: "the holder process and its guard: whichever is left puts the old limit back",
    undo: "the old limit is put back if it is still ours",
    dose: "limits and open files in /proc: limited_share of the processes, most fds_left",
    never_with: &["process.*", "stress.fds"],
};

/// Leave a component few file descriptors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct StressFds {
    /// Key in `targets`.
    pub target: String,
    /// Descriptors that each process may still open.
    #[serde(default)]
    pub leave: u32,
}

impl Kind for StressFds {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn act(&self) -> Act {
        Act::Held(Hold::Fds { leave: self.leave })
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        vec![("leave", self.leave.to_string())]
    }

    fn asked(&self) -> Vec<(&'static str, f64)> {
        vec![("limited_share", 1.0)]
    }

    fn problems(&self, key: &str) -> Vec<Problem> {
        range_problem(&format!("{key}.leave"), self.leave, (0, 10_000)).into_iter().collect()
    }
}
