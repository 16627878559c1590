//! The tokio runtime, by tokio-metrics and the usual names of its handle; services put a name of theirs in front.

use super::Shape::*;
use super::{Known, known};

#[rustfmt::skip] // one row, one line: it is a table
pub(super) const TABLE: &[Known] = &[
    known("*tokio_global_queue_depth", High, &[], "Tasks that wait for a worker of the runtime."),
    known("*tokio_injection_queue_depth", High, &[], "Tasks that wait for a worker of the runtime."),
    known("*tokio_blocking_queue_depth", High, &[], "Tasks that wait for a thread of the blocking pool."),
    known("*tokio_live_tasks_count", Leak, &[], "Tasks alive: growth over the programme is a leak."),
    known("*tokio_num_alive_tasks", Leak, &[], "Tasks alive: growth over the programme is a leak."),
    known("*tokio_alive_tasks", Leak, &[], "Tasks alive: growth over the programme is a leak."),
    known("*tokio_blocking_threads", Leak, &[], "Threads of the blocking pool: they grow where calls block."),
    known("*tokio_worker_busy_ratio", High, &[], "How busy the workers are: near one, tasks wait."),
    known("*tokio_budget_forced_yield_total", Fast, &[], "Tasks that had to be interrupted, because they do not yield."),
];
