//! `time.drift`: the wall clock of a component goes too fast or too slow.

use super::{Declaration, Kind, Needs, range_problem};
use crate::act::{Act, Hold};
use crate::inventory::Preparation;
use crate::problem::Problem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Slowest and fastest.
const SPEEDS: (f64, f64) = (0.5, 2.0);
/// Smallest difference to a true clock: it has to be seen in whole seconds while an experiment waits.
const MIN_DIFFERENCE: f64 = 0.1;
const MS_PER_S: f64 = 1_000.0;

const DECLARATION: Declaration = Declaration {
    kind: "time.drift",
    summary: "lets the wall clock of a component go too fast or too slow; its monotonic clock goes on",
    parameters: &[("speed", "seconds of the clock in a true second, 0.5 to 0.9 or 1.1 to 2")],
    example: ", speed: 1.5",
    backends: &["local"],
    needs: Needs::Clock,
    prepared: Some(Preparation::Time),
    held_by: "the holder process, its guard, and a moment at which the clock library itself goes back to the true time",
    undo: "the page of the clock is cleared if the shift is still ours",
    dose: "the field Date of the component's own answers, beside the host's clock: gained_ms_per_s, once 1.2 s are gained or lost",
    never_with: &["process.*"],
};

/// Let the wall clock of a component go too fast or too slow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TimeDrift {
    /// Key in `targets`.
    pub target: String,
    /// Seconds of the clock in a true second.
    pub speed: f64,
}

impl TimeDrift {
    fn gain_ms_per_s(&self) -> i64 {
        ((self.speed - 1.0) * MS_PER_S).round() as i64
    }
}

impl Kind for TimeDrift {
    const DECLARATION: Declaration = DECLARATION;

    fn target(&self) -> &str {
        &self.target
    }

    fn act(&self) -> Act {
        Act::Held(Hold::Clock { offset_ms: 0, gain_ms_per_s: self.gain_ms_per_s() })
    }

    fn requested(&self) -> Vec<(&'static str, String)> {
        vec![("speed", self.speed.to_string())]
    }

    fn asked(&self) -> Vec<(&'static str, f64)> {
        vec![("gained_ms_per_s", self.gain_ms_per_s() as f64)]
    }

    fn problems(&self, key: &str) -> Vec<Problem> {
        let key = format!("{key}.speed");
        let range = range_problem(&key, self.speed, SPEEDS);
        let near = || {
            let remedy = "write a value from 0.5 to 0.9 or from 1.1 to 2";
            // A whole per mille, so that 1.1 counts as 0.1 more than 1.
            ((self.gain_ms_per_s().abs() as f64) < MIN_DIFFERENCE * MS_PER_S)
                .then(|| Problem::new(&key, self.speed, "too near to a true clock to be seen", remedy))
        };
        range.or_else(near).into_iter().collect()
    }
}
