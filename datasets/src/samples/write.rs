//! The table of samples as Parquet. docs/evidence.md says how it lies in the file and why.
//!
//! Invariant: the bytes depend on the rows alone. Groups, pages and batches are cut at fixed numbers of rows, whatever
//! the rows were collected from.

use super::{COLUMNS, Rows};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::column::writer::ColumnWriterImpl;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type};
use parquet::errors::Result;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::ColumnPath;
use std::sync::Arc;

/// Rows of a group: what a reader that looks for one series must read at least.
const GROUP_ROWS: usize = 1 << 20;

/// Rows that are handed to the writer at once; small, because names and labels are expanded for them.
const BATCH_ROWS: usize = 1 << 16;

/// Bytes of a page before compression: long pages compress better, and nobody reads less than a series.
const PAGE_BYTES: usize = 1 << 20;

/// Bytes of distinct names or labels of a group; beyond it they are written out.
const DICTIONARY_BYTES: usize = 32 << 20;

/// On counters and gauges of a service, higher levels take twice the time for two per cent of the size.
const ZSTD_LEVEL: i32 = 3;

/// Says who wrote it, and not with which release of a library: that would change every address.
const CREATED_BY: &str = "mettle evidence schema 2";

/// The columns in Parquet's own words.
const MESSAGE: &str = "message samples {
    required int32 series (INTEGER(32, false));
    required binary name (STRING);
    required binary labels (STRING);
    required int64 time_ms;
    required double value;
}";

/// Rows of one series that lie side by side.
#[derive(Clone, Copy)]
struct Run {
    series: usize,
    from: usize,
    to: usize,
}

/// The file.
pub(crate) fn to_parquet(series: &[Rows<'_>]) -> Result<Vec<u8>> {
    let schema = Arc::new(parse_message_type(MESSAGE)?);
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties()?))?;
    for group in batches(series).chunks(GROUP_ROWS / BATCH_ROWS) {
        let mut columns = writer.next_row_group()?;
        write_group(&mut columns, series, group)?;
        columns.close()?;
    }
    let mut bytes = writer.into_inner()?;
    keep_old_readers(&mut bytes);
    Ok(bytes)
}

/// The order of a column in the footer, a union of empty structs in the compact protocol of Thrift: variant 2, variant 1.
const TOTAL_ORDER: [u8; 3] = [0x2c, 0, 0];
const TYPE_ORDER: [u8; 3] = [0x1c, 0, 0];

/// What follows the order of the last column: the end of the footer, its length, the magic word.
const BEHIND: usize = 1 + 4 + 4;

/// Says of `value` that its order is that of its type. The library writes the total order of IEEE 754, which readers that
/// do not know it, as Polars 1, refuse the whole file for. It orders nothing here: of values no smallest and largest are
/// written.
fn keep_old_readers(bytes: &mut [u8]) {
    let end = bytes.len().saturating_sub(BEHIND);
    if let Some(order) = bytes.get_mut(end.saturating_sub(TYPE_ORDER.len())..end)
        && order == TOTAL_ORDER
    {
        order.copy_from_slice(&TYPE_ORDER);
    }
}

fn properties() -> Result<WriterProperties> {
    let of = ColumnPath::from;
    let sorted = |column_idx| SortingColumn { column_idx, descending: false, nulls_first: false };
    let mut properties = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_data_page_size_limit(PAGE_BYTES)
        .set_data_page_row_count_limit(GROUP_ROWS)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_sorting_columns(Some(vec![sorted(0), sorted(3)]));
    for (name, encoding) in [("time_ms", Encoding::DELTA_BINARY_PACKED), ("value", Encoding::BYTE_STREAM_SPLIT)] {
        properties = properties.set_column_dictionary_enabled(of(name), false).set_column_encoding(of(name), encoding);
    }
    // Smallest and largest of values that may be NaN would help no reader.
    Ok(properties.set_column_statistics_enabled(of("value"), EnabledStatistics::None).build())
}

