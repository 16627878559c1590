//! `process.stop`: SIGTERM to chosen replicas.

use super::{Declaration, Kind, Needs};
use crate::act::{Act, Blow};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const DECLARATION: Declaration = Declaration {
    kind: "process.stop",
    summary: "asks the chosen replicas of a component to stop, as an orderly shutdown does",
    parameters: &[],
    example: "",
    backends: &["local"],
    needs: Needs::SameUser,
    prepared: None,
    held_by: "nothing: it is over at once",
    undo: "nothing to undo: the supervisor restarts what ended",
    dose: "the process is gone (pidfd); downtime_ms from the signal until every replica is back and ready",
    never_with: &["process.*", "net.*", "http.*", "stress.fds", "stress.connections"],
};

/// Ask a component to stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ProcessStop {
    /// Key in `targets`.
    pub target: String,
}

impl Kind for ProcessStop {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn act(&self) -> Act {
        Act::Signal(Blow::Stop)
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        vec![("signal", "SIGTERM".to_string())]
    }
}
