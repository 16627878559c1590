//! Native histograms of Prometheus: sparse buckets whose bounds are powers of 2^(2^-schema), and one bucket for zero.
//!
//! Source: Prometheus, "Native Histograms" specification (buckets (lower, upper], index i has the upper bound
//! 2^(i x 2^-schema); a resolution is halved by merging neighbours; a zero bucket only ever widens).

use std::collections::BTreeMap;

/// Finest and coarsest standard resolution.
const SCHEMAS: std::ops::RangeInclusive<i8> = -4..=8;

/// One native histogram: counts of a counter at one scrape, or what was observed between two.
#[derive(Clone, Debug, PartialEq)]
pub struct Native {
    schema: i8,
    zero_threshold: f64,
    zero_count: f64,
    positive: BTreeMap<i32, f64>,
    negative: BTreeMap<i32, f64>,
}

/// Why a native histogram is none.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NativeError {
    /// Another layout than the standard exponential one.
    #[error("schema {0} is not supported: native histograms have schemas -4 to 8")]
    Schema(i8),
    /// A count or the threshold of the zero bucket is negative or not finite.
    #[error("{what} is {value}: it must be a number of at least 0")]
    Count {
        /// Which.
        what: &'static str,
        /// What it is.
        value: f64,
    },
}

impl Native {
    /// A histogram with its populated buckets by index.
    ///
    /// # Errors
    /// The schema is not a standard one, or a count is negative or not finite.
    pub fn try_new(
        schema: i8,
        (zero_threshold, zero_count): (f64, f64),
        positive: BTreeMap<i32, f64>,
        negative: BTreeMap<i32, f64>,
    ) -> Result<Native, NativeError> {
        if !SCHEMAS.contains(&schema) {
            return Err(NativeError::Schema(schema));
        }
        let counts = positive.values().chain(negative.values()).map(|count| ("a bucket's count", *count));
        let zero = [("the zero threshold", zero_threshold), ("the zero bucket's count", zero_count)];
        match zero.into_iter().chain(counts).find(|(_, value)| !value.is_finite() || *value < 0.0) {
            Some((what, value)) => Err(NativeError::Count { what, value }),
            None => Ok(Native { schema, zero_threshold, zero_count, positive, negative }),
        }
    }

    /// Resolution.
    pub fn schema(&self) -> i8 {
        self.schema
    }

    /// Observations up to this distance from zero are in the zero bucket.
    pub fn zero_threshold(&self) -> f64 {
        self.zero_threshold
    }

    /// The same observations in buckets of a lower schema (this one's where it is lower already).
    pub fn coarser(&self, schema: i8) -> Native {
        let steps = u32::try_from(self.schema.saturating_sub(schema)).unwrap_or(0);
        let merged = |buckets: &BTreeMap<i32, f64>| {
            let mut wide: BTreeMap<i32, f64> = BTreeMap::new();
            for (index, count) in buckets {
                *wide.entry(merged_index(*index, steps)).or_default() += count;
            }
            wide
        };
        Native {
            schema: self.schema.min(schema),
            positive: merged(&self.positive),
            negative: merged(&self.negative),
            ..self.clone()
        }
    }

    /// What was observed since an earlier scrape of the same counter. A counter that fell anywhere began anew: all it
    /// holds was observed since.
    pub fn since(&self, earlier: &Native) -> Native {
        let schema = self.schema.min(earlier.schema);
        let (mut now, before) = (self.coarser(schema), earlier.coarser(schema).with_zero(self.zero_threshold));
        let fell = |own: &BTreeMap<i32, f64>, old: &BTreeMap<i32, f64>| {
            old.iter().any(|(index, count)| own.get(index).copied().unwrap_or(0.0) < *count)
        };
        // A zero bucket only ever widens; one that is narrower belongs to a new counter.
        let anew = now.zero_threshold < before.zero_threshold
            || now.zero_count < before.zero_count
            || fell(&now.positive, &before.positive)
            || fell(&now.negative, &before.negative);
        if anew {
            return now;
        }
        now.zero_count -= before.zero_count;
        subtract(&mut now.positive, &before.positive);
        subtract(&mut now.negative, &before.negative);
        now
    }

    /// The same observations with at least this threshold of the zero bucket: buckets that begin within it move there.
    fn with_zero(&self, threshold: f64) -> Native {
        let mut wide = self.clone();
        if threshold <= self.zero_threshold {
            return wide;
        }
        wide.zero_threshold = threshold;
        for side in [&mut wide.positive, &mut wide.negative] {
            side.retain(|index, count| {
                let outside = bound(*index - 1, self.schema) >= threshold;
                wide.zero_count += if outside { 0.0 } else { *count };
                outside
            });
        }
        wide
    }

    /// Populated buckets as upper bound and count, with at least this threshold of the zero bucket.
    pub(crate) fn buckets(&self, zero_threshold: f64) -> Vec<(f64, f64)> {
        let wide = self.with_zero(zero_threshold);
        // A negative bucket [-upper, -lower) ends at -lower, the bound of the index before.
        let negative = wide.negative.iter().rev().map(|(index, count)| (-bound(*index - 1, self.schema), *count));
        let positive = wide.positive.iter().map(|(index, count)| (bound(*index, self.schema), *count));
        negative.chain([(wide.zero_threshold, wide.zero_count)]).chain(positive).collect()
    }
}

fn subtract(now: &mut BTreeMap<i32, f64>, before: &BTreeMap<i32, f64>) {
    for (index, count) in before {
        if let Some(own) = now.get_mut(index) {
            *own -= count;
        }
    }
    now.retain(|_, count| *count > 0.0);
}

/// Upper bound of a bucket.
fn bound(index: i32, schema: i8) -> f64 {
    (f64::from(index) * (-f64::from(schema)).exp2()).exp2()
}

/// Index of the bucket that holds this one after the resolution was halved so many times.
fn merged_index(index: i32, steps: u32) -> i32 {
    // Upper bounds are included, so that index 1 to 2^steps become 1. An arithmetic shift rounds down below zero too.
    (index.saturating_sub(1) >> steps.min(31)) + 1
}

/// End of the bucket of this schema that holds the end of a bucket of a higher one.
pub(crate) fn widened(end: f64, schema: i8) -> f64 {
    // Ends of buckets below zero are their lower bounds in size, so there the grid is met from above as well.
    let steps = f64::from(schema).exp2();
    let place = end.abs().log2() * steps;
    // Logarithms of bounds are whole numbers but for rounding.
    let index = if (place - place.round()).abs() < 1e-6 {
        place.round()
    } else if end > 0.0 {
        place.ceil()
    } else {
        place.floor()
    };
    if end == 0.0 { 0.0 } else { (index / steps).exp2().copysign(end) }
}
