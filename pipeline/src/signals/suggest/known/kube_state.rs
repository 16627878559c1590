//! Objects of Kubernetes, by kube-state-metrics.

use super::Shape::*;
use super::{Known, known};

#[rustfmt::skip] // one row, one line: it is a table
pub(super) const TABLE: &[Known] = &[
    known("kube_pod_container_status_restarts_total", Rare, &["namespace", "container"], "Restarts of containers: crashes and failed liveness checks."),
    known("kube_deployment_status_replicas_unavailable", High, &["namespace", "deployment"], "Replicas that are wanted and not there."),
    known("kube_statefulset_status_replicas_ready", Low, &["namespace", "statefulset"], "Ready replicas."),
    known("kube_pod_status_ready", High, &["namespace"], "Pods that are not ready.").only("condition=\"false\""),
    known("kube_pod_container_status_waiting_reason", High, &["namespace", "reason"], "Containers that wait, by reason, such as CrashLoopBackOff."),
    known("kube_pod_container_status_last_terminated_reason", High, &["namespace", "container"], "Containers whose last end was a kill for memory.").only("reason=\"OOMKilled\""),
    known("kube_job_status_failed", High, &["namespace", "job_name"], "Failed pods of jobs."),
    known("kube_horizontalpodautoscaler_status_current_replicas", High, &["namespace", "horizontalpodautoscaler"], "Replicas that the autoscaler thinks are needed for the same load."),
];
