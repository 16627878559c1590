//! Success: the share of requests, calls or jobs that went well (the E of RED).

use super::draft::Draft;
use super::latency::stem;
use super::pairs::is_failure;
use super::requests::{Requests, base, counter, outcome_of};
use super::view::{Component, MOST_COMPONENTS, View, is_client, is_request, named, protocol};
use crate::documents::signals::{DimensionSpec, FormKind};
use crate::signals::proposal::{Proposal, Rank, selector};
use probes::metrics::catalogue::{Family, FamilyKind};
use std::collections::BTreeSet;

/// One point in a hundred answers: what an hour of a few requests a second can show.
const MARGIN: &str = "1pp";

/// The requests that components answer: what users get, so they ask to decide.
pub(super) fn propose(requests: &[Requests<'_>], draft: &mut Draft) {
    for one in requests {
        let Requests { family, component, .. } = one;
        let Some(proposal) = ratio(draft, family, component, &named(&family.name, "success"), "answers") else {
            continue;
        };
        draft.add(&family.name, if one.watches { proposal } else { proposal.ranked(Rank::Success, MARGIN) });
    }
}

/// Everything else that is counted by outcome: outgoing calls, jobs, messages. It explains.
pub(super) fn propose_beside(view: &View<'_>, draft: &mut Draft) {
    let mut called = BTreeSet::new();
    // Calls have a counter, or the histogram of their durations, which counts them, too.
    let counts = |family: &&Family| family.kind == FamilyKind::Counter || is_client(&family.name);
    let mut families: Vec<&Family> = view.families().filter(counts).collect();
    families.sort_by_key(|family| family.kind != FamilyKind::Counter);
    for family in families {
        // Of failures alone, what went well is no share.
        if draft.has(&family.name) || is_failure(&family.name) {
            continue;
        }
        let components = view.components(family);
        // Tables of known exporters say more of their families than their labels do.
        if components.len() > MOST_COMPONENTS || is_about_answers(&family.name) {
            continue;
        }
        let (what, of) = if is_client(&family.name) { ("calls", "calls") } else { ("success", "events") };
        let stem = stem(family.name.trim_end_matches("_total"));
        for component in components {
            let calls = (component.clone(), protocol(&family.name));
            if is_client(&family.name) && family.kind != FamilyKind::Counter && called.contains(&calls) {
                continue;
            }
            let Some(mut proposal) = ratio(draft, family, &component, &format!("{stem}-{what}"), of) else { continue };
            if is_client(&family.name) {
                proposal.spec.dimension = DimensionSpec::Resilience;
                called.insert(calls);
            }
            draft.add(&family.name, proposal);
        }
    }
}

/// A second counter of the same answers says nothing new.
fn is_about_answers(name: &str) -> bool {
    is_request(name) && !is_client(name)
}

fn ratio(draft: &mut Draft, family: &Family, component: &Component, name: &str, of: &str) -> Option<Proposal> {
    let (counter, outcome) = (counter(family)?, outcome_of(family, component)?);
    let all = base(family, component);
    let why = format!("Share of {of}{} that went well: {}.", component.of(), outcome.told);
    let mut proposal = Proposal::new(draft.name(&[&component.prefix(), name]), FormKind::Ratio, why);
    if !outcome.whole {
        proposal
            .why
            .push("Not every value of that label is understood; look at it before you rely on this.".to_owned());
    }
    proposal.spec.good = Some(selector(&counter, all.iter().cloned().chain(outcome.good)));
    proposal.spec.total = Some(selector(&counter, all));
    proposal.spec.component = component.name();
    proposal.spec.dimension = DimensionSpec::Business;
    proposal.open_objective = Some("0.99");
    Some(proposal)
}
