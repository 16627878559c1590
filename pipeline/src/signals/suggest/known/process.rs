//! What the client libraries of Prometheus say of every process.

use super::Shape::*;
use super::{Known, known};

#[rustfmt::skip] // one row, one line: it is a table
pub(super) const TABLE: &[Known] = &[
    known("process_open_fds", Leak, &[], "Open files: growth over the programme is a leak."),
    known("process_threads", Leak, &[], "Threads: growth over the programme is a leak."),
    known("process_virtual_memory_bytes", Leak, &[], "Address space: it grows where resident memory is swapped or mapped."),
];
