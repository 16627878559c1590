//! The table of schema 1, which is read and no longer written: `series`, `time_ms`, `value`; names and labels stand in
//! the rest alone.

use crate::parquet;
use polars::prelude::DataType;
use scorer::evidence::RawSeries;
use std::io::Cursor;

/// Columns. Values keep their bits: a staleness marker is a NaN of one payload.
const COLUMNS: [(&str, DataType); 3] =
    [("series", DataType::UInt32), ("time_ms", DataType::Int64), ("value", DataType::Float64)];

/// As that of schema 2.
pub(crate) fn into_series(bytes: Vec<u8>, series: &mut [RawSeries], wanted: &[bool]) -> Result<u64, String> {
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
        if wanted[id as usize] {
            one.times_ms.push(time_ms);
            one.values.push(value);
        }
    }
    Ok(table.height() as u64)
}
