//! What one soak attempt recorded: raw samples, phases, suite results, exposures, events.
//!
//! All times are milliseconds since the Unix epoch, UTC (`_ms`). Nothing here is a rate: counters are kept as
//! scraped, so that the scorer can form increments over windows that do not overlap.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything that one soak attempt recorded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// Whose evidence this is.
    pub subject: Subject,
    /// What the runs must share to be compared.
    pub context: Context,
    /// Phases in order of time; they do not overlap. An open phase ends at the last sample so far.
    pub phases: Vec<Phase>,
    /// Raw samples, one entry per labelled series.
    pub series: Vec<RawSeries>,
    /// Results of suite checks, in order of time.
    pub checks: Vec<CheckResult>,
    /// Security findings, by fingerprint.
    pub findings: Vec<Finding>,
    /// Faults that were injected or should have been.
    pub exposures: Vec<Exposure>,
    /// Crashes, restarts, scrape gaps, clock steps.
    pub events: Vec<Event>,
}

/// Identity of a soak attempt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    /// Product name.
    pub product: String,
    /// Product tag, for instance `v1.42.0`.
    pub tag: String,
    /// Commit of the tag (full hash).
    pub commit: String,
    /// Landscape name.
    pub landscape: String,
    /// Cluster name within the landscape.
    pub cluster: String,
    /// Soak id.
    pub soak: String,
    /// Attempt, counted from 1.
    pub attempt: u32,
}

/// What must agree between candidate and baseline before numbers are compared.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Context {
    /// Digest of the programme document.
    pub programme: String,
    /// Scrape interval in milliseconds.
    pub interval_ms: i64,
    /// Names of the components that were running, sorted.
    pub topology: Vec<String>,
    /// Component versions, by name (these differ between tags; they explain, they are not compared).
    pub versions: BTreeMap<String, String>,
    /// Resources of the environment that shape the numbers: cores, memory, host kind.
    pub resources: BTreeMap<String, String>,
    /// Toggle vector: state of every toggle, by key.
    pub toggles: BTreeMap<String, String>,
    /// Load that was achieved in the `steady` phases, requests a second; `None` without a load engine.
    pub load_per_s: Option<f64>,
    /// Whether the load generator kept its own schedule; a late generator invalidates what it measured.
    pub load_valid: Option<bool>,
}

/// Label of a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PhaseLabel {
    /// Dropped before judging.
    Warmup,
    /// Undisturbed load: programme samples.
    Steady,
    /// A phase with its own load: programme samples.
    Load,
    /// A fault is in.
    Fault,
    /// The rest after a fault.
    Recovery,
    /// Not judged (earlier attempts, interruptions).
    Excluded,
}

impl PhaseLabel {
    /// Every label, in the order of a soak.
    pub const ALL: [PhaseLabel; 6] = [
        PhaseLabel::Warmup,
        PhaseLabel::Steady,
        PhaseLabel::Load,
        PhaseLabel::Fault,
        PhaseLabel::Recovery,
        PhaseLabel::Excluded,
    ];

    /// The word of documents and metrics.
    pub fn name(self) -> &'static str {
        match self {
            PhaseLabel::Warmup => "warmup",
            PhaseLabel::Steady => "steady",
            PhaseLabel::Load => "load",
            PhaseLabel::Fault => "fault",
            PhaseLabel::Recovery => "recovery",
            PhaseLabel::Excluded => "excluded",
        }
    }

    /// Whether samples of this phase count for n, looks and coverage.
    pub fn counts(self) -> bool {
        matches!(self, PhaseLabel::Steady | PhaseLabel::Load)
    }
}

/// A labelled window `[start_ms, end_ms)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Phase {
    /// Label.
    pub label: PhaseLabel,
    /// Name in the programme; fault windows carry the experiment and repetition, `payments-slow#2`.
    pub name: String,
    /// Start, inclusive.
    pub start_ms: i64,
    /// End, exclusive.
    pub end_ms: i64,
    /// Samples that the programme declares for this phase (0 for fault and recovery windows).
    pub samples: u32,
}

