//! All soaks of the tag.

use super::{mark, number};
use crate::facts::{Facts, SoakFact, SoakState};
use maud::{Markup, html};

/// Soaks of the tag but those that are shown already, newest first.
pub(super) fn history(facts: &Facts, shown: &[&str]) -> Markup {
    let others: Vec<&SoakFact> = facts.soaks.iter().rev().filter(|s| !shown.contains(&s.id.as_str())).collect();
    html! {
        @if !others.is_empty() {
            section id="soaks" {
                h2 { @if shown.is_empty() { "Soaks of this tag" } @else { "Other soaks of this tag" } }
                table {
                    thead { tr { th { "Requested" } th { "Outcome" } th { "Verdict" } th { "Score" } th { "Soak" } } }
                    tbody { @for soak in others { (row(facts, soak)) } }
                }
            }
        }
    }
}

fn row(facts: &Facts, soak: &SoakFact) -> Markup {
    let record = facts.verdict_of(&soak.id);
    html! {
        tr {
            td data-label="Requested" { (number::moment(soak.requested_at)) }
            td data-label="Outcome" {
                (soak.state_name().replace('_', " "))
                @if let SoakState::Ended(ended) = &soak.state {
                    @if let Some(by) = &ended.superseded_by { " by " (by) }
                    @if let Some(detail) = &ended.detail { br; span class="faint" { (detail) } }
                }
            }
            td data-label="Verdict" {
                @match record { Some(r) => (mark::verdict(r.judgement.verdict)), None => span class="faint" { "not judged" } }
            }
            td data-label="Score" {
                @match record.and_then(|r| r.score()) { Some(s) => (number::score(s)), None => span class="faint" { "no score" } }
            }
            td data-label="Soak" { code { (soak.id) } br; span class="faint" { "cluster " (soak.cluster) } }
        }
    }
}
