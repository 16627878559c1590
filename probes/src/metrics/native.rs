//! Native histograms as the classic series that everything else reads: `_bucket` with cumulative counts, `_count`,
//! `_sum`.
//!
//! Invariant: a cumulative count is exact or absent. Bounds are those of buckets that were ever filled, at the coarsest
//! resolution of the whole window, where the buckets of every sample end; only where a zero bucket was widened over
//! them they do not, and there the count is NaN.

use super::chunk::{Buckets, NativeSample};
use scorer::RawSeries;
use scorer::signal::Labels;

/// The staleness marker.
const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// One histogram, by its filled buckets.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// Milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// Observations and their sum; `None` marks the end of the series.
    pub total: Option<(f64, f64)>,
    /// Buckets, by rising upper bound.
    pub cells: Vec<Cell>,
}

/// One bucket: observations above `lower`, at most `upper`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// Lower bound.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
    /// Observations.
    pub count: f64,
}

/// The histograms of one chunk.
pub type Part = (Buckets, Vec<NativeSample>);

/// The histograms of chunks, `parts` in the order of time, all at the coarsest resolution among them.
pub fn observed(parts: &[Part]) -> Vec<Observed> {
    let exponential = parts.iter().map(|(buckets, _)| buckets.schema).filter(|schema| *schema >= -4);
    let schema = exponential.min().unwrap_or(0);
    let of_sample = |buckets: &Buckets, sample: &NativeSample| Observed {
        at_ms: sample.at_ms,
        total: (!sample.is_stale()).then_some((sample.count, sample.sum)),
        cells: if sample.is_stale() { Vec::new() } else { cells(buckets, sample, schema) },
    };
    parts.iter().flat_map(|(buckets, samples)| samples.iter().map(move |sample| of_sample(buckets, sample))).collect()
}

fn cells(buckets: &Buckets, sample: &NativeSample, schema: i32) -> Vec<Cell> {
    let filled = |indices: &[i32], counts: &[f64]| -> Vec<(i32, f64)> {
        indices.iter().copied().zip(counts.iter().copied()).filter(|(_, count)| *count != 0.0).collect()
    };
    let (positive, negative) =
        (filled(&buckets.positive, &sample.positive), filled(&buckets.negative, &sample.negative));
    if buckets.schema < -4 {
        let bound = |at: i32| buckets.custom.get(at as usize).copied().unwrap_or(f64::INFINITY);
        let lower = |at: i32| if at == 0 { f64::NEG_INFINITY } else { bound(at - 1) };
        return positive.into_iter().map(|(at, count)| Cell { lower: lower(at), upper: bound(at), count }).collect();
    }
    let coarser = (buckets.schema - schema).max(0);
    // Bucket i of a schema lies in bucket ceil(i / 2) of the next coarser one.
    let merged = |at: i32| -(-at >> coarser);
    let end = |at: i32| bound(at, schema);
    let mut cells: Vec<Cell> = Vec::with_capacity(positive.len() + negative.len() + 1);
    cells.extend(negative.into_iter().map(|(at, count)| Cell {
        lower: -end(merged(at)),
        upper: -end(merged(at) - 1),
        count,
    }));
    cells.extend(positive.into_iter().map(|(at, count)| Cell {
        lower: end(merged(at) - 1),
        upper: end(merged(at)),
        count,
    }));
    if sample.zero != 0.0 {
        cells.push(Cell { lower: -buckets.zero_threshold, upper: buckets.zero_threshold, count: sample.zero });
    }
    cells.sort_by(|a, b| a.upper.total_cmp(&b.upper));
    cells
}

/// Samples of the classic series that [`classic`] would make.
pub fn expanded(samples: &[Observed]) -> usize {
    if samples.is_empty() { 0 } else { samples.len().saturating_mul(bounds(samples).len() + 3) }
}

/// Every finite upper bound, rising.
fn bounds(samples: &[Observed]) -> Vec<f64> {
    let mut bounds: Vec<f64> = samples.iter().flat_map(|s| &s.cells).map(|cell| cell.upper).collect();
    bounds.retain(|bound| bound.is_finite());
    bounds.sort_by(f64::total_cmp);
    bounds.dedup();
    bounds
}

/// The classic series of a native histogram; samples in the order of time.
pub fn classic(name: &str, labels: &Labels, samples: &[Observed]) -> Vec<RawSeries> {
    let bounds = bounds(samples);
    let series = |suffix: &str, bound: Option<String>| {
        let mut labels = labels.clone();
        labels.extend(bound.map(|bound| ("le".to_owned(), bound)));
        RawSeries { name: format!("{name}{suffix}"), labels, ..RawSeries::default() }
    };
    let mut all: Vec<RawSeries> = bounds.iter().map(|bound| series("_bucket", Some(bound.to_string()))).collect();
    all.extend([series("_bucket", Some("+Inf".to_owned())), series("_count", None), series("_sum", None)]);
    for sample in samples {
        let values = match sample.total {
            None => vec![STALE; all.len()],
            Some((count, sum)) => {
                let mut values = cumulative(&sample.cells, &bounds);
                values.extend([count, count, sum]);
                values
            }
        };
        for (series, value) in all.iter_mut().zip(values) {
            series.times_ms.push(sample.at_ms);
            series.values.push(value);
        }
    }
    all
}

