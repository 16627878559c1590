//! `io.latency`: operations on files of a component take longer.

use super::{Declaration, Kind, Needs, everything, files, range_problem, share_problem};
use crate::act::{Act, Hold};
use crate::inventory::Preparation;
use crate::problem::Problem;
use crate::sandbox::{FileEffect, FileFault, FileOperation};
use crate::span::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

const DECLARATION: Declaration = Declaration {
    kind: "io.latency",
    summary: "lets operations on files of a component take longer",
    parameters: &[
        ("delay", "added time of each operation, 5ms to 30s"),
        ("jitter", "half width of a uniform spread around the delay, 0 to delay"),
        files::OPERATIONS,
        files::PATH,
        ("share", "probability for each operation, 0.02 to 1 (default 1)"),
    ],
    example: ", delay: 100ms, operations: [fsync]",
    backends: &["local"],
    needs: Needs::OwnFiles,
    prepared: Some(Preparation::Io),
    held_by: files::HELD_BY,
    undo: "the connection to the sandbox ends; operations that are held back go on at once",
    dose: "operations on a file of ours, in the component's own view of its folder, minus the same past the sandbox: delay_ms_p50 of those delayed, delayed_share",
    never_with: &["io.*", "process.*"],
};

/// Let operations on files of a component take longer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct IoLatency {
    /// Key in `targets`.
    pub target: String,
    /// Added time.
    pub delay: Span,
    /// Half width of the uniform jitter.
    #[serde(default)]
    pub jitter: Span,
    /// Operations that are delayed.
    #[serde(default = "files::usual")]
    pub operations: BTreeSet<FileOperation>,
    /// Pattern of paths below the folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Probability for each operation.
    #[serde(default = "everything")]
    pub share: f64,
}

impl Kind for IoLatency {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn act(&self) -> Act {
        Act::Held(Hold::Files(FileFault {
            operations: self.operations.clone(),
            path: self.path.clone(),
            share: self.share,
            effect: FileEffect::Delay { delay: self.delay.duration(), jitter: self.jitter.duration() },
        }))
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        let mut all = files::requested(&self.operations, self.path.as_deref(), self.share);
        all.extend([("delay", self.delay.to_string()), ("jitter", self.jitter.to_string())]);
        all
    }

    fn asked(&self) -> Vec<(&'static str, f64)> {
        vec![("delayed_share", self.share), ("delay_ms_p50", self.delay.ms() as f64)]
    }

    fn problems(&self, key: &str) -> Vec<Problem> {
        let range = (Span::from_ms(5), Span::from_ms(30_000));
        let delay = range_problem(&format!("{key}.delay"), self.delay, range);
        let jitter = range_problem(&format!("{key}.jitter"), self.jitter, (Span::default(), self.delay));
        let files = files::problems(key, &self.operations, self.path.as_deref());
        files.into_iter().chain(share_problem(key, self.share)).chain(delay).chain(jitter).collect()
    }
}
