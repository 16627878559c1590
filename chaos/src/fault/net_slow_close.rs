//! `net.slowClose`: ends of streams come late.

use super::{Declaration, Kind, Needs, range_problem};
use crate::act::Act;
use crate::problem::Problem;
use crate::proxy::{Direction, EdgeFault};
use crate::span::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const DECLARATION: Declaration = Declaration {
    kind: "net.slowClose",
    summary: "passes the ends of streams between a caller and a component on late",
    parameters: &[
        ("from", "caller; without it every edge to the target"),
        ("delay", "time added to the end of a stream, 5ms to 30s"),
        ("direction", "to (requests, default), from (responses) or both"),
    ],
    example: ", delay: 500ms",
    backends: &["local"],
    needs: Needs::Nothing,
    prepared: None,
    held_by: "a lease on the entry in the proxy's table; the proxy's own process",
    undo: "the entry with our id leaves the table of the edge; ends held back are released at once",
    dose: "half-closed probe connections through the edge minus those straight to the target, a pass: p50, p99",
    never_with: &["process.*"],
};

/// Pass the ends of streams on late.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NetSlowClose {
    /// Key in `targets`.
    pub target: String,
    /// Caller; without it every edge to the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Added one-way time.
    pub delay: Span,
    /// Which way.
    #[serde(default)]
    pub direction: Direction,
}

impl Kind for NetSlowClose {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn from(&self) -> Option<&str> {
        self.from.as_deref()
    }

    fn act(&self) -> Act {
        Act::Edge(EdgeFault::SlowClose { delay: self.delay.duration(), direction: self.direction })
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        let direction = format!("{:?}", self.direction).to_lowercase();
        vec![("delay", self.delay.to_string()), ("direction", direction)]
    }

    fn asked(&self) -> Vec<(&'static str, f64)> {
        vec![("delay_ms_p50", self.delay.ms() as f64)]
    }

    fn problems(&self, key: &str) -> Vec<Problem> {
        let range = (Span::from_ms(5), Span::from_ms(30_000));
        range_problem(&format!("{key}.delay"), self.delay, range).into_iter().collect()
    }
}
