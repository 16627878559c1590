//! The tables of samples: one row per sample, series after series, each table a stretch of time.

mod read;
mod schema_1;
mod write;

use crate::error::EvidenceError;
use crate::label_text;
use scorer::evidence::RawSeries;
use std::ops::RangeInclusive;

pub(crate) use read::{into_series, named};
pub(crate) use schema_1::into_series as into_series_of_1;

/// Columns since schema 2, in their order.
const COLUMNS: [&str; 5] = ["series", "name", "labels", "time_ms", "value"];

/// Samples of a table: 64 MB in memory, so that evidence of any length is written within that.
const TABLE_SAMPLES: u64 = 1 << 22;

/// Rows of one series.
pub(crate) struct Rows<'a> {
    /// Place of the series in the list of series.
    pub(crate) id: u32,
    pub(crate) name: &'a str,
    /// As [`label_text`] writes them.
    pub(crate) labels: &'a str,
    pub(crate) times_ms: &'a [i64],
    pub(crate) values: &'a [f64],
}

/// How much there is, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) samples: u64,
    /// Time of the first and of the last sample, if there is any.
    pub(crate) times_ms: Option<(i64, i64)>,
}

impl Extent {
    /// Of nothing.
    pub(crate) const EMPTY: Extent = Extent { samples: 0, times_ms: None };

    /// Of some series.
    pub(crate) fn of(series: &[RawSeries]) -> Self {
        let one = |series: &RawSeries| Extent {
            samples: series.times_ms.len() as u64,
            times_ms: series.times_ms.first().copied().zip(series.times_ms.last().copied()),
        };
        series.iter().map(one).fold(Extent::EMPTY, Extent::and)
    }

    /// Of both.
    pub(crate) fn and(self, other: Extent) -> Extent {
        let times_ms = match (self.times_ms, other.times_ms) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
        Extent { samples: self.samples + other.samples, times_ms }
    }

    /// Whether a sample may lie in `stretch`.
    pub(crate) fn meets(&self, stretch: &RangeInclusive<i64>) -> bool {
        self.times_ms.is_some_and(|(first, last)| first <= *stretch.end() && last >= *stretch.start())
    }

    /// Stretches of equal length, one a table, so that a table of an even recording has at most [`TABLE_SAMPLES`].
    ///
    /// They follow from the samples alone: evidence that was written slice by slice gets the tables of one that was
    /// written at once.
    pub(crate) fn stretches(&self) -> Vec<RangeInclusive<i64>> {
        let Some((first, last)) = self.times_ms else { return vec![i64::MIN..=i64::MAX] };
        let tables = i128::from(self.samples.div_ceil(TABLE_SAMPLES).max(1));
        let (first, last) = (i128::from(first), i128::from(last));
        let length = (last - first + 1 + tables - 1) / tables;
        let clamped = |time: i128| i64::try_from(time.min(last)).expect("not later than the last sample");
        let starts = std::iter::successors(Some(first), |from| Some(from + length)).take_while(|from| *from <= last);
        starts.map(|from| clamped(from)..=clamped(from + length - 1)).collect()
    }
}

/// Checks what the schema asks of a series.
pub(crate) fn check(series: &[RawSeries]) -> Result<(), EvidenceError> {
    for (index, one) in series.iter().enumerate() {
        let bad = |what: String| EvidenceError::BadSeries { series: index, name: one.name.clone(), what };
        if one.times_ms.len() != one.values.len() {
            return Err(bad(format!("{} times and {} values", one.times_ms.len(), one.values.len())));
        }
        if let Some(pair) = one.times_ms.windows(2).find(|pair| pair[0] >= pair[1]) {
            return Err(bad(format!("time {} follows {}; times must rise", pair[1], pair[0])));
        }
        if u32::try_from(index).is_err() {
            return Err(bad("more than 2^32 series".to_owned()));
        }
    }
    Ok(())
}

/// Labels of every series as texts.
pub(crate) fn label_texts(series: &[RawSeries]) -> Vec<String> {
    series.iter().map(|one| label_text::render(&one.labels)).collect()
}

/// The samples of `series` within `stretch` as Parquet; the id of a series is its place. `labels` are their
/// [`label_texts`].
pub(crate) fn to_parquet(
    series: &[RawSeries],
    labels: &[String],
    stretch: &RangeInclusive<i64>,
) -> Result<Vec<u8>, EvidenceError> {
    let rows = (0_u32..).zip(series).zip(labels).map(|((id, one), labels)| {
        let from = one.times_ms.partition_point(|time| time < stretch.start());
        let to = one.times_ms.partition_point(|time| time <= stretch.end());
        Rows { id, name: &one.name, labels, times_ms: &one.times_ms[from..to], values: &one.values[from..to] }
    });
    let rows: Vec<Rows<'_>> = rows.filter(|rows| !rows.times_ms.is_empty()).collect();
    write::to_parquet(&rows).map_err(|source| EvidenceError::Table { source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(samples: u64, first: i64, last: i64) -> Extent {
        Extent { samples, times_ms: Some((first, last)) }
    }

    #[test]
    fn stretches_cover_every_time_once() {
        let cases = [
            (Extent::EMPTY, vec![i64::MIN..=i64::MAX]),
            (extent(1, 5, 5), vec![5..=5]),
            (extent(TABLE_SAMPLES, 0, 99), vec![0..=99]),
            (extent(TABLE_SAMPLES + 1, 0, 99), vec![0..=49, 50..=99]),
            (extent(3 * TABLE_SAMPLES, 10, 19), vec![10..=13, 14..=17, 18..=19]),
            // More tables than milliseconds.
            (extent(9 * TABLE_SAMPLES, 1, 2), vec![1..=1, 2..=2]),
        ];
        for (extent, stretches) in cases {
            assert_eq!(extent.stretches(), stretches, "{extent:?}");
        }
        let whole = extent(2 * TABLE_SAMPLES, i64::MIN, i64::MAX).stretches();
        assert_eq!((*whole[0].start(), *whole[1].end()), (i64::MIN, i64::MAX));
        assert_eq!(i128::from(*whole[0].end()) + 1, i128::from(*whole[1].start()));
    }
}
