//! The table of samples: one row per sample, series after series.

use crate::error::EvidenceError;
use crate::parquet;
use polars::prelude::{Column, DataFrame, DataType, IntoColumn, NamedFrom, ParquetCompression, ParquetWriter, Series};
use scorer::evidence::RawSeries;
use std::io::Cursor;

/// Columns of schema 1. Values keep their bits: a staleness marker is a NaN of one payload.
const COLUMNS: [(&str, DataType); 3] =
    [("series", DataType::UInt32), ("time_ms", DataType::Int64), ("value", DataType::Float64)];

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

/// The table as Parquet.
pub(crate) fn to_parquet(series: &[RawSeries]) -> Result<Vec<u8>, EvidenceError> {
    let failed = |source| EvidenceError::Table { doing: "write", source };
    let rows = series.iter().map(|one| one.values.len()).sum();
    let (mut ids, mut times, mut values) =
        (Vec::with_capacity(rows), Vec::with_capacity(rows), Vec::with_capacity(rows));
    for (id, one) in (0_u32..).zip(series) {
        ids.extend(std::iter::repeat_n(id, one.values.len()));
        times.extend_from_slice(&one.times_ms);
        values.extend_from_slice(&one.values);
    }
    let columns: Vec<Column> = vec![
        Series::new(COLUMNS[0].0.into(), ids).into_column(),
        Series::new(COLUMNS[1].0.into(), times).into_column(),
        Series::new(COLUMNS[2].0.into(), values).into_column(),
    ];
    let mut table = DataFrame::new(rows, columns).map_err(failed)?;
    let mut bytes = Vec::new();
    // One thread and one order: the same samples must make the same bytes.
    let writer = ParquetWriter::new(&mut bytes).with_compression(ParquetCompression::Zstd(None));
    writer.set_parallel(false).finish(&mut table).map_err(failed)?;
    Ok(bytes)
}

/// Fills `series`, whose names and labels are known, from a table. The text says what is wrong with the table.
pub(crate) fn from_parquet(bytes: Vec<u8>, series: &mut [RawSeries]) -> Result<(), String> {
    let table = parquet::read(Cursor::new(bytes)).map_err(|error| error.to_string())?;
    for (name, kind) in &COLUMNS {
        let column = table.column(name).map_err(|error| error.to_string())?;
        if column.dtype() != kind || column.null_count() > 0 {
            return Err(format!("column {name} is not {kind} without nulls"));
        }
    }
    let column = |index: usize| table.column(COLUMNS[index].0).map_err(|error| error.to_string());
    let ids = column(0)?.u32().map_err(|error| error.to_string())?;
    let times = column(1)?.i64().map_err(|error| error.to_string())?;
    let values = column(2)?.f64().map_err(|error| error.to_string())?;
    let rows = ids.into_no_null_iter().zip(times.into_no_null_iter()).zip(values.into_no_null_iter());
    for ((id, time_ms), value) in rows {
        let one = series.get_mut(id as usize).ok_or_else(|| format!("unknown series {id}"))?;
        one.times_ms.push(time_ms);
        one.values.push(value);
    }
    check(series).map_err(|error| error.to_string())
}
