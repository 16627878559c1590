//! What the page of a soak draws: bounded, formed by the worker, so that the gate never reads raw samples.

use chrono::{DateTime, Utc};
use scorer::evidence::PhaseLabel;
use scorer::signal::Worse;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most points of a chart: about one for every pixel and a half of a chart on a wide screen.
pub const POINTS_MAX: usize = 300;
/// Most charts of a page; beyond that nobody looks, and a blob stays below [`PAGE_BYTES_MAX`].
pub const CHARTS_MAX: usize = 48;
/// Most faults and most phases that are drawn: a window narrower than a pixel shows nothing.
pub const WINDOWS_MAX: usize = 400;
/// Longest release note that is kept beside the charts, in bytes.
pub const NOTE_BYTES_MAX: usize = 64 << 10;
/// Largest page as stored, in bytes.
pub const PAGE_BYTES_MAX: usize = 1 << 20;

/// What the page of one soak draws. Times are seconds from `started_at` (`_s`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PageData {
    /// Soak id.
    pub soak: String,
    /// Product name.
    pub product: String,
    /// Landscape name.
    pub landscape: String,
    /// Tag name.
    pub tag: String,
    /// Origin of the time axis: the start of the first phase.
    pub started_at: DateTime<Utc>,
    /// Length of the time axis.
    pub length_s: f64,
    /// Phases in order of time.
    pub phases: Vec<PagePhase>,
    /// Faults in order of time.
    pub faults: Vec<PageFault>,
    /// Gate metrics: those judged worse first, then as the judgement lists them.
    pub charts: Vec<PageChart>,
    /// Gate metrics beyond [`CHARTS_MAX`].
    pub charts_left_out: usize,
    /// Runs that it was compared with.
    pub baseline: Vec<PageRun>,
    /// Release note, Markdown.
    pub note: Option<String>,
}

/// A labelled window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PagePhase {
    /// Label.
    pub label: PhaseLabel,
    /// Name in the programme.
    pub name: String,
    /// Start.
    pub from_s: f64,
    /// End.
    pub to_s: f64,
}

/// A fault as it was asked for and as it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PageFault {
    /// Experiment.
    pub experiment: String,
    /// Kind, `net.delay`.
    pub kind: String,
    /// Target component.
    pub target: String,
    /// Repetition, from 1.
    pub repetition: u32,
    /// True start.
    pub from_s: f64,
    /// True end.
    pub to_s: f64,
    /// What was asked for, unit in the value.
    pub requested: BTreeMap<String, String>,
    /// What was measured, unit in the name.
    pub achieved: BTreeMap<String, f64>,
    /// Whether the injection was seen to be there.
    pub verified: bool,
    /// How it ended, in words.
    pub ended: String,
    /// Time from the undo until the signals were back; `None`: not seen, or not asked.
    pub recovered_after_s: Option<f64>,
    /// How long was watched after the undo.
    pub watched_s: f64,
    /// Limit of the recovery.
    pub recover_within_s: Option<f64>,
    /// Anything that a reader should know.
    pub detail: Option<String>,
}

/// One gate metric over time. `at_s`, `values`, `low` and `high` have equal length, at most [`POINTS_MAX`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PageChart {
    /// Metric name, as in the judgement.
    pub metric: String,
    /// Unit of the values, as in the judgement.
    pub unit: String,
    /// Direction that is worse, as drawn.
    pub worse: Worse,
    /// Bucket bound of a latency signal.
    pub bound_s: Option<f64>,
    /// Times.
    pub at_s: Vec<f64>,
    /// Candidate; `None`: absent, the line is broken.
    pub values: Vec<Option<f64>>,
    /// Lowest value of the baseline runs at the same place of the programme.
    pub low: Vec<Option<f64>>,
    /// Highest value of the baseline runs there.
    pub high: Vec<Option<f64>>,
    /// Level of the baseline and the margin on its worse side.
    pub allowed: Option<f64>,
    /// Declared objective, as drawn (a share of bad events).
    pub objective: Option<f64>,
}

/// A run of the baseline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PageRun {
    /// Tag.
    pub tag: String,
    /// Soak id.
    pub soak: String,
    /// Digest of its evidence.
    pub evidence: String,
}

impl PageData {
    /// Why it is more than a page may be; `None`: it is bounded.
    pub fn excess(&self) -> Option<String> {
        if self.charts.len() > CHARTS_MAX {
            return Some(format!("{} charts, at most {CHARTS_MAX}", self.charts.len()));
        }
        if self.faults.len().max(self.phases.len()) > WINDOWS_MAX {
            return Some(format!("{} faults, {} phases, at most {WINDOWS_MAX}", self.faults.len(), self.phases.len()));
        }
        self.charts.iter().find_map(PageChart::excess)
    }
}

impl PageChart {
    fn excess(&self) -> Option<String> {
        let lengths = [self.at_s.len(), self.values.len(), self.low.len(), self.high.len()];
        if lengths.iter().any(|length| *length != lengths[0]) {
            return Some(format!("chart {}: lengths differ: {lengths:?}", self.metric));
        }
        (lengths[0] > POINTS_MAX).then(|| format!("chart {}: {} points, at most {POINTS_MAX}", self.metric, lengths[0]))
    }
}
