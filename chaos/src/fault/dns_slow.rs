//! `dns.slow`: questions of a component for names are passed on later.

use super::{Declaration, Kind, Needs, everything, names, range_problem, share_problem};
use crate::act::{Act, Hold};
use crate::inventory::Preparation;
use crate::problem::Problem;
use crate::sandbox::{NameEffect, NameFault};
use crate::span::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const DECLARATION: Declaration = Declaration {
    kind: "dns.slow",
    summary: "passes a component's questions for names on later",
    parameters: &[
        ("delay", "added time of each question, 5ms to 30s"),
        ("jitter", "half width of a uniform spread around the delay, 0 to delay"),
        names::NAMES,
        ("share", "probability for each question, 0.02 to 1 (default 1)"),
    ],
    example: ", delay: 500ms",
    backends: &["local"],
    needs: Needs::OwnResolver,
    prepared: Some(Preparation::Dns),
    held_by: names::HELD_BY,
    undo: "the connection to the sandbox ends; questions that are held back are passed on at once",
    dose: "questions to the component's resolver minus the same straight to the host's: delay_ms_p50 of those delayed, delayed_share",
    never_with: &["dns.*", "process.*"],
};

/// Pass questions for names on later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DnsSlow {
    /// Key in `targets`.
    pub target: String,
    /// Added time.
    pub delay: Span,
    /// Half width of the uniform jitter.
    #[serde(default)]
    pub jitter: Span,
    /// Patterns of names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Probability for each question.
    #[serde(default = "everything")]
    pub share: f64,
}

impl Kind for DnsSlow {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn act(&self) -> Act {
        let effect = NameEffect::Delay { delay: self.delay.duration(), jitter: self.jitter.duration() };
        Act::Held(Hold::Names(NameFault { names: names::plain(&self.names), share: self.share, effect }))
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        let mut all = names::requested(&self.names, self.share);
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
        let names = names::problems(key, &self.names);
        names.into_iter().chain(share_problem(key, self.share)).chain(delay).chain(jitter).collect()
    }
}
