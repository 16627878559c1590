//! `config.file`: a file of a component has another content.

use super::{Declaration, Kind, Needs};
use crate::act::{Act, Hold};
use crate::problem::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Component, Path};

/// Longest content; settings are far shorter.
const MAX_CONTENT: usize = 1 << 20;

const DECLARATION: Declaration = Declaration {
    kind: "config.file",
    summary: "puts another content into a file below the folder of a component",
    parameters: &[
        ("file", "path below the folder of the component ({dir}); it must exist"),
        ("content", "the whole new content, at most 1MiB"),
    ],
    example: ", file: settings.json, content: \"{}\"",
    backends: &["local"],
    needs: Needs::SameUser,
    prepared: None,
    held_by: "the holder process and its guard: whichever is left puts the old content back; the next start does so after a reboot",
    undo: "the old file, kept beside, is put back if the content is still ours",
    dose: "the content read through the file system by somebody else: content_is_ours (1)",
    never_with: &["config.file"],
};

/// Change a file of a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ConfigFile {
    /// Key in `targets`.
    pub target: String,
    /// Path below the folder of the component.
    pub file: String,
    /// The whole new content.
    pub content: String,
}

impl Kind for ConfigFile {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn act(&self) -> Act {
        Act::Held(Hold::File { path: self.file.clone(), content: self.content.clone() })
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        vec![("file", self.file.clone()), ("bytes", self.content.len().to_string())]
    }

    fn asked(&self) -> Vec<(&'static str, f64)> {
        vec![("content_is_ours", 1.0)]
    }

    fn problems(&self, key: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        let key_file = format!("{key}.file");
        let below = Path::new(&self.file).components().all(|part| matches!(part, Component::Normal(_)));
        if self.file.is_empty() || !below {
            let remedy = "write a path below the folder of the component, without `..`";
            problems.push(Problem::new(key_file, &self.file, "leads out of the folder", remedy));
        }
        if self.content.len() > MAX_CONTENT {
            let remedy = "write at most 1MiB";
            problems.push(Problem::new(format!("{key}.content"), self.content.len(), "too long", remedy));
        }
        problems
    }
}
