//! Things that leak, by the words of their names: what a process holds and ought to give back.

use super::draft::Draft;
use super::view::View;
use crate::documents::signals::{FormKind, WorseSpec};
use crate::signals::proposal::Proposal;
use probes::metrics::catalogue::FamilyKind;

/// Growth over the programme that a watched holder may have.
pub(super) const RISE: &str = "10%";

/// Endings of names of what is held.
const HELD: [&str; 15] = [
    "_memory_bytes",
    "_memory_used_bytes",
    "_heap_bytes",
    "_heap_used_bytes",
    "_rss_bytes",
    "_goroutines",
    "_threads",
    "_open_fds",
    "_open_files",
    "_file_descriptors",
    "_handles",
    "_tasks",
    "_sessions",
    "_entries",
    "_objects",
];

pub(super) fn propose(view: &View<'_>, draft: &mut Draft) {
    for family in view.families() {
        let held = HELD.iter().any(|ending| family.name.ends_with(ending));
        // Without a declared type a name may be a counter; a gauge of it would only ever rise.
        let fits = matches!(family.kind, FamilyKind::Gauge | FamilyKind::Unknown) && held && !is_limit(&family.name);
        if !fits || draft.has(&family.name) {
            continue;
        }
        let why = "What is held and ought to be given back: growth over the programme is a leak.";
        let mut proposal = Proposal::new(draft.name(&[&family.name]), FormKind::Gauge, why);
        proposal.spec.series = Some(family.name.clone());
        proposal.spec.worse = Some(WorseSpec::Up);
        proposal.spec.rise = Some(RISE.to_owned());
        proposal.spec.group_by = view.group_by(family, &[]);
        draft.add(&family.name, proposal);
    }
}

/// Whether a name is that of a limit, which does not move by itself.
pub(super) fn is_limit(name: &str) -> bool {
    ["max", "limit", "capacity", "total_bytes", "quota", "min", "configured", "size_total"]
        .iter()
        .any(|word| name.split('_').any(|part| part == *word) || name.ends_with(word))
}
