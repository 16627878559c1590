//! The Go runtime, by client_golang.

use super::Shape::*;
use super::{Known, known};

#[rustfmt::skip] // one row, one line: it is a table
pub(super) const TABLE: &[Known] = &[
    known("go_goroutines", Leak, &[], "Goroutines: growth over the programme is a leak."),
    known("go_threads", Leak, &[], "Threads of the Go runtime: they grow where calls block."),
    known("go_memstats_heap_inuse_bytes", Leak, &[], "Heap in use: the part of memory that the collector cannot free."),
    known("go_memstats_heap_objects", Leak, &[], "Objects on the heap: many small ones leak unseen by bytes."),
    known("go_memstats_alloc_bytes_total", Fast, &[], "Bytes allocated a second: what the collector has to clean up."),
    known("go_gc_duration_seconds_sum", Fast, &[], "Seconds a second that the collector stops the program."),
    known("go_memstats_mallocs_total", Fast, &[], "Allocations a second: garbage costs processor time."),
];
