//! `dns.wrong`: questions of a component for addresses are answered with another one.

use super::{Declaration, Kind, Needs, everything, names, share_problem};
use crate::act::{Act, Hold};
use crate::inventory::Preparation;
use crate::problem::Problem;
use crate::sandbox::{NameEffect, NameFault};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

const DECLARATION: Declaration = Declaration {
    kind: "dns.wrong",
    summary: "answers a component's questions for addresses with another address",
    parameters: &[
        ("address", "the address, of either family; questions for the other family are answered with none"),
        names::NAMES,
        ("share", "probability for each question, 0.02 to 1 (default 1)"),
    ],
    example: ", address: 127.0.0.9",
    backends: &["local"],
    needs: Needs::OwnResolver,
    prepared: Some(Preparation::Dns),
    held_by: names::HELD_BY,
    undo: names::UNDO,
    dose: "questions to the component's resolver that are answered with the address and our id: wrong_share",
    never_with: &["dns.*", "process.*"],
};

/// Answer questions for addresses with another one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DnsWrong {
    /// Key in `targets`.
    pub target: String,
    /// The address.
    pub address: IpAddr,
    /// Patterns of names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Probability for each question.
    #[serde(default = "everything")]
    pub share: f64,
}

impl Kind for DnsWrong {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn act(&self) -> Act {
        let effect = NameEffect::Address(self.address);
        Act::Held(Hold::Names(NameFault { names: names::plain(&self.names), share: self.share, effect }))
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        let mut all = names::requested(&self.names, self.share);
        all.push(("address", self.address.to_string()));
        all
    }

    fn asked(&self) -> Vec<(&'static str, f64)> {
        vec![("wrong_share", self.share)]
    }

    fn problems(&self, key: &str) -> Vec<Problem> {
        names::problems(key, &self.names).into_iter().chain(share_problem(key, self.share)).collect()
    }
}
