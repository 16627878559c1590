//! `http.header`: fields of requests or responses change.

use super::{Declaration, Kind, Needs, everything, share_problem};
use crate::act::Act;
use crate::problem::Problem;
use crate::proxy::{EdgeFault, HeaderEdit, HeaderEditError, Message, Share};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const DECLARATION: Declaration = Declaration {
    kind: "http.header",
    summary: "sets and removes fields of HTTP/1.1 requests to a component, or of its responses",
    parameters: &[
        ("from", "caller; without it every edge to the target"),
        ("on", "request (default) or response"),
        ("set", "fields and their values; none that frame the message"),
        ("remove", "names of fields; none that frame the message"),
        ("share", "probability for each message, 0.02 to 1 (default 1)"),
    ],
    example: ", on: response, set: {x-version: \"0\"}",
    backends: &["local"],
    needs: Needs::Nothing,
    prepared: None,
    held_by: "a lease on the entry in the proxy's table; the proxy's own process",
    undo: "the entry with our id leaves the table of the edge",
    dose: "probe messages with the fields as asked, of all; requests as they arrive at a listener of the executor behind the edge",
    never_with: &["process.*"],
};

/// Change fields of messages of a component.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct HttpHeader {
    /// Key in `targets`.
    pub target: String,
    /// Caller; without it every edge to the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Which message.
    #[serde(default)]
    pub on: Message,
    /// Fields to set, in place of every field of that name.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
    /// Names of fields to remove.
    #[serde(default)]
    pub remove: Vec<String>,
    /// Probability for each message.
    #[serde(default = "everything")]
    pub share: f64,
}

impl Kind for HttpHeader {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn from(&self) -> Option<&str> {
        self.from.as_deref()
    }

    fn act(&self) -> Act {
        let edit = self.edit().unwrap_or_default();
        Act::Edge(EdgeFault::HttpHeader { share: Share::try_new(self.share).unwrap_or(Share::ALL), on: self.on, edit })
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        let set: Vec<_> = self.set.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        vec![
            ("on", format!("{:?}", self.on).to_lowercase()),
            ("set", set.join(", ")),
            ("remove", self.remove.join(", ")),
            ("share", self.share.to_string()),
        ]
    }

    fn asked(&self) -> Vec<(&'static str, f64)> {
        vec![("rewritten_share", self.share)]
    }

    fn problems(&self, key: &str) -> Vec<Problem> {
        let share = share_problem(key, self.share).into_iter();
        if self.set.is_empty() && self.remove.is_empty() {
            let remedy = "write a field under `set` or `remove`";
            return share.chain([Problem::new(format!("{key}.set"), "{}", "nothing is changed", remedy)]).collect();
        }
        let problems = self.edit().err().map_or_else(Vec::new, |HeaderEditError(problems)| problems);
        let (fields, remedy) =
            (format!("set {:?}, remove {:?}", self.set, self.remove), "write other fields or values");
        share.chain(problems.iter().map(|why| Problem::new(key, &fields, why, remedy))).collect()
    }
}

impl HttpHeader {
    fn edit(&self) -> Result<HeaderEdit, HeaderEditError> {
        let set: Vec<_> = self.set.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        HeaderEdit::try_new(&set, &self.remove)
    }
}
