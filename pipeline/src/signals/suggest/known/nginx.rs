//! nginx, by its exporter and by ingress-nginx.

use super::Shape::*;
use super::{Known, known};

#[rustfmt::skip] // one row, one line: it is a table
pub(super) const TABLE: &[Known] = &[
    known("nginx_connections_active", High, &["instance"], "Open connections."),
    known("nginx_connections_waiting", High, &["instance"], "Idle kept connections: each holds a slot."),
    known("nginx_ingress_controller_nginx_process_connections", High, &["controller_pod", "state"], "Connections of the controller, by state."),
    known("nginx_ingress_controller_errors", Rare, &["controller_class"], "Failed reloads of the configuration."),
];
