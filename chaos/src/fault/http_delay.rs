//! `http.delay`: requests are held before they are forwarded.

use super::{Declaration, Kind, Needs, everything, range_problem, share_problem};
use crate::act::Act;
use crate::problem::Problem;
use crate::proxy::{EdgeFault, Share};
use crate::span::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const DECLARATION: Declaration = Declaration {
    kind: "http.delay",
    summary: "holds HTTP/1.1 requests to a component before it forwards them",
    parameters: &[
        ("from", "caller; without it every edge to the target"),
        ("delay", "time that a request is held, 5ms to 30s"),
        ("jitter", "half width of a uniform spread around the delay, 0 to delay"),
        ("share", "probability for each request, 0.02 to 1 (default 1)"),
    ],
    example: ", delay: 200ms, share: 0.5",
    backends: &["local"],
    needs: Needs::Nothing,
    prepared: None,
    held_by: "a lease on the entry in the proxy's table; the proxy's own process",
    undo: "the entry with our id leaves the table of the edge; requests held back are forwarded at once",
    dose: "probe requests through the edge, each with a twin straight to the target: held of all, and their median",
    never_with: &["process.*"],
};

/// Hold requests to a component.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct HttpDelay {
    /// Key in `targets`.
    pub target: String,
    /// Caller; without it every edge to the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Added time.
    pub delay: Span,
    /// Half width of the uniform jitter.
    #[serde(default)]
    pub jitter: Span,
    /// Probability for each request.
    #[serde(default = "everything")]
    pub share: f64,
}

impl Kind for HttpDelay {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn from(&self) -> Option<&str> {
        self.from.as_deref()
    }

    fn act(&self) -> Act {
        let share = Share::try_new(self.share).unwrap_or(Share::ALL);
        Act::Edge(EdgeFault::HttpDelay { delay: self.delay.duration(), jitter: self.jitter.duration(), share })
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        vec![("delay", self.delay.to_string()), ("jitter", self.jitter.to_string()), ("share", self.share.to_string())]
    }

    fn asked(&self) -> Vec<(&'static str, f64)> {
        vec![("held_share", self.share), ("delay_ms_p50", self.delay.ms() as f64)]
    }

    fn problems(&self, key: &str) -> Vec<Problem> {
        let range = (Span::from_ms(5), Span::from_ms(30_000));
        let delay = range_problem(&format!("{key}.delay"), self.delay, range);
        let jitter = range_problem(&format!("{key}.jitter"), self.jitter, (Span::default(), self.delay));
        share_problem(key, self.share).into_iter().chain(delay).chain(jitter).collect()
    }
}
