//! `stress.io`: writes to the disk of a component.

use super::{Declaration, Kind, Needs, range_problem};
use crate::act::{Act, Hold};
use crate::amount::BytesPerSecond;
use crate::problem::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const DECLARATION: Declaration = Declaration {
    kind: "stress.io",
    summary: "writes to the disk of a component and waits for the disk each time",
    parameters: &[("rate", "bytes per second, 64KiB/s to 10GiB/s")],
    example: ", rate: 4MiB/s",
    backends: &["local"],
    needs: Needs::SameUser,
    prepared: None,
    held_by: "the holder process: its end ends the fault; a kernel timer ends a holder that is not renewed",
    undo: "the holder ends; its file has no name, so the kernel frees it",
    dose: "bytes that the kernel counts as written by the holder (/proc) over the time held: written_bytes_per_s; whether its file lies there: in_folder",
    never_with: &["stress.io", "stress.disk"],
};

/// Write to the disk of a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct StressIo {
    /// Key in `targets`.
    pub target: String,
    /// Bytes per second.
    pub rate: BytesPerSecond,
}

impl Kind for StressIo {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn act(&self) -> Act {
        Act::Held(Hold::Io { bytes_per_second: self.rate.0 })
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        vec![("rate", self.rate.to_string())]
    }

    fn asked(&self) -> Vec<(&'static str, f64)> {
        vec![("written_bytes_per_s", self.rate.0 as f64), ("in_folder", 1.0)]
    }

    fn problems(&self, key: &str) -> Vec<Problem> {
        range_problem(&format!("{key}.rate"), self.rate, (BytesPerSecond(64 << 10), BytesPerSecond(10 << 30)))
            .into_iter()
            .collect()
    }
}
