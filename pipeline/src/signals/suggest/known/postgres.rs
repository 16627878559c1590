//! PostgreSQL, by postgres_exporter.

use super::Shape::*;
use super::{Known, known};

#[rustfmt::skip] // one row, one line: it is a table
pub(super) const TABLE: &[Known] = &[
    known("pg_up", Low, &["instance"], "Whether the exporter reaches the database."),
    known("pg_stat_database_xact_rollback", Per("pg_stat_database_xact_commit"), &["datname"], "Rollbacks for each commit: conflicts and errors of statements."),
    known("pg_stat_database_deadlocks", Rare, &["datname"], "Deadlocks that the database resolved by an abort."),
    known("pg_stat_database_blks_read", Per("pg_stat_database_blks_hit"), &["datname"], "Blocks read from disk for each one found in memory."),
    known("pg_stat_database_temp_bytes", Fast, &["datname"], "Bytes that sorts and joins spilt to disk a second."),
    known("pg_stat_activity_count", High, &["datname", "state"], "Sessions by state; idle ones in a transaction hold locks."),
    known("pg_stat_activity_max_tx_duration", Peak, &["datname", "state"], "Age of the longest transaction, seconds."),
    known("pg_locks_count", High, &["datname", "mode"], "Locks held, by mode."),
    known("pg_replication_lag_seconds", High, &["instance"], "How far the replica is behind."),
    known("pg_database_size_bytes", Leak, &["datname"], "Size of a database: it grows faster where rows are not cleaned up."),
];