/// Observations up to each of the rising bounds; NaN where a bucket lies across a bound.
fn cumulative(cells: &[Cell], bounds: &[f64]) -> Vec<f64> {
    let (mut sum, mut next) = (0.0, 0);
    let up_to = |bound: &f64| {
        while let Some(cell) = cells.get(next).filter(|cell| cell.upper <= *bound) {
            sum += cell.count;
            next += 1;
        }
        let across = cells.get(next).is_some_and(|cell| cell.lower < *bound);
        if across { f64::NAN } else { sum }
    };
    bounds.iter().map(up_to).collect()
}

/// Upper bound of a bucket: 2^(at 2^-schema). Powers of two are exact.
fn bound(at: i32, schema: i32) -> f64 {
    if schema <= 0 {
        return 2_f64.powi(at.saturating_mul(1 << -schema));
    }
    let per_octave = 1 << schema;
    let (octave, within) = (at.div_euclid(per_octave), at.rem_euclid(per_octave));
    2_f64.powi(octave) * (f64::from(within) / f64::from(per_octave)).exp2()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at_ms: i64, zero: f64, positive: &[f64]) -> NativeSample {
        let count = zero + positive.iter().sum::<f64>();
        NativeSample { at_ms, count, sum: 1.0, zero, positive: positive.to_vec(), negative: Vec::new() }
    }

    fn layout(schema: i32, zero_threshold: f64, positive: &[i32]) -> Buckets {
        Buckets { schema, zero_threshold, custom: Vec::new(), positive: positive.to_vec(), negative: Vec::new() }
    }

    fn read<'a>(series: &'a [RawSeries], le: &str) -> &'a [f64] {
        &series.iter().find(|s| s.labels.get("le").is_some_and(|own| own == le)).expect("has the bound").values
    }

    #[test]
    fn counts_are_cumulative_at_the_coarsest_resolution() {
        // Schema 1: buckets end at 2^(i/2). 1 ends at 1.41, 2 at 2, 3 at 2.83, 4 at 4. Schema 0: at 2^i.
        let parts = [
            (layout(1, 0.0, &[1, 2, 3]), vec![sample(0, 1.0, &[2.0, 3.0, 4.0])]),
            (layout(0, 0.0, &[1, 2, 5]), vec![sample(1000, 1.0, &[6.0, 5.0, 7.0])]),
        ];
        let series = classic("latency", &Labels::new(), &observed(&parts));
        assert_eq!(read(&series, "2"), [6.0, 7.0]);
        assert_eq!(read(&series, "4"), [10.0, 12.0]);
        assert_eq!(read(&series, "32"), [10.0, 19.0]);
        assert_eq!(read(&series, "+Inf"), [10.0, 19.0]);
        assert!(series.iter().all(|s| s.times_ms == [0, 1000]));
        let names: Vec<&str> = series.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(&names[names.len() - 3..], ["latency_bucket", "latency_count", "latency_sum"]);
    }

    #[test]
    fn a_bound_inside_a_widened_zero_bucket_is_not_known() {
        let parts = [
            (layout(0, 0.5, &[0, 1]), vec![sample(0, 1.0, &[2.0, 3.0])]),
            (layout(0, 1.0, &[1]), vec![sample(1000, 4.0, &[3.0])]),
        ];
        let series = classic("latency", &Labels::new(), &observed(&parts));
        assert!(read(&series, "0.5")[1].is_nan());
        assert_eq!(
            (read(&series, "0.5")[0], read(&series, "1"), read(&series, "2")),
            (1.0, &[3.0, 4.0][..], &[6.0, 7.0][..])
        );
    }

    #[test]
    fn negative_and_custom_buckets_and_the_end() {
        let mut both = layout(0, 0.25, &[1]);
        both.negative = vec![1, 2];
        let mut one = sample(0, 3.0, &[4.0]);
        (one.negative, one.count) = (vec![2.0, 1.0], 10.0);
        let series = classic("delta", &Labels::new(), &observed(&[(both, vec![one])]));
        // -4 to -2 holds 1, -2 to -1 holds 2, then zero, then 1 to 2.
        assert_eq!((read(&series, "-2"), read(&series, "-1")), (&[1.0][..], &[3.0][..]));
        assert_eq!((read(&series, "0.25"), read(&series, "2")), (&[6.0][..], &[10.0][..]));

        let custom = Buckets { schema: -53, custom: vec![0.1, 0.25], ..layout(-53, 0.0, &[0, 2]) };
        let end = NativeSample { sum: STALE, ..sample(1000, 0.0, &[]) };
        let parts = [(custom, vec![sample(0, 0.0, &[5.0, 1.0]), end])];
        let series = classic("custom", &Labels::new(), &observed(&parts));
        assert_eq!((read(&series, "0.1")[0], read(&series, "+Inf")[0]), (5.0, 6.0));
        assert!(series.iter().all(|s| s.values[1].to_bits() == STALE.to_bits()));
    }
}
