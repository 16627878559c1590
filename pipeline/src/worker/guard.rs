//! Guards of an experiment, read from the recorder at scrape rate.

use chaos::document::Guard;
use probes::metrics::Recorder;
use probes::metrics::selection::{Selection, ratio};
use scorer::Signal;
use scorer::signal::{Form, MatchOp, Matcher, Selector};
use std::time::Duration;

/// A guard over a declared signal.
#[derive(Debug)]
pub struct Watch {
    signal: String,
    below: Option<f64>,
    above: Option<f64>,
    window: Duration,
    reads: Reads,
}

#[derive(Debug)]
enum Reads {
    Ratio { good: Selection, total: Selection },
    Value(Selection),
}

impl Watch {
    /// Guards whose signal is a ratio, a latency share or a gauge. A guard that cannot be read is a sentence, because an
    /// experiment must not run unguarded.
    ///
    /// # Errors
    /// Which guard, and why.
    pub fn all(guards: &[Guard], signals: &[Signal]) -> Result<Vec<Watch>, String> {
        guards.iter().map(|g| Watch::one(g, signals)).collect()
    }

    fn one(guard: &Guard, signals: &[Signal]) -> Result<Watch, String> {
        let name = &guard.signal;
        let signal = signals
            .iter()
            .find(|s| s.name == *name)
            .ok_or_else(|| format!("guard: signal `{name}` is not declared"))?;
        let select = |s: &Selector| Selection::try_new(s).map_err(|e| format!("guard `{name}`: {e}"));
        let reads = match &signal.form {
            Form::Ratio { good, total } => Reads::Ratio { good: select(good)?, total: select(total)? },
            Form::Latency { buckets, threshold_s } => Reads::Ratio {
                good: select(&with_bound(buckets, &threshold_s.to_string()))?,
                total: select(&with_bound(buckets, "+Inf"))?,
            },
            Form::Gauge { series, .. } => Reads::Value(select(series)?),
            Form::Rate { .. } | Form::Count { .. } => {
                return Err(format!("guard: signal `{name}` is a rate or count; guard a ratio, latency or gauge"));
            }
        };
        Ok(Watch { signal: name.clone(), below: guard.below, above: guard.above, window: guard.for_.duration(), reads })
    }

    /// The signal, when its bound is broken over the window. Without evidence nothing trips: the verdict says so later.
    pub fn tripped(&self, recorder: &Recorder) -> Option<&str> {
        let value = match &self.reads {
            Reads::Ratio { good, total } => {
                ratio(&recorder.latest_window(good, self.window), &recorder.latest_window(total, self.window))
            }
            Reads::Value(series) => {
                let values: Vec<f64> = recorder
                    .latest_window(series, self.window)
                    .iter()
                    .filter_map(|s| s.values.iter().copied().rfind(|v| !v.is_nan()))
                    .collect();
                (!values.is_empty()).then(|| values.iter().sum())
            }
        }?;
        let broken = self.below.is_some_and(|b| value < b) || self.above.is_some_and(|a| value > a);
        broken.then_some(self.signal.as_str())
    }
}

fn with_bound(buckets: &Selector, bound: &str) -> Selector {
    let mut selector = buckets.clone();
    selector.matchers.push(Matcher { label: "le".into(), op: MatchOp::Equal, value: bound.to_owned() });
    selector
}
