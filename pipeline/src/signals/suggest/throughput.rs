//! Throughput: answered requests a second (the R of RED). Under the load of a programme fewer answers mean that work is
//! refused or lost.

use super::draft::Draft;
use super::requests::Requests;
use super::view::named;
use crate::documents::signals::{FormKind, WorseSpec};
use crate::signals::proposal::{Proposal, Rank, selector};

/// The load of soaks that are compared is the same within some percent.
const MARGIN: &str = "5%";

pub(super) fn propose(requests: &[Requests<'_>], draft: &mut Draft) {
    for one in requests {
        let of = one.component.of();
        let why = format!("Answers a second{of}; with the same load, fewer are work that was not done.");
        let name = draft.name(&[&one.component.prefix(), &named(&one.family.name, "throughput")]);
        let mut proposal = Proposal::new(name, FormKind::Rate, why);
        proposal.spec.series = Some(selector(&one.counter, one.all()));
        proposal.spec.worse = Some(WorseSpec::Down);
        proposal.spec.component = one.component.name();
        draft.add(&one.family.name, if one.watches { proposal } else { proposal.ranked(Rank::Throughput, MARGIN) });
    }
}
