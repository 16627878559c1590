//! Envoy, also as the side car of a mesh.

use super::Shape::*;
use super::{Known, known};

#[rustfmt::skip] // one row, one line: it is a table
pub(super) const TABLE: &[Known] = &[
    known("envoy_cluster_upstream_rq_pending_overflow", Rare, &["envoy_cluster_name"], "Requests refused because too many waited: a circuit breaker is open."),
    known("envoy_cluster_upstream_rq_retry", Fast, &["envoy_cluster_name"], "Requests sent again a second."),
    known("envoy_cluster_upstream_rq_timeout", Rare, &["envoy_cluster_name"], "Requests that had no answer in time."),
    known("envoy_cluster_upstream_cx_connect_fail", Rare, &["envoy_cluster_name"], "Connections that could not be made."),
    known("envoy_cluster_upstream_rq_pending_active", High, &["envoy_cluster_name"], "Requests that wait for a connection."),
    known("envoy_cluster_membership_healthy", Low, &["envoy_cluster_name"], "Healthy members of a cluster."),
    known("envoy_cluster_outlier_detection_ejections_active", High, &["envoy_cluster_name"], "Members that were taken out for their errors."),
    known("envoy_server_memory_allocated", Leak, &[], "Memory of the proxy."),
];
