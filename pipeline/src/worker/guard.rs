//! Guards of an experiment, read from the recorder at scrape rate.

mod samples;

use chaos::document::Guard;
use probes::metrics::Recorder;
use probes::metrics::selection::Selection;
use samples::Sample;
use scorer::Signal;
use scorer::signal::{Form, Selector};
use std::time::{Duration, Instant};

/// Intervals that are read beyond the window of a guard: the first increment needs the scrape before it, and a scrape
/// may be late.
const BEYOND: u32 = 3;

/// A guard over a declared signal.
#[derive(Debug)]
pub struct Watch {
    signal: String,
    bound: Bound,
    window: Duration,
    reads: Reads,
    /// Since when it watches: what was not measured before is not held against the experiment.
    since: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Bound {
    below: Option<f64>,
    above: Option<f64>,
}

impl Bound {
    fn breaks(self, value: f64) -> bool {
        self.below.is_some_and(|bound| value < bound) || self.above.is_some_and(|bound| value > bound)
    }
}

#[derive(Debug)]
enum Reads {
    Ratio { good: Selection, total: Selection },
    Latency { buckets: Selection, threshold_s: f64 },
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
        let signal = signals.iter().find(|s| s.name == *name).ok_or_else(|| {
            let known = signals.iter().map(|s| s.name.as_str()).collect::<Vec<_>>().join(", ");
            format!("guard: signal `{name}` is not declared; known: {known}")
        })?;
        let select = |s: &Selector| Selection::try_new(s).map_err(|e| format!("guard `{name}`: {e}"));
        let reads = match &signal.form {
            Form::Ratio { good, total } => Reads::Ratio { good: select(good)?, total: select(total)? },
            Form::Latency { buckets, threshold_s } => {
                Reads::Latency { buckets: select(buckets)?, threshold_s: *threshold_s }
            }
            Form::Gauge { series, .. } => Reads::Value(select(series)?),
            Form::Distribution { .. } | Form::Rate { .. } | Form::Count { .. } => {
                return Err(format!(
                    "guard: signal `{name}` is a distribution, rate or count; guard a ratio, latency or gauge"
                ));
            }
        };
        let bound = Bound { below: guard.below, above: guard.above };
        Ok(Watch { signal: name.clone(), bound, window: guard.for_.duration(), reads, since: Instant::now() })
    }

    /// The signal, when its bound was broken without a break for the whole window, or when nothing at all was measured
    /// for as long: a fault that nobody watches must not stay in.
    pub fn tripped(&self, recorder: &Recorder) -> Option<&str> {
        let interval = recorder.interval();
        let samples = self.samples_over(recorder, reach(self.window));
        let seen = Seen { samples: &samples, now_ms: recorder.now_ms(), watched: self.since.elapsed() };
        let trips = broken_throughout(&samples, self.bound, self.window)
            || seen.nothing(self.window + interval + recorder.lag());
        trips.then_some(self.signal.as_str())
    }

    /// Whether the latest sample is there and does not break the bound.
    pub fn is_good(&self, recorder: &Recorder) -> bool {
        self.samples(recorder).last().is_some_and(|sample| !self.bound.breaks(sample.value))
    }

    /// Milliseconds after `from_ms` from which on no sample breaks the bound: 0 when none ever did; `None` when the
    /// last one does, or none is there.
    pub fn met_after(&self, recorder: &Recorder, from_ms: i64) -> Option<i64> {
        let since = u64::try_from(recorder.now_ms() - from_ms).unwrap_or(0);
        let samples = self.samples_over(recorder, Duration::from_millis(since));
        met_after(&samples, self.bound, from_ms)
    }

    fn samples(&self, recorder: &Recorder) -> Vec<Sample> {
        self.samples_over(recorder, self.window)
    }

    fn samples_over(&self, recorder: &Recorder, window: Duration) -> Vec<Sample> {
        let read = |selection: &Selection| recorder.latest_window(selection, window + recorder.interval() * BEYOND);
        match &self.reads {
            Reads::Ratio { good, total } => samples::shares(&read(good), &read(total)),
            Reads::Latency { buckets, threshold_s } => samples::within(&read(buckets), *threshold_s),
            Reads::Value(series) => samples::sums(&read(series)),
        }
    }
}

/// How far back a guard reads. Where events come less often than scrapes, the samples within the window alone cover
/// less than the window: it would never be seen to be broken throughout.
fn reach(window: Duration) -> Duration {
    window * 2
}

/// Whether every sample since some moment is broken, and they cover the window.
fn broken_throughout(samples: &[Sample], bound: Bound, window: Duration) -> bool {
    let run = samples.iter().rev().take_while(|sample| bound.breaks(sample.value));
    let covered = run.fold(None, |covered: Option<(i64, i64)>, sample| {
        Some((sample.from_ms, covered.map_or(sample.until_ms, |(_, until)| until)))
    });
    covered.is_some_and(|(from, until)| until - from >= millis(window))
}

fn met_after(samples: &[Sample], bound: Bound, from_ms: i64) -> Option<i64> {
    let later = || samples.iter().rev().filter(|sample| sample.until_ms > from_ms);
    let last = later().next()?;
    let broken = later().find(|sample| bound.breaks(sample.value));
    (broken != Some(last)).then(|| broken.map_or(0, |sample| sample.until_ms - from_ms))
}

struct Seen<'a> {
    samples: &'a [Sample],
    now_ms: i64,
    watched: Duration,
}

impl Seen<'_> {
    /// Whether no sample ended within `window`, which must be longer than the time between two.
    fn nothing(&self, window: Duration) -> bool {
        let last = self.samples.last().map(|sample| sample.until_ms);
        self.watched >= window && last.is_none_or(|last| self.now_ms - last >= millis(window))
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
