//! `process.pause`: all threads of chosen replicas stand still.

use super::{Declaration, Kind, Needs};
use crate::act::{Act, Hold};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const DECLARATION: Declaration = Declaration {
    kind: "process.pause",
    summary: "freezes the chosen replicas of a component with everything that they started",
    parameters: &[],
    example: "",
    backends: &["local"],
    needs: Needs::Trace,
    prepared: None,
    held_by: "the holder process: its end ends the fault; a kernel timer ends a holder that is not renewed",
    undo: "the holder lets go of every thread; the kernel does so too when the holder ends in any way",
    dose: "state and tracer of every thread in /proc: stopped_share of all threads; cpu_ms that the processes used meanwhile (0)",
    never_with: &["process.*", "net.*", "http.*", "stress.fds", "stress.connections"],
};

/// Freeze a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ProcessPause {
    /// Key in `targets`.
    pub target: String,
}

impl Kind for ProcessPause {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn act(&self) -> Act {
        Act::Held(Hold::Pause)
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    fn asked(&self) -> Vec<(&'static str, f64)> {
        vec![("stopped_share", 1.0)]
    }
}
