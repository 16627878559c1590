//! Proposes signals from what a place offers.
//!
//! A pure function: the same catalogue gives the same proposal, byte for byte. Each convention has a file; the special
//! ones come first, and a family that one of them used is left alone by those behind it.

mod cost;
mod draft;
mod known;
mod latency;
mod leaks;
mod levels;
mod memory;
mod outcome;
mod pairs;
mod passed_over;
mod rare;
mod requests;
mod scope;
mod success;
mod throughput;
mod view;

use self::draft::Draft;
use self::view::View;
use super::proposal::{Proposal, seat};
use super::write;
use probes::metrics::catalogue::Catalogue;
use scorer::signal::Matcher;

pub(in crate::signals) use self::pairs::is_failure;
pub use self::passed_over::{PassedOver, Reason};
pub(in crate::signals) use self::rare::is_rare;
pub use self::scope::{scope, widened};

/// Proposed signals, and what was looked at and not proposed.
#[derive(Clone, Debug)]
pub struct Suggestion {
    /// In the order of the document.
    pub proposals: Vec<Proposal>,
    /// Names of signals that watch only because there are enough gate signals without them.
    pub standing: Vec<String>,
    /// Families that no signal uses, by reason.
    pub passed_over: Vec<PassedOver>,
    /// Families that were looked at.
    pub families: usize,
    /// Series that were looked at.
    pub series: usize,
    /// Families of which only a part was looked at.
    pub partly: Vec<String>,
    /// What a person should know of the look, for the head of the document; whoever looked fills it in.
    pub remarks: Vec<String>,
}

/// Proposes signals of which at most `gates` decide. `scope` are conditions that every series of the catalogue fulfils,
/// because it was narrowed by them; signals are narrowed alike.
pub fn suggest(catalogue: &Catalogue, scope: &[Matcher], gates: usize) -> Suggestion {
    let view = View::new(catalogue);
    let mut draft = Draft::default();
    let requests = requests::all(&view);
    success::propose(&requests, &mut draft);
    latency::propose(&view, &mut draft);
    memory::propose(&view, &mut draft);
    throughput::propose(&requests, &mut draft);
    cost::propose(&view, &requests, &mut draft);
    success::propose_beside(&view, &mut draft);
    known::propose(&view, &mut draft);
    pairs::propose(&view, &mut draft);
    rare::propose(&view, &mut draft);
    leaks::propose(&view, &mut draft);
    levels::propose(&view, &mut draft);
    latency::propose_beside(&view, &mut draft);
    draft.narrow(scope);
    let passed_over = passed_over::of(catalogue, &view, &draft);
    let mut proposals = draft.into_proposals();
    let standing = seat(&mut proposals, gates);
    let partly = catalogue.families.iter().filter(|f| f.count > f.series.len()).map(|f| f.name.clone()).collect();
    // What decides comes first, by rank; the sort is stable.
    proposals.sort_by_key(|proposal| (!proposal.is_gate(), proposal.rank.filter(|_| proposal.is_gate())));
    let (families, series) = (catalogue.families.len(), catalogue.series());
    Suggestion { proposals, standing, passed_over, families, series, partly, remarks: Vec::new() }
}

impl Suggestion {
    /// The commented document; `places` are what the person named.
    pub fn document(&self, places: &[String]) -> String {
        write::document(&self.head(places), &self.proposals, &self.tail())
    }

    fn head(&self, places: &[String]) -> Vec<String> {
        let mut head = vec![
            format!(
                "Proposed from {} series of {} metric families: {}.",
                self.series,
                self.families,
                places.join(", ")
            ),
            "Read it, take out what does not matter to you, fill in objectives, and keep it as mettle/signals.yaml."
                .to_owned(),
            "Margins are starting points. `mettle power` says which margin a soak of yours can show; one that is too \
             tight is reported as margin_too_tight and never passes by luck."
                .to_owned(),
        ];
        head.extend(self.remarks.iter().cloned());
        if self.proposals.is_empty() {
            head.push("Nothing here is a signal by any convention that is known; the end says why.".to_owned());
        }
        head
    }

    fn tail(&self) -> Vec<String> {
        let mut tail = Vec::new();
        if !self.standing.is_empty() {
            tail.push(format!(
                "Would decide as well, but the score is the worst of all gate signals and there are enough above: {}.",
                shortened(&self.standing)
            ));
        }
        if !self.partly.is_empty() {
            tail.push(format!("Too many series to look at all of them: {}.", shortened(&self.partly)));
        }
        if !self.passed_over.is_empty() {
            tail.push("Looked at and not proposed:".to_owned());
        }
        for PassedOver { reason, families } in &self.passed_over {
            tail.push(format!("- {} {}: {}", families.len(), reason.sentence(), shortened(families)));
        }
        tail
    }
}

/// The first few names and how many more there are.
fn shortened(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
