//! `process.kill`: SIGKILL to chosen replicas.

use super::Declaration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) const DECLARATION: Declaration = Declaration {
    kind: "process.kill",
    summary: "kills the chosen replicas of a component at once",
    parameters: &[],
    backends: &["local"],
    undo: "nothing to undo: the supervisor restarts what was killed",
    dose: "the process is gone (pidfd); downtime_ms from the kill until every replica is back and ready",
    never_with: &["net.delay", "net.reset", "http.abort"],
};

/// Kill the processes of a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ProcessKill {
    /// Key in `targets`.
    pub target: String,
}
