//! The numeric input of the judge: one metric, its baseline runs and its candidate run.

use crate::signal::Worse;

/// Kind of values; metrics of one kind share their between-run variance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Values as they are.
    Gauge,
    /// Increments a second, or per increment of another counter.
    Rate,
    /// Good or bad events of a total.
    Share,
    /// Observations above a bound of a total.
    LatencyShare,
    /// Ridits of a whole distribution.
    Distribution,
    /// Rare events of a total.
    Count,
}

/// Samples of one run on the programme's grid. NaN: absent (gap, fault window).
#[derive(Clone, Debug, PartialEq)]
pub enum Samples {
    /// One value a sample.
    Values(Vec<f64>),
    /// Events and total a sample; equal lengths. A share with worse = down counts good events, otherwise bad ones.
    Events {
        /// Events.
        events: Vec<f64>,
        /// Total.
        total: Vec<f64>,
    },
}

impl Samples {
    /// Number of samples, absent ones included.
    pub fn len(&self) -> usize {
        match self {
            Samples::Values(values) => values.len(),
            Samples::Events { total, .. } => total.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One metric as the judge sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Name.
    pub name: String,
    /// Kind.
    pub kind: Kind,
    /// Direction that is worse.
    pub worse: Worse,
    /// Baseline runs; metrics of one call may have different numbers of runs.
    pub baselines: Vec<Samples>,
    /// Candidate run.
    pub candidate: Samples,
    /// Margin in own unit, or share of the baseline median when `relative`; `None`: default margin.
    pub by: Option<f64>,
    /// Margin of the rise over the programme, likewise.
    pub rise: Option<f64>,
    /// Whether `by` and `rise` are shares of the baseline median.
    pub relative: bool,
    /// Whether sample i of every run is at the same phase offset.
    pub aligned: bool,
    /// Position of sample i on the programme's time axis, in samples (fault windows between phases leave holes
    /// that cut segments); `None`: i itself.
    pub offsets: Option<Vec<u32>>,
}

impl Metric {
    /// The metric with a baseline run in the candidate's place, where only the baseline is asked.
    pub(crate) fn of_baseline(&self) -> Metric {
        let candidate = self.baselines.first().cloned().unwrap_or(Samples::Values(Vec::new()));
        Metric { candidate, ..self.clone() }
    }
}
