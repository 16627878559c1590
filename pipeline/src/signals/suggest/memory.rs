//! Memory of a component: its level and how much it grows over the programme. A leak is what a soak is for.

use super::draft::Draft;
use super::view::{Component, MOST_COMPONENTS, View, is_fulfilled};
use crate::documents::signals::{FormKind, WorseSpec};
use crate::signals::proposal::{Proposal, Rank, matcher, selector};
use scorer::signal::{MatchOp, Matcher};
use std::collections::BTreeSet;

/// Level and growth that are small beside what a leak makes in hours, and large beside what allocators do.
const MARGIN: &str = "10%";
const RISE: &str = "5%";

/// A condition beside the component's own.
type Condition = Option<(&'static str, MatchOp, &'static str)>;

/// What tells the memory of a component, the whole process before parts of it.
const MEMORY: [(&str, Condition, &str); 6] = [
    ("process_resident_memory_bytes", None, "Resident memory"),
    ("process_memory_usage_bytes", None, "Resident memory"),
    ("container_memory_working_set_bytes", Some(("container", MatchOp::NotEqual, "")), "Working set of the container"),
    ("jvm_memory_used_bytes", Some(("area", MatchOp::Equal, "heap")), "Used heap"),
    ("nodejs_heap_size_used_bytes", None, "Used heap"),
    ("go_memstats_heap_inuse_bytes", None, "Heap in use"),
];

pub(super) fn propose(view: &View<'_>, draft: &mut Draft) {
    let mut told: BTreeSet<Component> = BTreeSet::new();
    for (name, only, what) in MEMORY {
        let Some(family) = view.family(name) else { continue };
        let components = view.components(family);
        if components.len() > MOST_COMPONENTS {
            continue;
        }
        for component in components {
            let conditions = conditions(&component, only);
            let excluded = component.label.as_ref().is_some_and(|(label, value)| {
                view.is_exporter(&component) || (label == "container" && ["", "POD"].contains(&value.as_str()))
            });
            // What the process says of itself comes first; what its container says is the same memory and more.
            // Something else than the process may have the same name and no series that is meant here.
            let there = is_fulfilled(family, &conditions);
            if excluded
                || !there
                || told.iter().any(|other| component.is_twin_of(other))
                || !told.insert(component.clone())
            {
                continue;
            }
            let proposal = memory(draft, selector(name, conditions), what, &component);
            draft.add(&family.name, proposal);
        }
    }
}

/// What selects the series of a component.
fn conditions(component: &Component, only: Condition) -> Vec<Matcher> {
    let own = component.matcher();
    // A condition on the label that already names the component would say nothing.
    let only = only.filter(|(label, ..)| own.as_ref().is_none_or(|own| own.label != *label));
    own.into_iter().chain(only.map(|(label, op, value)| matcher(label, op, value))).collect()
}

fn memory(draft: &mut Draft, series: String, what: &str, component: &Component) -> Proposal {
    let why = format!("{what}{}: more than before, or growing over the programme, is a leak.", component.of());
    let name = draft.name(&[&component.prefix(), "memory"]);
    let mut proposal = Proposal::new(name, FormKind::Gauge, why);
    proposal.spec.series = Some(series);
    proposal.spec.worse = Some(WorseSpec::Up);
    proposal.spec.rise = Some(RISE.to_owned());
    proposal.spec.component = component.name();
    proposal.ranked(Rank::Memory, MARGIN)
}
