//! Node.js, by prom-client.

use super::Shape::*;
use super::{Known, known};

#[rustfmt::skip] // one row, one line: it is a table
pub(super) const TABLE: &[Known] = &[
    known("nodejs_eventloop_lag_p99_seconds", High, &[], "How late the event loop is: long work on it delays every request."),
    known("nodejs_eventloop_lag_mean_seconds", High, &[], "How late the event loop is on average."),
    known("nodejs_heap_size_used_bytes", Leak, &[], "Used heap: growth over the programme is a leak."),
    known("nodejs_external_memory_bytes", Leak, &[], "Memory outside the heap, such as buffers."),
    known("nodejs_active_handles_total", Leak, &[], "Open handles, a gauge in spite of its name: sockets and timers leak."),
    known("nodejs_active_requests_total", High, &[], "Requests to the system under way, a gauge in spite of its name."),
    known("nodejs_gc_duration_seconds_sum", Fast, &[], "Seconds a second spent in collections."),
];
