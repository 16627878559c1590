//! The counters of answered requests: per component and protocol the one that says most.

use super::outcome::{self, Outcome};
use super::pairs::is_failure;
use super::view::{Component, MOST_COMPONENTS, Usualness, View, is_client, is_request, protocol, usualness};
use crate::signals::proposal::matcher;
use probes::metrics::catalogue::{Family, FamilyKind, Series};
use scorer::signal::{MatchOp, Matcher};
use std::collections::BTreeMap;

/// Requests that one component answers, by one protocol.
#[derive(Clone, Debug)]
pub(super) struct Requests<'a> {
    pub(super) family: &'a Family,
    /// Name of the counter: the family's, or `_count` of a histogram or summary. Metrics servers hand native histograms
    /// over as classic series.
    pub(super) counter: String,
    pub(super) component: Component,
    /// How its answers are told apart.
    pub(super) outcome: Option<Outcome>,
    /// Whether it only watches: its component is an exporter, or is counted by itself as well.
    pub(super) watches: bool,
}

impl Requests<'_> {
    /// What selects all of them.
    pub(super) fn all(&self) -> Vec<Matcher> {
        base(self.family, &self.component)
    }
}

/// What selects the series of a component in a family.
pub(super) fn base(family: &Family, component: &Component) -> Vec<Matcher> {
    let mut all: Vec<Matcher> = component.matcher().into_iter().collect();
    // A mesh counts a request where it leaves and where it arrives: only the latter is the component's.
    let arrives = |one: &&Series| one.labels.get("reporter").is_some_and(|reporter| reporter == "destination");
    if family.series.iter().filter(arrives).any(|one| component.has(one)) {
        all.push(matcher("reporter", MatchOp::Equal, "destination"));
    }
    all
}

/// The name under which a family counts; `None`: it counts nothing.
pub(super) fn counter(family: &Family) -> Option<String> {
    match family.kind {
        FamilyKind::Counter => Some(family.name.clone()),
        FamilyKind::Histogram | FamilyKind::NativeHistogram | FamilyKind::Summary => {
            Some(format!("{}_count", family.name))
        }
        _ => None,
    }
}

/// The outcome as the series of one component show it.
pub(super) fn outcome_of(family: &Family, component: &Component) -> Option<Outcome> {
    // Values that another component has are possible here, too; its labels are not.
    let own = || family.series.iter().filter(|one| component.has(one));
    outcome::of(family, |label| own().any(|one| one.labels.get(label).is_some_and(|value| !value.is_empty())))
}

/// The requests of every component, one for each protocol it answers, in the order of names.
pub(super) fn all<'a>(view: &View<'a>) -> Vec<Requests<'a>> {
    let mut best: BTreeMap<(Component, &str), Requests<'a>> = BTreeMap::new();
    for family in view.families().filter(|f| is_request(&f.name) && !is_client(&f.name) && !is_failure(&f.name)) {
        let Some(counter) = counter(family) else { continue };
        let components = view.components(family);
        if components.len() > MOST_COMPONENTS {
            continue;
        }
        for component in components {
            let outcome = outcome_of(family, &component);
            let watches = view.is_exporter(&component);
            let one = Requests { family, counter: counter.clone(), component: component.clone(), outcome, watches };
            let key = (component, protocol(&family.name));
            if best.get(&key).is_none_or(|known| preference(&one) < preference(known)) {
                best.insert(key, one);
            }
        }
    }
    let own: Vec<(Component, &str)> = best.keys().filter(|(c, _)| c.is_job()).cloned().collect();
    for ((component, protocol), one) in &mut best {
        one.watches |=
            own.iter().any(|(other, of)| of == protocol && component.is_twin_of(other) && !component.is_job());
    }
    let mut all: Vec<Requests<'_>> = best.into_values().collect();
    // Those that decide get the plain names.
    all.sort_by_key(|one| one.watches);
    all
}

/// Smaller is better: what tells good from bad, usual names, counters before histograms, then the name.
fn preference<'a>(requests: &'a Requests<'_>) -> (bool, Usualness, bool, &'a str) {
    let name = requests.family.name.as_str();
    (requests.outcome.is_none(), usualness(name), requests.family.kind != FamilyKind::Counter, name)
}
