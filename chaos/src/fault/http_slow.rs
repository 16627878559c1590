//! `http.slow`: bodies of responses drip.

use super::{Declaration, Kind, Needs, everything, range_problem, share_problem};
use crate::act::Act;
use crate::amount::BytesPerSecond;
use crate::problem::Problem;
use crate::proxy::{EdgeFault, Share};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU64;

const DECLARATION: Declaration = Declaration {
    kind: "http.slow",
    summary: "lets bodies of HTTP/1.1 responses of a component drip: slow, and valid",
    parameters: &[
        ("from", "caller; without it every edge to the target"),
        ("rate", "bytes per second of a body, 1B/s to 100MiB/s"),
        ("share", "probability for each response, 0.02 to 1 (default 1)"),
    ],
    example: ", rate: 20B/s",
    backends: &["local"],
    needs: Needs::Nothing,
    prepared: None,
    held_by: "a lease on the entry in the proxy's table; the proxy's own process",
    undo: "the entry with our id leaves the table of the edge; what is left of a body goes at once",
    dose: "bodies of probe requests read to their end: slow ones of all, and their bytes a second",
    never_with: &["process.*"],
};

/// Let bodies of a component's responses drip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct HttpSlow {
    /// Key in `targets`.
    pub target: String,
    /// Caller; without it every edge to the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Bytes per second.
    pub rate: BytesPerSecond,
    /// Probability for each response.
    #[serde(default = "everything")]
    pub share: f64,
}

impl Kind for HttpSlow {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn from(&self) -> Option<&str> {
        self.from.as_deref()
    }

    fn act(&self) -> Act {
        let bytes_per_second = NonZeroU64::new(self.rate.0).unwrap_or(NonZeroU64::MIN);
        Act::Edge(EdgeFault::HttpSlow { bytes_per_second, share: Share::try_new(self.share).unwrap_or(Share::ALL) })
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        vec![("rate", self.rate.to_string()), ("share", self.share.to_string())]
    }

    fn asked(&self) -> Vec<(&'static str, f64)> {
        vec![("slow_share", self.share), ("bytes_per_second", self.rate.0 as f64)]
    }

    fn problems(&self, key: &str) -> Vec<Problem> {
        let rate = range_problem(&format!("{key}.rate"), self.rate, (BytesPerSecond(1), BytesPerSecond(100 << 20)));
        share_problem(key, self.share).into_iter().chain(rate).collect()
    }
}
