//! Containers, by cAdvisor.

use super::Shape::*;
use super::{Known, known};

#[rustfmt::skip] // one row, one line: it is a table
pub(super) const TABLE: &[Known] = &[
    known("container_memory_working_set_bytes", Leak, &["namespace", "container"], "Working set: what the limit of a container is compared with.").only("container!=\"\",container!=\"POD\""),
    known("container_cpu_usage_seconds_total", Fast, &["namespace", "container"], "Processor seconds a second.").only("container!=\"\",container!=\"POD\""),
    known("container_cpu_cfs_throttled_periods_total", Per("container_cpu_cfs_periods_total"), &["namespace", "container"], "Share of periods in which the limit stopped a container.").only("container!=\"\",container!=\"POD\""),
    known("container_oom_events_total", Rare, &["namespace", "container"], "Kills for memory.").only("container!=\"\",container!=\"POD\""),
    known("container_threads", Leak, &["namespace", "container"], "Threads: growth over the programme is a leak.").only("container!=\"\",container!=\"POD\""),
    known("container_file_descriptors", Leak, &["namespace", "container"], "Open files: growth over the programme is a leak.").only("container!=\"\",container!=\"POD\""),
    known("container_fs_usage_bytes", Leak, &["namespace", "container"], "Bytes written to the file system of a container.").only("container!=\"\",container!=\"POD\""),
    known("container_network_receive_packets_dropped_total", Rare, &["namespace", "pod"], "Packets that were dropped on arrival."),
];
