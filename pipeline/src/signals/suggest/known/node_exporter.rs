//! Machines, by node_exporter: the USE of processor, memory, disk and network.

use super::Shape::*;
use super::{Known, known};

#[rustfmt::skip] // one row, one line: it is a table
pub(super) const TABLE: &[Known] = &[
    known("node_cpu_seconds_total", Slow, &["instance"], "Idle processor seconds: less means a busier machine.").only("mode=\"idle\""),
    known("node_load1", High, &["instance"], "Load: what runs or waits for a processor or a disk."),
    known("node_pressure_cpu_waiting_seconds_total", Fast, &["instance"], "Time in which something waited for a processor."),
    known("node_pressure_memory_waiting_seconds_total", Fast, &["instance"], "Time in which something waited for memory."),
    known("node_pressure_io_waiting_seconds_total", Fast, &["instance"], "Time in which something waited for a disk."),
    known("node_memory_MemAvailable_bytes", Low, &["instance"], "Memory that is left without swapping."),
    known("node_filesystem_avail_bytes", Low, &["instance", "mountpoint"], "Room on disks that keep something.").only("fstype!~\"tmpfs|ramfs|overlay|squashfs|nsfs\""),
    known("node_disk_io_time_seconds_total", Fast, &["instance", "device"], "Time in which a disk had something to do."),
    known("node_network_receive_drop_total", Rare, &["instance"], "Packets that were dropped on arrival."),
    known("node_network_receive_errs_total", Rare, &["instance"], "Packets that arrived broken."),
    known("node_netstat_Tcp_RetransSegs", Fast, &["instance"], "Segments sent again a second."),
    known("node_vmstat_oom_kill", Rare, &["instance"], "Processes that the kernel killed for memory."),
    known("node_filefd_allocated", Leak, &["instance"], "Open files of the machine."),
    known("node_nf_conntrack_entries", Leak, &["instance"], "Tracked connections: a full table drops new ones."),
];