/// Raw samples of one labelled series, as scraped. `times_ms` and `values` have equal length; times rise strictly.
/// A NaN value is a staleness marker: the series was absent at that scrape.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RawSeries {
    /// Metric name, `http_requests_total`.
    pub name: String,
    /// Labels without the name; the recorder adds `job` (component).
    pub labels: BTreeMap<String, String>,
    /// Scrape times.
    pub times_ms: Vec<i64>,
    /// Values at those times.
    pub values: Vec<f64>,
}

/// Class of a suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Journeys.
    Business,
    /// Load.
    Performance,
    /// Experiments.
    Chaos,
    /// Security checks.
    Security,
}

/// How a check ended. A check that could not run never counts as passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// All assertions held in time.
    Ok,
    /// An assertion failed.
    Wrong,
    /// Right, but later than its limit.
    Slow,
    /// No answer.
    Unreachable,
    /// Not run; the detail says why.
    NotRun,
}

/// Name of the check that stands for a suite as a whole. Not run: the suite could not start or ended by itself, and
/// what it would have seen since then is missing.
pub const WHOLE_SUITE: &str = "(the whole suite)";

/// One run of one check of a suite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckResult {
    /// Class of the suite.
    pub class: Class,
    /// Suite name.
    pub suite: String,
    /// Journey or check name.
    pub check: String,
    /// Start.
    pub at_ms: i64,
    /// Duration in milliseconds.
    pub took_ms: f64,
    /// How it ended.
    pub outcome: Outcome,
    /// Which step and assertion failed, observed and wanted; or why it did not run.
    pub detail: Option<String>,
}

/// Severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// For information.
    Info,
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
    /// A hard rule: fails the tag when it is new against the baseline.
    Critical,
}

/// One security finding. The fingerprint is stable across runs, ports and hosts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// SHA-256 (hex) of check, component and location, never of times or ports.
    pub fingerprint: String,
    /// Check id, `exposure.metrics`.
    pub check: String,
    /// Severity.
    pub severity: Severity,
    /// Component.
    pub component: String,
    /// What and where, one sentence.
    pub title: String,
    /// What was seen.
    pub detail: String,
    /// What to do.
    pub remedy: String,
}

/// How an exposure ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ended {
    /// Held as long as planned, undone.
    Completed,
    /// A guard tripped; undone early; counts with the exposure it had.
    GuardTripped,
    /// Ended by an abort of the soak.
    Aborted,
    /// Never injected; `detail` says why (`guard_tripped`, `not_injected`).
    NotRun,
}

/// One injection: measured time and dose of a fault on a target, as opposed to what was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exposure {
    /// Experiment name: the `type` that resilience statistics stratify by.
    pub experiment: String,
    /// Fault kind, `net.delay`.
    pub kind: String,
    /// Target component.
    pub target: String,
    /// Repetition, from 1.
    pub repetition: u32,
    /// True start (verified), if it was injected.
    pub start_ms: i64,
    /// True end (undone).
    pub end_ms: i64,
    /// End of the recovery window that was observed.
    pub observed_until_ms: i64,
    /// What was asked for, by parameter, with unit in the value.
    pub requested: BTreeMap<String, String>,
    /// What was measured, by quantity (`delay_ms_p50`).
    pub achieved: BTreeMap<String, f64>,
    /// Whether the injection was verified; if not, the repetition is void.
    pub verified: bool,
    /// How it ended.
    pub ended: Ended,
    /// Limit of the recovery, from the hypothesis.
    pub recover_within_ms: Option<i64>,
    /// Signals of the hypothesis, by name.
    pub signals: Vec<String>,
    /// Seed of this injection.
    pub seed: u64,
    /// Anything that a reader should know.
    pub detail: Option<String>,
}

/// Something that happened to a component or to the recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// When.
    pub at_ms: i64,
    /// `crash`, `restart`, `not_ready`, `scrape_gap`, `scrape_error`, `clock_step`, `log_truncated`.
    pub kind: String,
    /// Component, if it concerns one.
    pub component: Option<String>,
    /// One sentence.
    pub detail: String,
}
