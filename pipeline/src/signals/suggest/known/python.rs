//! Python, by prometheus_client, and its usual servers.

use super::Shape::*;
use super::{Known, known};

#[rustfmt::skip] // one row, one line: it is a table
pub(super) const TABLE: &[Known] = &[
    known("python_gc_objects_uncollectable_total", Rare, &[], "Objects that the collector can never free."),
    known("python_gc_collections_total", Fast, &["job", "generation"], "Collections a second, by generation."),
    known("celery_queue_length", High, &["queue_name"], "Messages that wait in a queue of Celery."),
    known("gunicorn_workers", Low, &[], "Workers of Gunicorn: fewer answer less."),
];
