//! `net.slice`: bytes come in small pieces.

use super::{Declaration, Kind, Needs, range_problem};
use crate::act::Act;
use crate::amount::Bytes;
use crate::problem::Problem;
use crate::proxy::{Direction, EdgeFault};
use crate::span::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

const DECLARATION: Declaration = Declaration {
    kind: "net.slice",
    summary: "cuts the bytes between a caller and a component into small pieces with rests between them",
    parameters: &[
        ("from", "caller; without it every edge to the target"),
        ("size", "average bytes of a piece, 1B to 64KiB"),
        ("variation", "half width of a uniform spread around the size, less than it (default 0B)"),
        ("delay", "rest between two pieces, 1ms to 1s"),
        ("direction", "to (requests, default), from (responses) or both"),
    ],
    example: ", size: 16B, delay: 5ms",
    backends: &["local"],
    needs: Needs::Nothing,
    prepared: None,
    held_by: "a lease on the entry in the proxy's table; the proxy's own process",
    undo: "the entry with our id leaves the table of the edge; pieces held back are released at once",
    dose: "time that a probe request and its response take more than straight to the target: milliseconds, against those that their lengths let expect",
    never_with: &["process.*"],
};

/// Cut the bytes of edges to a component into pieces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NetSlice {
    /// Key in `targets`.
    pub target: String,
    /// Caller; without it every edge to the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Average bytes of a piece.
    pub size: Bytes,
    /// Half width of the uniform variation.
    #[serde(default)]
    pub variation: Bytes,
    /// Rest between two pieces.
    pub delay: Span,
    /// Which way.
    #[serde(default)]
    pub direction: Direction,
}

impl Kind for NetSlice {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn from(&self) -> Option<&str> {
        self.from.as_deref()
    }

    fn act(&self) -> Act {
        let bytes = |bytes: Bytes| u32::try_from(bytes.0).unwrap_or(u32::MAX);
        Act::Edge(EdgeFault::Slice {
            average: NonZeroU32::new(bytes(self.size)).unwrap_or(NonZeroU32::MIN),
            variation: bytes(self.variation),
            delay: self.delay.duration(),
            direction: self.direction,
        })
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        vec![
            ("size", self.size.to_string()),
            ("variation", self.variation.to_string()),
            ("delay", self.delay.to_string()),
            ("direction", format!("{:?}", self.direction).to_lowercase()),
        ]
    }

    fn problems(&self, key: &str) -> Vec<Problem> {
        let size = range_problem(&format!("{key}.size"), self.size, (Bytes(1), Bytes(64 << 10)));
        let delay = range_problem(&format!("{key}.delay"), self.delay, (Span::from_ms(1), Span::from_ms(1_000)));
        let variation = (self.variation >= self.size).then(|| {
            let remedy = format!("write less than the size, {}", self.size);
            Problem::new(format!("{key}.variation"), self.variation, "not less than the size", remedy)
        });
        size.into_iter().chain(variation).chain(delay).collect()
    }
}
