//! A signal: how raw samples become a judged series.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A declared service-level indicator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Signal {
    /// Name; with `group_by` each group becomes a metric `name{job=checkout}`.
    pub name: String,
    /// Component that it speaks of.
    pub component: Option<String>,
    /// Gate metrics must be shown not worse; watch metrics can only cause `fail`.
    pub tier: Tier,
    /// Dimension of the score.
    pub dimension: Dimension,
    /// Which direction is worse.
    pub worse: Worse,
    /// How the series is formed.
    pub form: Form,
    /// How much worse it may get; `None`: the default margin of the method, and watch only.
    pub margin: Option<Margin>,
    /// How much more it may grow over the programme.
    pub rise: Option<Margin>,
    /// Absolute objective: a ratio or latency share must stay at or above it; gauges and rates on their good side.
    pub objective: Option<f64>,
    /// Consecutive broken samples outside fault windows that make the objective a hard rule.
    pub broken_after: u32,
}

/// Tier of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Decides.
    Gate,
    /// Watches.
    Watch,
}

/// Dimension of the score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dimension {
    /// What users can do.
    Business,
    /// How fast, at which cost.
    Performance,
    /// How well faults are survived.
    Resilience,
    /// What is exposed.
    Security,
}

/// Direction in which a metric gets worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Worse {
    /// More is worse.
    Up,
    /// Less is worse.
    Down,
    /// Any change is worse.
    Either,
}

/// How raw series become the values of a signal, one per sample of the grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Form {
    /// Good events of all events (counter increments); judged as a share of bad events.
    Ratio {
        /// Good events.
        good: Selector,
        /// All events.
        total: Selector,
    },
    /// Share of observations above a bound, from cumulative histogram buckets.
    Latency {
        /// Bucket series (`le` labels in seconds).
        buckets: Selector,
        /// Bound in seconds; the smallest bucket bound at or above it is used, and named in the report.
        threshold_s: f64,
    },
    /// The whole distribution of a cumulative histogram, judged by its ridits: how probable it is that an observation
    /// is larger than one of the baseline. One value a sample is its median.
    Distribution {
        /// Bucket series (`le` labels).
        buckets: Selector,
        /// One metric per value of these labels.
        group_by: Vec<String>,
    },
    /// Values as they are, summed over the matching series of a group.
    Gauge {
        /// Series.
        series: Selector,
        /// One metric per value of these labels.
        group_by: Vec<String>,
    },
    /// Increments a second, or per increment of `per`.
    Rate {
        /// Counter.
        series: Selector,
        /// Counter to divide by.
        per: Option<Selector>,
        /// One metric per value of these labels.
        group_by: Vec<String>,
    },
    /// Rare events counted per sample (restarts, crashes).
    Count {
        /// Counter of events.
        series: Selector,
        /// One metric per value of these labels.
        group_by: Vec<String>,
    },
}

impl Form {
    /// The selectors of everything that it is formed of.
    pub fn selectors(&self) -> Vec<&Selector> {
        match self {
            Form::Ratio { good, total } => vec![good, total],
            Form::Latency { buckets, .. } | Form::Distribution { buckets, .. } => vec![buckets],
            Form::Gauge { series, .. } | Form::Count { series, .. } => vec![series],
            Form::Rate { series, per, .. } => std::iter::once(series).chain(per).collect(),
        }
    }

    /// Whether it is a share of good events: a ratio, or the observations within a bound.
    pub fn is_share(&self) -> bool {
        match self {
            Form::Ratio { .. } | Form::Latency { .. } => true,
            Form::Distribution { .. } | Form::Gauge { .. } | Form::Rate { .. } | Form::Count { .. } => false,
        }
    }
}

/// A label selector, parsed: `name{label="v",code!~"5.."}`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Selector {
    /// Metric name.
    pub name: String,
    /// Conditions that all must hold.
    pub matchers: Vec<Matcher>,
}

/// One condition of a selector. An absent label has the empty value. Patterns are anchored at both ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Matcher {
    /// Label name.
    pub label: String,
    /// Comparison.
    pub op: MatchOp,
    /// Value or pattern.
    pub value: String,
}

/// Comparison of a matcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Matches,
    /// `!~`
    NotMatches,
}

/// A margin in the signal's own unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "unit", content = "value")]
pub enum Margin {
    /// Absolute, in the unit of the values (`1pp` is 0.01; `4MB` is 4e6).
    Absolute(f64),
    /// Relative to the baseline median (`10%` is 0.1).
    Relative(f64),
}

/// Labels as recorded.
pub type Labels = BTreeMap<String, String>;
