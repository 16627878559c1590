//! Queues and saturation, by the words of their names (the S and U of USE): what waits, and how full something is.

use super::draft::Draft;
use super::leaks::is_limit;
use super::view::View;
use crate::documents::signals::{FormKind, WorseSpec};
use crate::signals::proposal::Proposal;
use probes::metrics::catalogue::FamilyKind;

/// Words that say that something waits.
const WAITING: [&str; 13] = [
    "queue",
    "queued",
    "queues",
    "pending",
    "backlog",
    "waiting",
    "lag",
    "inflight",
    "in_flight",
    "in_progress",
    "outstanding",
    "unacked",
    "depth",
];

/// Words that say how full something is.
const FULL: [&str; 7] =
    ["utilization", "utilisation", "saturation", "usage_ratio", "busy_ratio", "connections", "busy"];

pub(super) fn propose(view: &View<'_>, draft: &mut Draft) {
    for family in view.families() {
        let fits = matches!(family.kind, FamilyKind::Gauge | FamilyKind::Unknown) && !is_limit(&family.name);
        if !fits || draft.has(&family.name) || is_stamp(&family.name) {
            continue;
        }
        let padded = format!("_{}_", family.name);
        let says = |words: &[&str]| words.iter().any(|word| padded.contains(&format!("_{word}_")));
        let why = if says(&WAITING) {
            "What waits: a queue that is longer than before means that work comes faster than it is done."
        } else if says(&FULL) {
            "How full it is: what is fuller than before has less left for a peak."
        } else {
            continue;
        };
        let mut proposal = Proposal::new(draft.name(&[&family.name]), FormKind::Gauge, why);
        proposal.spec.series = Some(family.name.clone());
        proposal.spec.worse = Some(WorseSpec::Up);
        proposal.spec.group_by = view.group_by(family, &[]);
        draft.add(&family.name, proposal);
    }
}

/// Whether a gauge is a moment in time.
pub(super) fn is_stamp(name: &str) -> bool {
    ["_timestamp_seconds", "_timestamp", "_time_seconds", "_created", "_start_time", "_expiry_seconds"]
        .iter()
        .any(|ending| name.ends_with(ending))
}
