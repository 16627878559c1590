//! RabbitMQ, by its own plugin.

use super::Shape::*;
use super::{Known, known};

#[rustfmt::skip] // one row, one line: it is a table
pub(super) const TABLE: &[Known] = &[
    known("rabbitmq_queue_messages_ready", High, &["vhost", "queue"], "Messages that wait for a consumer."),
    known("rabbitmq_queue_messages_unacked", High, &["vhost", "queue"], "Messages that a consumer has not acknowledged yet."),
    known("rabbitmq_connections", Leak, &["instance"], "Connections: growth over the programme is a leak."),
    known("rabbitmq_channels", Leak, &["instance"], "Channels: growth over the programme is a leak."),
    known("rabbitmq_process_open_fds", Leak, &["instance"], "Open files of the broker."),
    known("rabbitmq_process_resident_memory_bytes", Leak, &["instance"], "Memory of the broker: at its mark publishers are blocked."),
    known("rabbitmq_disk_space_available_bytes", Low, &["instance"], "Room on disk: at its mark publishers are blocked."),
    known("rabbitmq_global_messages_redelivered_total", Fast, &[], "Messages delivered again a second."),
    known("rabbitmq_global_messages_unroutable_dropped_total", Rare, &[], "Messages that no queue wanted."),
    known("rabbitmq_alarms_memory_used_watermark", High, &["instance"], "Whether the alarm for memory is on."),
];
