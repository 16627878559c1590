//! `io.error`: operations on files of a component fail.

use super::{Declaration, Kind, Needs, everything, files, share_problem};
use crate::act::{Act, Hold};
use crate::inventory::Preparation;
use crate::problem::Problem;
use crate::sandbox::{FileEffect, FileError, FileFault, FileOperation};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

const DECLARATION: Declaration = Declaration {
    kind: "io.error",
    summary: "lets operations on files of a component fail",
    parameters: &[
        ("errno", "EIO (default), ENOSPC, EDQUOT, EROFS, EACCES, EMFILE, ESTALE or ETIMEDOUT"),
        files::OPERATIONS,
        files::PATH,
        ("share", "probability for each operation, 0.02 to 1 (default 1)"),
    ],
    example: ", errno: ENOSPC, operations: [write]",
    backends: &["local"],
    needs: Needs::OwnFiles,
    prepared: Some(Preparation::Io),
    held_by: files::HELD_BY,
    undo: files::UNDO,
    dose: "operations on a file of ours, in the component's own view of its folder: failed_share",
    never_with: &["io.*", "process.*"],
};

/// Let operations on files of a component fail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct IoError {
    /// Key in `targets`.
    pub target: String,
    /// The error.
    #[serde(default = "eio")]
    pub errno: FileError,
    /// Operations that fail.
    #[serde(default = "files::usual")]
    pub operations: BTreeSet<FileOperation>,
    /// Pattern of paths below the folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Probability for each operation.
    #[serde(default = "everything")]
    pub share: f64,
}

fn eio() -> FileError {
    FileError::Eio
}

impl Kind for IoError {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn act(&self) -> Act {
        Act::Held(Hold::Files(FileFault {
            operations: self.operations.clone(),
            path: self.path.clone(),
            share: self.share,
            effect: FileEffect::Error(self.errno),
        }))
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        let mut all = files::requested(&self.operations, self.path.as_deref(), self.share);
        all.push(("errno", self.errno.to_string()));
        all
    }

    fn asked(&self) -> Vec<(&'static str, f64)> {
        vec![("failed_share", self.share)]
    }

    fn problems(&self, key: &str) -> Vec<Problem> {
        let files = files::problems(key, &self.operations, self.path.as_deref());
        files.into_iter().chain(share_problem(key, self.share)).collect()
    }
}
