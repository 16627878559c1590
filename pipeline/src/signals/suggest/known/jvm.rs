//! The JVM, by Micrometer and by client_java.

use super::Shape::*;
use super::{Known, known};

#[rustfmt::skip] // one row, one line: it is a table
pub(super) const TABLE: &[Known] = &[
    known("jvm_memory_used_bytes", Leak, &["job", "id"], "Used heap by pool: the old generation shows what is never freed.").only("area=\"heap\""),
    known("jvm_memory_bytes_used", Leak, &[], "Used heap: growth over the programme is a leak.").only("area=\"heap\""),
    known("jvm_threads_live_threads", Leak, &[], "Live threads: growth over the programme is a leak."),
    known("jvm_threads_current", Leak, &[], "Live threads: growth over the programme is a leak."),
    known("jvm_gc_pause_seconds_sum", Fast, &[], "Seconds a second that the collector stops the program."),
    known("jvm_gc_collection_seconds_sum", Fast, &[], "Seconds a second spent in collections."),
    known("jvm_buffer_memory_used_bytes", Leak, &[], "Memory outside the heap: direct buffers that are not given back."),
    known("jvm_classes_loaded_classes", Leak, &[], "Loaded classes: class loaders leak."),
    known("process_files_open_files", Leak, &[], "Open files: growth over the programme is a leak."),
    known("hikaricp_connections_pending", High, &["job", "pool"], "Threads that wait for a connection of the pool."),
    known("hikaricp_connections_timeout_total", Rare, &["job", "pool"], "Threads that waited for a connection in vain."),
    known("tomcat_threads_busy_threads", High, &[], "Busy threads of the server: at its maximum requests queue."),
    known("executor_queued_tasks", High, &["job", "name"], "Tasks that wait for a thread."),
    known("logback_events_total", Fast, &[], "Errors logged a second.").only("level=\"error\""),
];
