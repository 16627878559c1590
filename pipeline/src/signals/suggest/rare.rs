//! Rare events: restarts, crashes, kills. They are counted a sample, since a rate of nearly nothing has no level.

use super::draft::Draft;
use super::view::View;
use crate::documents::signals::{DimensionSpec, FormKind};
use crate::signals::proposal::Proposal;
use probes::metrics::catalogue::FamilyKind;

/// Words of a name that say that something rare and bad happened.
const RARE: [&str; 12] = [
    "restarts",
    "restart",
    "panics",
    "panic",
    "crashes",
    "crash",
    "oom",
    "ooms",
    "deadlocks",
    "evictions",
    "aborts",
    "reconnects",
];

pub(super) fn propose(view: &View<'_>, draft: &mut Draft) {
    for family in view.families().filter(|family| family.kind == FamilyKind::Counter) {
        if draft.has(&family.name) || !is_rare(&family.name) {
            continue;
        }
        let why = "Rare events, counted a sample; in a quiet soak there are none.";
        let name = draft.name(&[family.name.trim_end_matches("_total")]);
        let mut proposal = Proposal::new(name, FormKind::Count, why);
        proposal.spec.series = Some(family.name.clone());
        proposal.spec.dimension = DimensionSpec::Resilience;
        proposal.spec.group_by = view.group_by(family, &[]);
        draft.add(&family.name, proposal);
    }
}

/// Whether a name says that it counts rare events that are bad.
pub(in crate::signals) fn is_rare(name: &str) -> bool {
    name.split('_').any(|word| RARE.contains(&word))
}
