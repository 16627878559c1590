//! Kafka, by kafka_exporter, the JMX exporter and clients through Micrometer.

use super::Shape::*;
use super::{Known, known};

#[rustfmt::skip] // one row, one line: it is a table
pub(super) const TABLE: &[Known] = &[
    known("kafka_consumergroup_lag", High, &["consumergroup", "topic"], "Messages that a group has not read yet."),
    known("kafka_consumergroup_members", Low, &["consumergroup"], "Members of a group."),
    known("kafka_topic_partition_under_replicated_partition", High, &["topic"], "Partitions with too few replicas in sync."),
    known("kafka_brokers", Low, &[], "Brokers of the cluster."),
    known("kafka_server_replicamanager_underreplicatedpartitions", High, &["instance"], "Partitions with too few replicas in sync."),
    known("kafka_controller_kafkacontroller_offlinepartitionscount", High, &["instance"], "Partitions without a leader."),
    known("kafka_consumer_fetch_manager_records_lag_max", Peak, &["client_id", "topic", "partition"], "Largest lag of a consumer, records."),
    known("kafka_producer_record_error_total", Rare, &["client_id"], "Records that could not be sent."),
    known("kafka_producer_record_retry_total", Fast, &["client_id"], "Records sent again a second."),
];
