//! Series as they come in, from any path: who is who, and what fits.

use super::error::SourceError;
use super::wire::Label;
use crate::metrics::chunk::NativeSample;
use crate::metrics::native::{Observed, Part, classic, expanded, observed};
use scorer::RawSeries;
use scorer::signal::{Labels, MatchOp, Matcher, Selector};
use std::collections::{HashMap, HashSet};

/// Label that holds the name of a metric.
const NAME: &str = "__name__";

/// Most that one read takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimits {
    /// Series.
    pub series: usize,
    /// Samples, 16 bytes each.
    pub samples: usize,
    /// Bytes of an answer that has to be held as a whole (JSON, unstreamed remote read).
    pub body_bytes: usize,
}

impl Default for ReadLimits {
    fn default() -> Self {
        // A day of 5,000 series at 15 s is 29 million samples, half a gigabyte.
        ReadLimits { series: 25_000, samples: 64_000_000, body_bytes: 256 << 20 }
    }
}

/// One series under way.
#[derive(Debug, Default)]
struct Column {
    labels: Vec<Label>,
    times_ms: Vec<i64>,
    values: Vec<f64>,
    histograms: Vec<Observed>,
    /// Native histograms as they came, whose common resolution is known at the end.
    parts: Vec<Part>,
}

/// Series under way.
#[derive(Debug)]
pub(super) struct Columns {
    limits: ReadLimits,
    /// The selectors, for errors.
    selector: String,
    by_labels: HashMap<Vec<Label>, usize>,
    columns: Vec<Column>,
    samples: usize,
}

impl Columns {
    pub(super) fn new(limits: ReadLimits, selectors: &[Selector]) -> Self {
        let selector = selectors.iter().map(Selector::to_string).collect::<Vec<_>>().join(", ");
        Columns { limits, selector, by_labels: HashMap::new(), columns: Vec::new(), samples: 0 }
    }

    /// The place of a series, by its labels in any order.
    ///
    /// # Errors
    /// One series more than are taken.
    pub(super) fn place(&mut self, mut labels: Vec<Label>) -> Result<usize, SourceError> {
        // An empty label is an absent label.
        labels.retain(|label| !label.value.is_empty());
        if !labels.is_sorted_by(|a, b| a.name < b.name) {
            labels.sort_by(|a, b| a.name.cmp(&b.name));
            labels.dedup_by(|a, b| a.name == b.name);
        }
        // Frames of one series follow one another.
        if let Some(last) = self.columns.len().checked_sub(1).filter(|last| self.columns[*last].labels == labels) {
            return Ok(last);
        }
        if let Some(at) = self.by_labels.get(&labels) {
            return Ok(*at);
        }
        if self.columns.len() == self.limits.series {
            return Err(SourceError::TooManySeries { selector: self.selector.clone(), max: self.limits.series });
        }
        self.by_labels.insert(labels.clone(), self.columns.len());
        self.columns.push(Column { labels, ..Column::default() });
        Ok(self.columns.len() - 1)
    }

    /// Text of a series, for errors.
    pub(super) fn name(&self, at: usize) -> String {
        let (name, labels) = named(&self.columns[at].labels);
        let equal = |(label, value): (String, String)| Matcher { label, op: MatchOp::Equal, value };
        Selector { name, matchers: labels.into_iter().map(equal).collect() }.to_string()
    }

    /// Lets `fill` append samples to a series, with room for `announced` more.
    ///
    /// # Errors
    /// Its own, or more samples than are taken.
    pub(super) fn fill<E>(
        &mut self,
        at: usize,
        announced: usize,
        fill: impl FnOnce(&mut Vec<i64>, &mut Vec<f64>) -> Result<(), E>,
    ) -> Result<(), E>
    where
        E: From<SourceError>,
    {
        let column = &mut self.columns[at];
        let before = column.times_ms.len();
        // Exactly: twice the room of a day of samples would be the largest part of all memory.
        let room = announced.min((self.limits.samples + 1).saturating_sub(self.samples));
        column.times_ms.reserve_exact(room);
        column.values.reserve_exact(room);
        fill(&mut column.times_ms, &mut column.values)?;
        self.samples += column.times_ms.len() - before;
        if self.samples > self.limits.samples {
            let (selector, max) = (self.selector.clone(), self.limits.samples);
            return Err(SourceError::TooManySamples { selector, max }.into());
        }
        Ok(())
    }

