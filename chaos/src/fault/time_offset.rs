//! `time.offset`: the wall clock of a component is ahead or behind.

use super::{Declaration, Kind, Needs};
use crate::act::{Act, Hold};
use crate::inventory::Preparation;
use crate::problem::Problem;
use crate::span::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Smallest offset: what is read from the component tells whole seconds, and 5 % of less could not be seen.
const MIN_MS: u64 = 10_000;

const DECLARATION: Declaration = Declaration {
    kind: "time.offset",
    summary: "sets the wall clock of a component ahead or behind; its monotonic clock goes on",
    parameters: &[
        ("ahead", "time that the clock is ahead, 10s to one year; this or `behind`"),
        ("behind", "time that the clock is behind, 10s to one year"),
    ],
    example: ", ahead: 1h",
    backends: &["local"],
    needs: Needs::Clock,
    prepared: Some(Preparation::Time),
    held_by: "the holder process, its guard, and a moment at which the clock library itself goes back to the true time",
    undo: "the page of the clock is cleared if the shift is still ours",
    dose: "the field Date of the component's own answers, beside the host's clock: offset_ms",
    never_with: &["process.*"],
};

/// Set the wall clock of a component ahead or behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TimeOffset {
    /// Key in `targets`.
    pub target: String,
    /// Time that the clock is ahead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead: Option<Span>,
    /// Time that the clock is behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<Span>,
}

impl TimeOffset {
    /// Milliseconds ahead of the true time; at most a year, which 64 bits hold.
    fn ms(&self) -> i64 {
        let ms = |span: Option<Span>| span.unwrap_or_default().ms() as i64;
        ms(self.ahead) - ms(self.behind)
    }
}

impl Kind for TimeOffset {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn act(&self) -> Act {
        Act::Held(Hold::Clock { offset_ms: self.ms(), gain_ms_per_s: 0 })
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        let both = [("ahead", self.ahead), ("behind", self.behind)];
        both.into_iter().filter_map(|(name, span)| Some((name, span?.to_string()))).collect()
    }

    fn asked(&self) -> Vec<(&'static str, f64)> {
        vec![("offset_ms", self.ms() as f64)]
    }

    fn problems(&self, key: &str) -> Vec<Problem> {
        match (self.ahead, self.behind) {
            (Some(span), None) => short(&format!("{key}.ahead"), span).into_iter().collect(),
            (None, Some(span)) => short(&format!("{key}.behind"), span).into_iter().collect(),
            (None, None) => vec![Problem::new(key, "", "neither ahead nor behind", "write one of them: ahead: 1h")],
            (Some(ahead), Some(_)) => {
                vec![Problem::new(format!("{key}.ahead"), ahead, "both ahead and behind", "keep one of them")]
            }
        }
    }
}

fn short(key: &str, span: Span) -> Option<Problem> {
    (span.ms() < MIN_MS).then(|| Problem::new(key, span, "out of range", "write a duration from 10s to 8760h"))
}
