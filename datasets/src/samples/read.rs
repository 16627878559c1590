//! Reading a table of samples that anybody may have made.

use super::COLUMNS;
use crate::label_text;
use bytes::Bytes;
use parquet::basic::Type;
use parquet::column::reader::{ColumnReaderImpl, get_typed_column_reader};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type};
use parquet::file::reader::{FileReader as _, RowGroupReader};
use parquet::file::serialized_reader::SerializedFileReader;
use scorer::evidence::RawSeries;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Rows that are decoded at once.
const BATCH_ROWS: usize = 1 << 16;

/// What is wrong where a column ends too early.
const SHORT: &str = "a column is shorter than the table";

/// Physical types of [`COLUMNS`].
const TYPES: [Type; 5] = [Type::INT32, Type::BYTE_ARRAY, Type::BYTE_ARRAY, Type::INT64, Type::DOUBLE];

/// Adds the samples of a table to those of `series` that are `wanted`; the place of a series is its id. How many samples
/// the table holds of all. The text says what is wrong with the table.
pub(crate) fn into_series(bytes: Vec<u8>, series: &mut [RawSeries], wanted: &[bool]) -> Result<u64, String> {
    let mut samples = 0;
    guarded(|| {
        each_group(bytes, |group, rows| {
            let mut numbers = Numbers::of(group)?;
            let (mut left, mut passed_over) = (rows, 0);
            while left > 0 {
                let ids = next(&mut numbers.ids, left.min(BATCH_ROWS))?;
                left -= ids.len();
                samples += ids.len() as u64;
                for (id, rows) in runs(&ids) {
                    let one = series.get_mut(id as usize).ok_or_else(|| format!("unknown series {id}"))?;
                    if wanted[id as usize] {
                        numbers.skip(std::mem::take(&mut passed_over))?;
                        numbers.append(rows.len(), one)?;
                    } else {
                        passed_over += rows.len();
                    }
                }
            }
            Ok(())
        })
    })?;
    Ok(samples)
}

/// The series of a table by their ids, with names and labels from the table itself.
pub(crate) fn named(bytes: Vec<u8>) -> Result<Vec<RawSeries>, String> {
    let mut found: Vec<RawSeries> = Vec::new();
    guarded(|| {
        each_group(bytes, |group, rows| {
            let mut numbers = Numbers::of(group)?;
            let mut names = column::<ByteArrayType>(group, 1)?;
            let mut labels = column::<ByteArrayType>(group, 2)?;
            let mut left = rows;
            while left > 0 {
                let ids = next(&mut numbers.ids, left.min(BATCH_ROWS))?;
                let texts = (next(&mut names, ids.len())?, next(&mut labels, ids.len())?);
                left -= ids.len();
                for (id, rows) in runs(&ids) {
                    if id as usize == found.len() {
                        found.push(key(&texts.0[rows.start], &texts.1[rows.start])?);
                    }
                    let one = found.get_mut(id as usize).ok_or_else(|| format!("series {id} is out of order"))?;
                    numbers.append(rows.len(), one)?;
                }
            }
            Ok(())
        })
    })?;
    Ok(found)
}

/// A damaged file may make the decoder panic: that is an error, too, and nothing of what was read is used.
fn guarded<T>(read: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err("it is damaged: its parts do not fit together".to_owned()))
}

fn each_group(
    bytes: Vec<u8>,
    mut read: impl FnMut(&dyn RowGroupReader, usize) -> Result<(), String>,
) -> Result<(), String> {
    let file = SerializedFileReader::new(Bytes::from(bytes)).map_err(|error| error.to_string())?;
    let schema = file.metadata().file_metadata().schema_descr();
    let wanted = COLUMNS.iter().zip(TYPES).enumerate();
    for (at, (name, kind)) in wanted {
        let found = (at < schema.num_columns()).then(|| schema.column(at));
        if !found.is_some_and(|c| {
            c.path().string() == *name && c.physical_type() == kind && c.max_def_level() == 0 && c.max_rep_level() == 0
        }) {
            return Err(format!("column {} is not {name}, {kind} without nulls", at + 1));
        }
    }
    for at in 0..file.num_row_groups() {
        let group = file.get_row_group(at).map_err(|error| error.to_string())?;
        let rows = usize::try_from(group.metadata().num_rows()).map_err(|_| "a negative number of rows".to_owned())?;
        read(&*group, rows)?;
    }
    Ok(())
}

fn key(name: &ByteArray, labels: &ByteArray) -> Result<RawSeries, String> {
    let text = |bytes: &ByteArray| bytes.as_utf8().map(str::to_owned).map_err(|error| error.to_string());
    let (name, labels) = (text(name)?, text(labels)?);
    let labels = label_text::parse(&labels).ok_or_else(|| format!("`{labels}` are no labels"))?;
    Ok(RawSeries { name, labels, ..RawSeries::default() })
}

fn column<T: DataType>(group: &dyn RowGroupReader, at: usize) -> Result<ColumnReaderImpl<T>, String> {
    Ok(get_typed_column_reader(group.get_column_reader(at).map_err(|error| error.to_string())?))
}

/// Exactly `rows` values.
fn next<T: DataType>(column: &mut ColumnReaderImpl<T>, rows: usize) -> Result<Vec<T::T>, String> {
    let mut values = Vec::with_capacity(rows);
    append(column, rows, &mut values)?;
    Ok(values)
}

/// Exactly `rows` values more.
fn append<T: DataType>(column: &mut ColumnReaderImpl<T>, rows: usize, values: &mut Vec<T::T>) -> Result<(), String> {
    let end = values.len() + rows;
    while values.len() < end {
        let before = values.len();
        column.read_records(end - before, None, None, values).map_err(|error| error.to_string())?;
        if values.len() == before {
            return Err(SHORT.to_owned());
        }
    }
    Ok(())
}

/// Passes over exactly `rows` values.
fn skip<T: DataType>(column: &mut ColumnReaderImpl<T>, rows: usize) -> Result<(), String> {
    let skipped = column.skip_records(rows).map_err(|error| error.to_string())?;
    if skipped == rows { Ok(()) } else { Err(SHORT.to_owned()) }
}

/// The columns of a group that hold numbers.
struct Numbers {
    ids: ColumnReaderImpl<Int32Type>,
    times_ms: ColumnReaderImpl<Int64Type>,
    values: ColumnReaderImpl<DoubleType>,
}

impl Numbers {
    fn of(group: &dyn RowGroupReader) -> Result<Self, String> {
        Ok(Numbers { ids: column(group, 0)?, times_ms: column(group, 3)?, values: column(group, 4)? })
    }

    /// The next rows, which are samples of `series`.
    fn append(&mut self, rows: usize, series: &mut RawSeries) -> Result<(), String> {
        append(&mut self.times_ms, rows, &mut series.times_ms)?;
        append(&mut self.values, rows, &mut series.values)
    }

    /// Passes over the next rows.
    fn skip(&mut self, rows: usize) -> Result<(), String> {
        skip(&mut self.times_ms, rows)?;
        skip(&mut self.values, rows)
    }
}

/// Stretches of one series.
fn runs(ids: &[i32]) -> impl Iterator<Item = (u32, std::ops::Range<usize>)> {
    let mut from = 0;
    ids.chunk_by(|a, b| a == b).map(move |run| {
        let rows = from..from + run.len();
        from = rows.end;
        (run[0].cast_unsigned(), rows)
    })
}
