//! The counters of one journey, which exist from the start so that ratios over them have a defined beginning.

use crate::metrics::Registry;
use crate::metrics::registry::{Counter, Histogram, JOURNEY_OK, JOURNEY_RUNS, JOURNEY_SECONDS, SECONDS_BOUNDS};
use scorer::evidence::Outcome;
use std::time::Duration;

/// Handles of one journey.
pub(super) struct Counters {
    runs: [(Outcome, Counter); 5],
    ok: Counter,
    seconds: Histogram,
}

impl Counters {
    /// Registers every series of a journey, at zero.
    pub(super) fn register(registry: &Registry, suite: &str, journey: &str) -> Self {
        let labels = [("suite", suite), ("journey", journey)];
        let runs =
            |(outcome, word)| (outcome, registry.counter(JOURNEY_RUNS, &[labels[0], labels[1], ("outcome", word)]));
        Self {
            runs: [
                (Outcome::Ok, "ok"),
                (Outcome::Wrong, "wrong"),
                (Outcome::Slow, "slow"),
                (Outcome::Unreachable, "unreachable"),
                (Outcome::NotRun, "notRun"),
            ]
            .map(runs),
            ok: registry.counter(JOURNEY_OK, &labels),
            seconds: registry.histogram(JOURNEY_SECONDS, &labels, &SECONDS_BOUNDS),
        }
    }

    /// One run ended.
    pub(super) fn count(&self, outcome: Outcome, took: Duration) {
        self.runs.iter().filter(|(of, _)| *of == outcome).for_each(|(_, runs)| runs.inc());
        if outcome == Outcome::Ok {
            self.ok.inc();
        }
        if outcome != Outcome::NotRun {
            self.seconds.observe(took.as_secs_f64());
        }
    }
}
