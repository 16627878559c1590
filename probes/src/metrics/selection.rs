//! Which series a selector means, and what a window of them says.

use regex::Regex;
use scorer::RawSeries;
use scorer::signal::{Labels, MatchOp, Selector};

/// A selector whose patterns are compiled. An empty name matches every name.
#[derive(Clone, Debug)]
pub struct Selection {
    name: String,
    conditions: Vec<(String, Condition)>,
}

#[derive(Clone, Debug)]
enum Condition {
    Equal(String),
    NotEqual(String),
    Matches(Regex),
    NotMatches(Regex),
}

/// A pattern of a selector does not compile.
#[derive(Debug, thiserror::Error)]
#[error("the pattern `{pattern}` of label `{label}` does not compile")]
pub struct SelectionError {
    /// Label.
    pub label: String,
    /// Pattern as written.
    pub pattern: String,
    /// What the compiler says.
    #[source]
    pub source: Box<regex::Error>,
}

impl Selection {
    /// Every series of one name.
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), conditions: Vec::new() }
    }

    /// Compiles a selector; patterns are anchored at both ends.
    ///
    /// # Errors
    /// The first pattern that does not compile.
    pub fn try_new(selector: &Selector) -> Result<Self, SelectionError> {
        let mut conditions = Vec::with_capacity(selector.matchers.len());
        for matcher in &selector.matchers {
            let value = || matcher.value.clone();
            let pattern = || {
                Regex::new(&format!("^(?s:{})$", matcher.value)).map_err(|source| SelectionError {
                    label: matcher.label.clone(),
                    pattern: matcher.value.clone(),
                    source: Box::new(source),
                })
            };
            let condition = match matcher.op {
                MatchOp::Equal => Condition::Equal(value()),
                MatchOp::NotEqual => Condition::NotEqual(value()),
                MatchOp::Matches => Condition::Matches(pattern()?),
                MatchOp::NotMatches => Condition::NotMatches(pattern()?),
            };
            conditions.push((matcher.label.clone(), condition));
        }
        Ok(Self { name: selector.name.clone(), conditions })
    }

    /// Whether a series is meant; an absent label has the empty value.
    pub fn contains(&self, name: &str, labels: &Labels) -> bool {
        (self.name.is_empty() || self.name == name)
            && self.conditions.iter().all(|(label, condition)| {
                let value = if label == "__name__" { name } else { labels.get(label).map_or("", String::as_str) };
                match condition {
                    Condition::Equal(wanted) => value == wanted,
                    Condition::NotEqual(unwanted) => value != unwanted,
                    Condition::Matches(pattern) => pattern.is_match(value),
                    Condition::NotMatches(pattern) => !pattern.is_match(value),
                }
            })
    }
}

/// Increase of a counter over its samples: a fall is a restart from zero, absent samples are skipped.
/// `None` with fewer than two present samples: there is no evidence of any increase, not even of zero.
pub fn increase(series: &RawSeries) -> Option<f64> {
    let mut present = series.values.iter().copied().filter(|value| !value.is_nan());
    let mut previous = present.next()?;
    let mut sum = None;
    for value in present {
        let step = if value < previous { value } else { value - previous };
        sum = Some(sum.unwrap_or(0.0) + step);
        previous = value;
    }
    sum
}

/// Good events of all events over two sets of counters. `None` without evidence or without any event.
pub fn ratio(good: &[RawSeries], total: &[RawSeries]) -> Option<f64> {
    let sum = |series: &[RawSeries]| -> Option<f64> {
        series.iter().filter_map(increase).fold(None, |sum, step| Some(sum.unwrap_or(0.0) + step))
    };
    let total = sum(total).filter(|events| *events > 0.0)?;
    Some(sum(good).unwrap_or(0.0) / total)
}
