//! What an import found: where, under which name, and what became of it.

use crate::signals::names::Names;
use crate::signals::proposal::Proposal;
use std::collections::BTreeSet;
use std::fmt;

/// An indicator in a file, before it is known what it means.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) file: String,
    pub(super) line: usize,
    /// As the file calls it.
    pub(super) rule: String,
    /// Name that its signal gets.
    pub(super) name: String,
    pub(super) component: Option<String>,
    /// Share of good events that is promised.
    pub(super) objective: Option<f64>,
}

impl Found {
    /// First line of the explanation.
    pub(super) fn title(&self) -> String {
        format!("Imported: {} of {}:{}.", self.rule, self.file, self.line)
    }
}

/// Something that has no signal.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Refused {
    /// File as the person named it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// As the file calls it.
    pub rule: String,
    /// Why not.
    pub reason: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}  {}  {}", self.file, self.line, self.rule, self.reason)
    }
}

/// What became of all files.
#[derive(Debug, Default)]
pub struct Imported {
    /// Signals, in the order of the files.
    pub proposals: Vec<Proposal>,
    /// What has no signal, in the order of the files.
    pub refused: Vec<Refused>,
    names: Names,
    /// Files that a signal came from.
    fruitful: BTreeSet<String>,
}

impl Imported {
    /// Takes what an indicator came to. The same signal again, as rules of other windows have it, is one.
    pub(super) fn take(&mut self, found: &Found, became: Result<Proposal, String>) {
        let mut proposal = match became {
            Ok(proposal) => proposal,
            Err(reason) => return self.refuse(found, reason),
        };
        self.fruitful.insert(found.file.clone());
        if let Some(known) = self.proposals.iter_mut().find(|known| same(known, &proposal)) {
            known.why.push(format!("{} ({}:{}) says the same.", found.rule, found.file, found.line));
            return;
        }
        proposal.spec.name = self.names.take(&[&found.name]);
        self.proposals.push(proposal);
    }

    /// Whether a signal came from a file.
    pub fn gave(&self, file: &str) -> bool {
        self.fruitful.contains(file)
    }

    pub(super) fn refuse(&mut self, found: &Found, reason: impl Into<String>) {
        let Found { file, line, rule, .. } = found.clone();
        self.refused.push(Refused { file, line, rule, reason: reason.into() });
    }
}

/// Whether two proposals judge the same by the same objective.
fn same(a: &Proposal, b: &Proposal) -> bool {
    let (a, b) = (&a.spec, &b.spec);
    a.kind == b.kind
        && a.objective == b.objective
        && (&a.good, &a.total, &a.buckets, &a.series, &a.per) == (&b.good, &b.total, &b.buckets, &b.series, &b.per)
        && (a.threshold, &a.group_by) == (b.threshold, &b.group_by)
}

/// A component by the name that a service has elsewhere.
pub(super) fn component(service: &str) -> Option<String> {
    let short = service.rsplit('/').next().filter(|short| !short.is_empty()).unwrap_or(service);
    (!short.is_empty()).then(|| short.to_owned())
}
