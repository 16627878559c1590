//! One run that is given twice: it would be compared with itself, or count as two.

use super::recorded::{FileRun, Side};
use datasets::LongSeries;
use std::path::Path;

/// A problem for every two of `runs` that hold the same samples.
pub fn twins(runs: &[&FileRun]) -> Vec<String> {
    let pairs = runs.iter().enumerate().flat_map(|(i, one)| runs[i + 1..].iter().map(move |other| (*one, *other)));
    pairs.filter(|(one, other)| same(one, other)).map(|(one, other)| told(one, other)).collect()
}

fn told(one: &FileRun, other: &FileRun) -> String {
    let how = if same_file(&one.path, &other.path) { "are the same file" } else { "hold the same run" };
    let remedy = match (one.side, other.side) {
        (Side::Baseline, Side::Baseline) => "a run counts once: leave one of them out",
        _ => "a candidate is not compared with itself: take it out of --baseline",
    };
    format!("{} and {} {how}, sample for sample; {remedy}", one.label(), other.label())
}

fn same_file(one: &Path, other: &Path) -> bool {
    one.canonicalize().ok().is_some_and(|path| other.canonicalize().is_ok_and(|other| other == path))
}

fn same(one: &FileRun, other: &FileRun) -> bool {
    let sorted = |run: &FileRun| -> Vec<usize> {
        let mut order: Vec<usize> = (0..run.series.len()).collect();
        order.sort_by(|&a, &b| run.series[a].metric.cmp(&run.series[b].metric));
        order
    };
    one.series.len() == other.series.len()
        && sorted(one).into_iter().zip(sorted(other)).all(|(a, b)| equal(&one.series[a], &other.series[b]))
}

/// Compares bits: an absent sample equals an absent one.
fn equal(one: &LongSeries, other: &LongSeries) -> bool {
    let bits = |a: &[f64], b: &[f64]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits());
    one.metric == other.metric
        && one.times_ms == other.times_ms
        && bits(&one.values, &other.values)
        && bits(&one.totals, &other.totals)
}
