//! `net.delay`: bytes between two components take longer.

use super::{Declaration, Kind, Needs};
use crate::act::Act;
use crate::problem::Problem;
use crate::proxy::{Direction, EdgeFault};
use crate::span::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Shortest delay: below it the scheduling of a busy machine is too coarse for an honest dose.
const MIN_MS: u64 = 5;
/// Longest delay: callers give up long before.
const MAX_MS: u64 = 30_000;

const DECLARATION: Declaration = Declaration {
    kind: "net.delay",
    summary: "holds back the bytes between a caller and a component",
    parameters: &[
        ("from", "caller; without it every edge to the target"),
        ("delay", "time added to each chunk, one way, 5ms to 30s"),
        ("jitter", "half width of a uniform spread around the delay, 0 to delay"),
        ("direction", "to (requests, default), from (responses) or both"),
    ],
    example: ", delay: 200ms, jitter: 20ms",
    backends: &["local"],
    needs: Needs::Nothing,
    prepared: None,
    held_by: "a lease on the entry in the proxy's table; the proxy's own process",
    undo: "the entry with our id leaves the table of the edge; bytes held back are released at once",
    dose: "probe requests through the edge minus the median of probes straight to the target, a pass: p50, p99",
    never_with: &["process.*"],
};

/// Delay the bytes of edges to a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NetDelay {
    /// Key in `targets`.
    pub target: String,
    /// Caller; without it every edge to the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Added one-way time.
    pub delay: Span,
    /// Half width of the uniform jitter.
    #[serde(default)]
    pub jitter: Span,
    /// Which way.
    #[serde(default)]
    pub direction: Direction,
}

impl Kind for NetDelay {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn from(&self) -> Option<&str> {
        self.from.as_deref()
    }

    fn act(&self) -> Act {
        let (delay, jitter) = (self.delay.duration(), self.jitter.duration());
        Act::Edge(EdgeFault::Delay { delay, jitter, direction: self.direction })
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        vec![
            ("delay", self.delay.to_string()),
            ("jitter", self.jitter.to_string()),
            ("direction", format!("{:?}", self.direction).to_lowercase()),
        ]
    }

    fn asked(&self) -> Vec<(&'static str, f64)> {
        vec![("delay_ms_p50", self.delay.ms() as f64)]
    }

    fn problems(&self, key: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        if !(MIN_MS..=MAX_MS).contains(&self.delay.ms()) {
            let remedy = "write a duration from 5ms to 30s";
            problems.push(Problem::new(format!("{key}.delay"), self.delay, "out of range", remedy));
        }
        if self.jitter > self.delay {
            let remedy = format!("write at most the delay, {}", self.delay);
            problems.push(Problem::new(format!("{key}.jitter"), self.jitter, "more than the delay", remedy));
        }
        problems
    }
}
