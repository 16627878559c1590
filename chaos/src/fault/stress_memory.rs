//! `stress.memory`: memory that is taken and touched.

use super::{Declaration, Kind, Needs, range_problem};
use crate::act::{Act, Hold};
use crate::amount::Bytes;
use crate::problem::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const DECLARATION: Declaration = Declaration {
    kind: "stress.memory",
    summary: "takes memory of the host; never so much that less than 512MiB would be left",
    parameters: &[("bytes", "how much, 16MiB to 1TiB")],
    example: ", bytes: 256MiB",
    backends: &["local"],
    needs: Needs::Nothing,
    prepared: None,
    held_by: "the holder process: its end ends the fault; a kernel timer ends a holder that is not renewed",
    undo: "the holder ends, and the kernel takes its memory back",
    dose: "anonymous resident memory of the holder in /proc: resident_bytes",
    never_with: &["stress.memory"],
};

/// Take memory of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct StressMemory {
    /// Key in `targets`.
    pub target: String,
    /// How much.
    pub bytes: Bytes,
}

impl Kind for StressMemory {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn act(&self) -> Act {
        Act::Held(Hold::Memory { bytes: self.bytes.0 })
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        vec![("bytes", self.bytes.to_string())]
    }

    fn asked(&self) -> Vec<(&'static str, f64)> {
        vec![("resident_bytes", self.bytes.0 as f64)]
    }

    fn problems(&self, key: &str) -> Vec<Problem> {
        range_problem(&format!("{key}.bytes"), self.bytes, (Bytes(16 << 20), Bytes(1 << 40))).into_iter().collect()
    }
}
