//! `stress.inodes`: the inodes of a disk are used up.

use super::{Declaration, Kind, Needs, range_problem};
use crate::act::{Act, Hold};
use crate::problem::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const DECLARATION: Declaration = Declaration {
    kind: "stress.inodes",
    summary: "makes empty files without names on the disk of a component; on a disk that is not its own, 100000 inodes stay free",
    parameters: &[("count", "how many, 1 to 1000000; at most the open files that the host allows one process")],
    example: ", count: 10000",
    backends: &["local"],
    needs: Needs::SameUser,
    prepared: None,
    held_by: "the holder process: its end ends the fault; a kernel timer ends a holder that is not renewed",
    undo: "the holder closes the files; they have no names, so the kernel frees them",
    dose: "files without names that the holder has open, seen through /proc: inodes",
    never_with: &["stress.inodes"],
};

/// Use up the inodes of the disk of a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct StressInodes {
    /// Key in `targets`.
    pub target: String,
    /// How many.
    pub count: u32,
}

impl Kind for StressInodes {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn act(&self) -> Act {
        Act::Held(Hold::Inodes { count: self.count })
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        vec![("count", self.count.to_string())]
    }

    fn asked(&self) -> Vec<(&'static str, f64)> {
        vec![("inodes", f64::from(self.count))]
    }

    fn problems(&self, key: &str) -> Vec<Problem> {
        range_problem(&format!("{key}.count"), self.count, (1, 1_000_000)).into_iter().collect()
    }
}
