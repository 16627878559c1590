//! `io.tornWrite`: of writes to files of a component only the first part is stored.

use super::{Declaration, Kind, Needs, everything, files, share_problem};
use crate::act::{Act, Hold};
use crate::inventory::Preparation;
use crate::problem::Problem;
use crate::sandbox::{FileEffect, FileFault, FileOperation, TornEnd};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const DECLARATION: Declaration = Declaration {
    kind: "io.tornWrite",
    summary: "stores only the first part of writes to files of a component",
    parameters: &[
        ("end", "what the write says: error (EIO, default) or success"),
        files::PATH,
        ("share", "probability for each write, 0.02 to 1 (default 1)"),
    ],
    example: ", share: 0.1",
    backends: &["local"],
    needs: Needs::OwnFiles,
    prepared: Some(Preparation::Io),
    held_by: files::HELD_BY,
    undo: "the connection to the sandbox ends; what was torn stays torn, as after a power failure",
    dose: "writes to a file of ours, in the component's own view of its folder, read back past the sandbox: torn_share",
    never_with: &["io.*", "process.*"],
};

/// Store only the first part of writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct IoTornWrite {
    /// Key in `targets`.
    pub target: String,
    /// What the write says.
    #[serde(default)]
    pub end: TornEnd,
    /// Pattern of paths below the folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Probability for each write.
    #[serde(default = "everything")]
    pub share: f64,
}

impl Kind for IoTornWrite {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn act(&self) -> Act {
        Act::Held(Hold::Files(FileFault {
            operations: [FileOperation::Write].into(),
            path: self.path.clone(),
            share: self.share,
            effect: FileEffect::Tear(self.end),
        }))
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        let mut all = files::requested(&[FileOperation::Write].into(), self.path.as_deref(), self.share);
        let end = match self.end {
            TornEnd::Error => "error",
            TornEnd::Success => "success",
        };
        all.push(("end", end.into()));
        all
    }

    fn asked(&self) -> Vec<(&'static str, f64)> {
        vec![("torn_share", self.share)]
    }

    fn problems(&self, key: &str) -> Vec<Problem> {
        let files = files::problems(key, &[FileOperation::Write].into(), self.path.as_deref());
        files.into_iter().chain(share_problem(key, self.share)).collect()
    }
}
