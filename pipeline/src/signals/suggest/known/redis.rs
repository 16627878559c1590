//! Redis, by redis_exporter.

use super::Shape::*;
use super::{Known, known};

#[rustfmt::skip] // one row, one line: it is a table
pub(super) const TABLE: &[Known] = &[
    known("redis_up", Low, &["instance"], "Whether the exporter reaches the server."),
    known("redis_memory_used_bytes", Leak, &["instance"], "Memory of the data set: keys without an end leak."),
    known("redis_connected_clients", Leak, &["instance"], "Connected clients: connections leak."),
    known("redis_blocked_clients", High, &["instance"], "Clients that wait in a blocking call."),
    known("redis_evicted_keys_total", Fast, &["instance"], "Keys thrown out for lack of memory, a second."),
    known("redis_rejected_connections_total", Rare, &["instance"], "Connections refused at the limit of clients."),
    known("redis_keyspace_misses_total", Per("redis_keyspace_hits_total"), &["instance"], "Misses for each hit: the cache helps less."),
    known("redis_commands_duration_seconds_total", Per("redis_commands_processed_total"), &["instance"], "Seconds of the server for each command."),
    known("redis_slowlog_length", High, &["instance"], "Commands in the log of slow ones."),
    known("redis_connected_slaves", Low, &["instance"], "Connected replicas."),
];
