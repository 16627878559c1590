//! `process.kill`: SIGKILL to chosen replicas.

use super::{Declaration, Kind, Needs};
use crate::act::{Act, Blow};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const DECLARATION: Declaration = Declaration {
    kind: "process.kill",
    summary: "kills the chosen replicas of a component at once",
    parameters: &[],
    example: "",
    backends: &["local"],
    needs: Needs::SameUser,
    prepared: None,
    held_by: "nothing: it is over at once",
    undo: "nothing to undo: the supervisor restarts what was killed",
    dose: "the process is gone (pidfd); downtime_ms from the kill until every replica is back and ready",
    never_with: &["process.*", "net.*", "http.*", "stress.fds", "stress.connections"],
};

/// Kill the processes of a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ProcessKill {
    /// Key in `targets`.
    pub target: String,
}

impl Kind for ProcessKill {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn act(&self) -> Act {
        Act::Signal(Blow::Kill)
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        vec![("signal", "SIGKILL".to_string())]
    }
}