/// All rows in batches of [`BATCH_ROWS`], the last one shorter.
fn batches(series: &[Rows<'_>]) -> Vec<Vec<Run>> {
    let mut batches: Vec<Vec<Run>> = Vec::new();
    let mut room = 0;
    for (index, rows) in series.iter().enumerate() {
        let mut from = 0;
        while from < rows.times_ms.len() {
            if room == 0 {
                batches.push(Vec::new());
                room = BATCH_ROWS;
            }
            let to = rows.times_ms.len().min(from + room);
            batches.last_mut().expect("one was pushed").push(Run { series: index, from, to });
            room -= to - from;
            from = to;
        }
    }
    batches
}

fn write_group<W: std::io::Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    series: &[Rows<'_>],
    batches: &[Vec<Run>],
) -> Result<()> {
    for column in COLUMNS {
        let mut writer = group.next_column()?.expect("the schema has as many columns");
        let repeated = |run: &Run| run.to - run.from;
        match column {
            "series" => write_column::<Int32Type>(writer.typed(), batches, |run, out| {
                // The bits of an unsigned number, as Parquet stores one.
                out.extend(std::iter::repeat_n(series[run.series].id.cast_signed(), repeated(run)));
            }),
            "name" => write_texts(writer.typed(), batches, |run| series[run.series].name),
            "labels" => write_texts(writer.typed(), batches, |run| series[run.series].labels),
            "time_ms" => write_column::<Int64Type>(writer.typed(), batches, |run, out| {
                out.extend_from_slice(&series[run.series].times_ms[run.from..run.to]);
            }),
            _ => write_column::<DoubleType>(writer.typed(), batches, |run, out| {
                out.extend_from_slice(&series[run.series].values[run.from..run.to]);
            }),
        }?;
        writer.close()?;
    }
    Ok(())
}

fn write_column<T: DataType>(
    writer: &mut ColumnWriterImpl<'_, T>,
    batches: &[Vec<Run>],
    expand: impl Fn(&Run, &mut Vec<T::T>),
) -> Result<()> {
    let mut rows = Vec::with_capacity(BATCH_ROWS);
    for batch in batches {
        rows.clear();
        batch.iter().for_each(|run| expand(run, &mut rows));
        writer.write_batch(&rows, None, None)?;
    }
    Ok(())
}

fn write_texts<'a>(
    writer: &mut ColumnWriterImpl<'_, ByteArrayType>,
    batches: &[Vec<Run>],
    text: impl Fn(&Run) -> &'a str,
) -> Result<()> {
    let mut rows = Vec::with_capacity(BATCH_ROWS);
    for batch in batches {
        rows.clear();
        for run in batch {
            rows.extend(std::iter::repeat_n(ByteArray::from(text(run)), run.to - run.from));
        }
        // Told here, because the writer would compare the text of every row.
        let bound = |text: Option<&str>| text.map(ByteArray::from);
        let (least, greatest) = (bound(batch.iter().map(&text).min()), bound(batch.iter().map(&text).max()));
        writer.write_batch_with_statistics(&rows, None, None, least.as_ref(), greatest.as_ref(), None)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use parquet::basic::{ColumnOrder, SortOrder};
    use parquet::file::reader::FileReader as _;
    use parquet::file::serialized_reader::SerializedFileReader;

    #[test]
    fn no_column_has_an_order_that_old_readers_do_not_know() {
        let rows = Rows { id: 0, name: "up", labels: "{}", times_ms: &[1, 2], values: &[1.0, f64::NAN] };
        for series in [vec![], vec![rows]] {
            let file = SerializedFileReader::new(Bytes::from(to_parquet(&series).unwrap())).unwrap();
            let orders = file.metadata().file_metadata().column_orders().unwrap();
            assert!(orders.iter().all(|order| matches!(order, ColumnOrder::TYPE_DEFINED_ORDER(_))), "{orders:?}");
            assert_eq!(orders[4], ColumnOrder::TYPE_DEFINED_ORDER(SortOrder::SIGNED));
        }
    }
}
