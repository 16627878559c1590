//! Error counters: per event where a total can be paired with them, a second otherwise.
//!
//! A share needs counters of good and of all events; good is not a counter here, so failures are counted for each event
//! of the total, which is the same number.

use super::draft::Draft;
use super::view::View;
use crate::documents::signals::{DimensionSpec, FormKind, WorseSpec};
use crate::signals::proposal::Proposal;
use probes::metrics::catalogue::{Family, FamilyKind};

/// Words of a name that say that something failed.
const FAILED: [&str; 12] = [
    "errors",
    "error",
    "failed",
    "failures",
    "failure",
    "fails",
    "exceptions",
    "timeouts",
    "rejected",
    "dropped",
    "discarded",
    "faults",
];

pub(super) fn propose(view: &View<'_>, draft: &mut Draft) {
    for family in view.families().filter(|family| family.kind == FamilyKind::Counter) {
        if draft.has(&family.name) || !is_failure(&family.name) {
            continue;
        }
        let groups = view.group_by(family, &[]);
        let total = total_of(view, family);
        // Both sides need the labels that they are paired by.
        let paired = |other: &Family| groups.iter().all(|label| other.labels().contains(label.as_str()));
        let why = match &total {
            Some((total, other)) if paired(other) => format!("Failures for each of {total}."),
            Some((total, _)) => {
                format!(
                    "Failures a second; {total} has not the labels that they are grouped by: {}.",
                    groups.join(", ")
                )
            }
            None => "Failures a second; no counter of all events has a name that fits.".to_owned(),
        };
        let name = draft.name(&[family.name.trim_end_matches("_total")]);
        let mut proposal = Proposal::new(name, FormKind::Rate, why);
        proposal.spec.series = Some(family.name.clone());
        proposal.spec.worse = Some(WorseSpec::Up);
        proposal.spec.dimension = DimensionSpec::Resilience;
        if let Some((total, other)) = total.filter(|(_, other)| paired(other)) {
            draft.uses(&other.name);
            proposal.spec.per = Some(total);
            proposal.open_objective = Some("0.01");
        }
        proposal.spec.group_by = groups;
        draft.add(&family.name, proposal);
    }
}

/// Whether a name says that it counts failures.
pub(in crate::signals) fn is_failure(name: &str) -> bool {
    name.split('_').any(|word| FAILED.contains(&word))
}

/// The counter of all events of which a family counts the failed ones: `jobs_total` of `jobs_failed_total`,
/// `http_requests_total` of `http_request_errors_total`.
fn total_of<'a>(view: &View<'a>, family: &Family) -> Option<(String, &'a Family)> {
    let words: Vec<&str> = family.name.trim_end_matches("_total").split('_').filter(|w| !FAILED.contains(w)).collect();
    let stem = words.join("_");
    if stem.is_empty() {
        return None;
    }
    let endings = ["_total", "s_total", "_requests_total", "_operations_total", "_attempts_total", "_processed_total"];
    let counters = endings.iter().map(|ending| format!("{stem}{ending}")).chain([stem.clone()]);
    let counter = counters.filter_map(|name| view.family(&name).map(|family| (name, family)));
    let other = |(_, found): &(String, &Family)| found.kind == FamilyKind::Counter && found.name != family.name;
    counter.into_iter().find(other).or_else(|| {
        let mut timed = ["", "_duration_seconds", "_seconds", "_latency_seconds"].iter();
        let family = timed.find_map(|part| view.family(&format!("{stem}{part}")))?;
        let counts = matches!(family.kind, FamilyKind::Histogram | FamilyKind::NativeHistogram | FamilyKind::Summary);
        counts.then(|| (format!("{}_count", family.name), family))
    })
}
