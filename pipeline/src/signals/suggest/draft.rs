//! The proposal while conventions add to it.

use crate::signals::names::Names;
use crate::signals::proposal::Proposal;
use std::collections::BTreeSet;

/// What is proposed so far, and which families are spoken for.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) proposals: Vec<Proposal>,
    names: Names,
    used: BTreeSet<String>,
}

impl Draft {
    /// A name of these parts that no other signal has.
    pub(super) fn name(&mut self, parts: &[&str]) -> String {
        self.names.take(parts)
    }

    /// Adds a proposal that speaks for a family.
    pub(super) fn add(&mut self, family: &str, proposal: Proposal) {
        self.uses(family);
        self.proposals.push(proposal);
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
