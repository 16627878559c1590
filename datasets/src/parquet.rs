//! Reading Parquet that anybody may have made.

use polars::error::{PolarsError, PolarsResult};
use polars::io::mmap::MmapBytesReader;
use polars::prelude::{DataFrame, ParquetReader, SerReader};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The table. Polars panics on some damaged files, half of which it has read by then: that is an error, too, and nothing
/// of the half is kept.
pub(crate) fn read(file: impl MmapBytesReader) -> PolarsResult<DataFrame> {
    let read = catch_unwind(AssertUnwindSafe(|| ParquetReader::new(file).finish()));
    read.unwrap_or_else(|panic| Err(PolarsError::ComputeError(format!("it is damaged: {}", said(&*panic)).into())))
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("its parts do not fit together")
}
