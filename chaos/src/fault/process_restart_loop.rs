//! `process.restartLoop`: SIGKILL again and again.

use super::{Declaration, Kind, Needs, range_problem};
use crate::act::{Act, Blow};
use crate::problem::Problem;
use crate::span::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const DECLARATION: Declaration = Declaration {
    kind: "process.restartLoop",
    summary: "kills the chosen replicas whenever they are back, so that they never settle",
    parameters: &[("every", "time from one kill to the next, 1s to 10m")],
    example: ", every: 3s",
    backends: &["local"],
    needs: Needs::SameUser,
    prepared: None,
    held_by: "the executor: without it nobody kills any more",
    undo: "nobody kills any more; the supervisor restarts what was killed",
    dose: "processes that were seen to end (pidfd): killed",
    never_with: &["process.*", "net.*", "http.*", "stress.fds", "stress.connections"],
};

/// Kill a component again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ProcessRestartLoop {
    /// Key in `targets`.
    pub target: String,
    /// Time from one kill to the next.
    pub every: Span,
}

impl Kind for ProcessRestartLoop {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn act(&self) -> Act {
        Act::Signal(Blow::KillEvery(self.every.duration()))
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        vec![("signal", "SIGKILL".to_string()), ("every", self.every.to_string())]
    }

    fn problems(&self, key: &str) -> Vec<Problem> {
        range_problem(&format!("{key}.every"), self.every, (Span::from_ms(1_000), Span::from_ms(600_000)))
            .into_iter()
            .collect()
    }
}
