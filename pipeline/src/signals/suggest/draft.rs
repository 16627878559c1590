//! The proposal while conventions add to it.

use super::scope;
use crate::signals::names::Names;
use crate::signals::proposal::Proposal;
use scorer::signal::Matcher;
use std::collections::BTreeSet;

/// What is proposed so far, and which families are spoken for.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// Each with the family that it speaks for.
    proposals: Vec<(String, Proposal)>,
    names: Names,
    used: BTreeSet<String>,
    /// Families with a proposal that cannot be written.
    unwritten: BTreeSet<String>,
}

impl Draft {
    /// A name of these parts that no other signal has.
    pub(super) fn name(&mut self, parts: &[&str]) -> String {
        self.names.take(parts)
    }

    /// Adds a proposal that speaks for a family.
    pub(super) fn add(&mut self, family: &str, proposal: Proposal) {
        self.uses(family);
        self.proposals.push((family.to_owned(), proposal));
    }

    /// Adds conditions to every proposal; those that no selector can say are dropped.
    pub(super) fn narrow(&mut self, scope: &[Matcher]) {
        let unwritten = &mut self.unwritten;
        self.proposals.retain_mut(|(family, proposal)| {
            let written = scope::narrow(proposal, scope);
            if !written {
                unwritten.insert(family.clone());
            }
            written
        });
    }

    /// Whether a proposal of a family was dropped, because no selector can say it.
    pub(super) fn is_unwritten(&self, family: &str) -> bool {
        self.unwritten.contains(family)
    }

    /// What is proposed.
    pub(super) fn into_proposals(self) -> Vec<Proposal> {
        self.proposals.into_iter().map(|(_, proposal)| proposal).collect()
    }

    /// A family is part of a proposal.
    pub(super) fn uses(&mut self, family: &str) {
        self.used.insert(family.to_owned());
    }

    /// Whether a proposal speaks for a family.
    pub(super) fn has(&self, family: &str) -> bool {
        self.used.contains(family)
    }
}
