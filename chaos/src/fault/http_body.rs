//! `http.body`: bodies of responses are not what the target sent.

use super::{Declaration, Kind, Needs, everything, share_problem};
use crate::act::Act;
use crate::amount::Bytes;
use crate::problem::Problem;
use crate::proxy::{BodyEdit, EdgeFault, Share, Truncation};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const DECLARATION: Declaration = Declaration {
    kind: "http.body",
    summary: "replaces, shortens or rewrites bodies of HTTP/1.1 responses of a component",
    parameters: &[
        ("from", "caller; without it every edge to the target"),
        ("change", "replace: {with}, truncate: {bytes, how: honest or broken}, or find: {text, with}"),
        ("share", "probability for each response, 0.02 to 1 (default 1)"),
    ],
    example: ", change: {truncate: {bytes: 1B}}",
    backends: &["local"],
    needs: Needs::Nothing,
    prepared: None,
    held_by: "a lease on the entry in the proxy's table; the proxy's own process",
    undo: "the entry with our id leaves the table of the edge; a body of which changed bytes have gone is changed to its end",
    dose: "bodies of probe requests, against the target's own: changed as asked of all",
    never_with: &["process.*"],
};

/// What becomes of a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub enum BodyChange {
    /// Another body.
    Replace {
        /// The body.
        with: String,
    },
    /// Its first bytes alone.
    Truncate {
        /// Bytes that are left.
        bytes: Bytes,
        /// Whether the head says so.
        #[serde(default)]
        how: Truncation,
    },
    /// Every occurrence of a text becomes another.
    Find {
        /// What to look for.
        text: String,
        /// What stands there instead.
        with: String,
    },
}

impl BodyChange {
    fn edit(&self) -> BodyEdit {
        match self.clone() {
            BodyChange::Replace { with } => BodyEdit::Replace { with: with.into() },
            BodyChange::Truncate { bytes, how } => BodyEdit::Truncate { bytes: bytes.0, how },
            BodyChange::Find { text, with } => BodyEdit::Find { find: text.into(), with: with.into() },
        }
    }
}

/// Change bodies of a component's responses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct HttpBody {
    /// Key in `targets`.
    pub target: String,
    /// Caller; without it every edge to the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The change.
    pub change: BodyChange,
    /// Probability for each response.
    #[serde(default = "everything")]
    pub share: f64,
}

impl Kind for HttpBody {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn from(&self) -> Option<&str> {
        self.from.as_deref()
    }

    fn act(&self) -> Act {
        Act::Edge(EdgeFault::HttpBody {
            share: Share::try_new(self.share).unwrap_or(Share::ALL),
            edit: self.change.edit(),
        })
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        let change = match &self.change {
            BodyChange::Replace { with } => format!("replace with {} bytes", with.len()),
            BodyChange::Truncate { bytes, how } => format!("truncate to {bytes}, {how:?}").to_lowercase(),
            BodyChange::Find { text, with } => format!("find `{text}`, with `{with}`"),
        };
        vec![("change", change), ("share", self.share.to_string())]
    }

    fn asked(&self) -> Vec<(&'static str, f64)> {
        vec![("edited_share", self.share)]
    }

    fn problems(&self, key: &str) -> Vec<Problem> {
        let empty = matches!(&self.change, BodyChange::Find { text, .. } if text.is_empty());
        let remedy = "write the text to look for";
        let empty = empty.then(|| Problem::new(format!("{key}.change.find.text"), "", "nothing to look for", remedy));
        share_problem(key, self.share).into_iter().chain(empty).collect()
    }
}
