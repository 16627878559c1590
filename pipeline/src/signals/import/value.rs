//! What an expression of PromQL means on raw series, as far as signals can say it.

use scorer::signal::{MatchOp, Selector};
use std::collections::BTreeSet;

/// How the series of a result are told apart.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum By {
    /// One number: everything is summed.
    All,
    /// One number for each value of these labels.
    Labels(BTreeSet<String>),
    /// One for each series, or for labels that only the data know.
    Unknown(&'static str),
}

/// What a counter is turned into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// `rate`
    Second,
    /// `increase`
    Window,
    /// The counter as it is, where a document says that it is one.
    Raw,
}

/// Increments of the series of one counter.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Counted {
    pub(super) series: Selector,
    pub(super) by: By,
    pub(super) pace: Pace,
    /// Window as written, `5m`; empty for raw counters.
    pub(super) window: String,
}

impl Counted {
    /// Groups that the selector itself pins to one value are one number.
    pub(super) fn settled(mut self) -> Counted {
        let pinned = |label: &String| {
            self.series.matchers.iter().any(|m| m.label == *label && m.op == MatchOp::Equal && !m.value.is_empty())
        };
        if matches!(&self.by, By::Labels(labels) if labels.iter().all(pinned)) {
            self.by = By::All;
        }
        self
    }
}

/// A result.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// A constant.
    Number(f64),
    /// Increments.
    Counted(Counted),
    /// Increments of the first less those of the second.
    Less(Counted, Counted),
    /// The first by the second.
    Quotient(Counted, Counted),
    /// One less a quotient.
    Complement(Counted, Counted),
    /// A gauge.
    Level(Selector, By),
    /// A quantile of a histogram's increments.
    Quantile(f64, Counted),
}