    /// Appends chunks of native histograms to a series.
    ///
    /// # Errors
    /// More samples than are taken.
    pub(super) fn parts(&mut self, at: usize, parts: Vec<Part>) -> Result<(), SourceError> {
        let cells = |sample: &NativeSample| sample.positive.len() + sample.negative.len() + 3;
        self.samples += parts.iter().flat_map(|(_, samples)| samples).map(cells).sum::<usize>();
        self.columns[at].parts.extend(parts);
        if self.samples > self.limits.samples {
            return Err(SourceError::TooManySamples { selector: self.selector.clone(), max: self.limits.samples });
        }
        Ok(())
    }

    /// Appends native histograms to a series.
    ///
    /// # Errors
    /// More samples than are taken.
    pub(super) fn histograms(&mut self, at: usize, histograms: Vec<Observed>) -> Result<(), SourceError> {
        self.samples += histograms.iter().map(|one| one.cells.len() + 3).sum::<usize>();
        self.columns[at].histograms.extend(histograms);
        if self.samples > self.limits.samples {
            return Err(SourceError::TooManySamples { selector: self.selector.clone(), max: self.limits.samples });
        }
        Ok(())
    }

    /// The series, by name and labels, their times rising.
    ///
    /// # Errors
    /// Native histograms whose classic series would have more samples than are taken: each bound that one of them has is
    /// a series of all.
    pub(super) fn finish(mut self) -> Result<Vec<RawSeries>, SourceError> {
        let classic_ones = self.classic_histograms();
        for column in &mut self.columns {
            column.histograms.extend(observed(&std::mem::take(&mut column.parts)));
            let (name, labels) = named(&column.labels);
            // A server that keeps a histogram in both forms says the same twice.
            if classic_ones.contains(&(name, labels)) {
                column.histograms.clear();
            }
        }
        let expanded: usize = self.columns.iter().map(|column| expanded(&column.histograms)).sum();
        if self.samples.saturating_add(expanded) > self.limits.samples {
            return Err(SourceError::TooManySamples { selector: self.selector, max: self.limits.samples });
        }
        let mut found = Vec::with_capacity(self.columns.len());
        for mut column in self.columns {
            let (name, labels) = named(&column.labels);
            if !column.histograms.is_empty() {
                column.histograms.sort_by_key(|one| one.at_ms);
                column.histograms.dedup_by_key(|one| one.at_ms);
                found.extend(classic(&name, &labels, &column.histograms));
            }
            if !column.times_ms.is_empty() {
                let mut series = RawSeries { name, labels, times_ms: column.times_ms, values: column.values };
                in_order(&mut series);
                found.push(series);
            }
        }
        found.sort_by(|a, b| (&a.name, &a.labels).cmp(&(&b.name, &b.labels)));
        Ok(found)
    }
}

impl Columns {
    /// Histograms that came in their classic form, by the name of the native one and the labels without the bound.
    fn classic_histograms(&self) -> HashSet<(String, Labels)> {
        let classic = |column: &Column| {
            let (name, mut labels) = named(&column.labels);
            labels.remove("le")?;
            Some((name.strip_suffix("_bucket")?.to_owned(), labels))
        };
        self.columns.iter().filter_map(classic).collect()
    }
}

/// Chunks may overlap, and two selectors may mean one series: of samples of one time the first stays.
fn in_order(series: &mut RawSeries) {
    if series.times_ms.is_sorted_by(|a, b| a < b) {
        return;
    }
    let mut order: Vec<usize> = (0..series.times_ms.len()).collect();
    order.sort_by_key(|at| series.times_ms[*at]);
    order.dedup_by_key(|at| series.times_ms[*at]);
    (series.times_ms, series.values) = order.iter().map(|at| (series.times_ms[*at], series.values[*at])).unzip();
}

fn named(labels: &[Label]) -> (String, Labels) {
    let mut name = String::new();
    let mut others = Labels::new();
    for label in labels {
        if label.name == NAME {
            name.clone_from(&label.value);
        } else {
            others.insert(label.name.clone(), label.value.clone());
        }
    }
    (name, others)
}
