//! `dns.error`: questions of a component for names are answered with an error, or not at all.

use super::{Declaration, Kind, Needs, everything, names, share_problem};
use crate::act::{Act, Hold};
use crate::inventory::Preparation;
use crate::problem::Problem;
use crate::sandbox::{NameEffect, NameError, NameFault};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const DECLARATION: Declaration = Declaration {
    kind: "dns.error",
    summary: "answers a component's questions for names with an error, or not at all",
    parameters: &[
        ("rcode", "SERVFAIL (default), NXDOMAIN, REFUSED, or drop for no answer"),
        names::NAMES,
        ("share", "probability for each question, 0.02 to 1 (default 1)"),
    ],
    example: ", rcode: NXDOMAIN",
    backends: &["local"],
    needs: Needs::OwnResolver,
    prepared: Some(Preparation::Dns),
    held_by: names::HELD_BY,
    undo: names::UNDO,
    dose: "questions to the component's resolver that are answered with the code and our id, or not at all: failed_share",
    never_with: &["dns.*", "process.*"],
};

/// Answer questions for names with an error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DnsError {
    /// Key in `targets`.
    pub target: String,
    /// The error.
    #[serde(default)]
    pub rcode: NameError,
    /// Patterns of names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Probability for each question.
    #[serde(default = "everything")]
    pub share: f64,
}

impl Kind for DnsError {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn act(&self) -> Act {
        let effect = NameEffect::Error(self.rcode);
        Act::Held(Hold::Names(NameFault { names: names::plain(&self.names), share: self.share, effect }))
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        let mut all = names::requested(&self.names, self.share);
        all.push(("rcode", self.rcode.to_string()));
        all
    }

    fn asked(&self) -> Vec<(&'static str, f64)> {
        vec![("failed_share", self.share)]
    }

    fn problems(&self, key: &str) -> Vec<Problem> {
        names::problems(key, &self.names).into_iter().chain(share_problem(key, self.share)).collect()
    }
}
