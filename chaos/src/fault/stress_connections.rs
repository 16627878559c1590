//! `stress.connections`: idle connections fill a component.

use super::{Declaration, Kind, Needs, range_problem};
use crate::act::{Act, Hold};
use crate::problem::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const DECLARATION: Declaration = Declaration {
    kind: "stress.connections",
    summary: "holds idle connections to a component",
    parameters: &[("count", "how many, 1 to 20000")],
    example: ", count: 200",
    backends: &["local"],
    needs: Needs::Nothing,
    prepared: None,
    held_by: "the holder process: its end ends the fault; a kernel timer ends a holder that is not renewed",
    undo: "the holder closes the connections",
    dose: "connections from the holder that the kernel lists as established at the port of the component: connections",
    never_with: &["process.*", "stress.connections"],
};

/// Hold idle connections to a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct StressConnections {
    /// Key in `targets`.
    pub target: String,
    /// How many.
    pub count: u32,
}

impl Kind for StressConnections {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn act(&self) -> Act {
        Act::Held(Hold::Connections { count: self.count })
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        vec![("count", self.count.to_string())]
    }

    fn asked(&self) -> Vec<(&'static str, f64)> {
        vec![("connections", f64::from(self.count))]
    }

    fn problems(&self, key: &str) -> Vec<Problem> {
        range_problem(&format!("{key}.count"), self.count, (1, 20_000)).into_iter().collect()
    }
}
