//! `stress.cpu`: threads that burn processor time.

use super::{Declaration, Kind, Needs, everything, range_problem};
use crate::act::{Act, Hold};
use crate::problem::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const DECLARATION: Declaration = Declaration {
    kind: "stress.cpu",
    summary: "burns the processors that a component may run on, in competition with it",
    parameters: &[("cores", "threads, 1 to 64"), ("load", "share of the time of each thread, 0.05 to 1 (default 1)")],
    example: ", cores: 1, load: 0.5",
    backends: &["local"],
    needs: Needs::Nothing,
    prepared: None,
    held_by: "the holder process: its end ends the fault; a kernel timer ends a holder that is not renewed",
    undo: "the holder ends its threads",
    dose: "cpu time of the holder in /proc over the time held: burnt_cores; whether it may run where the component may: same_processors",
    never_with: &["stress.cpu"],
};

/// Burn the processors that a component runs on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct StressCpu {
    /// Key in `targets`.
    pub target: String,
    /// Threads.
    pub cores: u32,
    /// Share of the time of each thread.
    #[serde(default = "everything")]
    pub load: f64,
}

impl Kind for StressCpu {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn act(&self) -> Act {
        Act::Held(Hold::Cpu { cores: self.cores, load: self.load })
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        vec![("cores", self.cores.to_string()), ("load", self.load.to_string())]
    }

    fn asked(&self) -> Vec<(&'static str, f64)> {
        vec![("burnt_cores", f64::from(self.cores) * self.load), ("same_processors", 1.0)]
    }

    fn problems(&self, key: &str) -> Vec<Problem> {
        let cores = range_problem(&format!("{key}.cores"), self.cores, (1, 64));
        let load = range_problem(&format!("{key}.load"), self.load, (0.05, 1.0));
        cores.into_iter().chain(load).collect()
    }
}
