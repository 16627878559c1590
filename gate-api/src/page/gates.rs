//! What the gates say now.

use super::{mark, number};
use crate::decide::{Decision, Status, duration_text};
use crate::gate::Gate;
use maud::{Markup, html};

/// One row a gate: status, why, until when, when to ask again.
pub(super) fn gates(decisions: &[(Gate, &Decision)]) -> Markup {
    html! {
        section id="gates" {
            h2 { "What the gates say now" }
            table {
                thead { tr { th { "Gate" } th { "Status" } th { "Because" } th { "Valid" } } }
                tbody {
                    @for (gate, decision) in decisions {
                        tr {
                            td data-label="Gate" { (gate.name()) }
                            td data-label="Status" { (mark::status(decision.status)) }
                            td data-label="Because" {
                                (decision.summary)
                                @if !decision.missing.is_empty() {
                                    br; span class="faint" { "missing: " (decision.missing.join(", ")) }
                                }
                            }
                            td data-label="Valid" { (valid(decision)) }
                        }
                    }
                }
            }
        }
    }
}

fn valid(decision: &Decision) -> String {
    match (decision.status, decision.valid_until) {
        (Status::Allow, Some(until)) => format!("until {}", number::moment(until)),
        (Status::Allow, None) => "now".to_owned(),
        (Status::Wait, _) => format!("ask again in {}", duration_text(decision.retry_after_s)),
        (Status::Deny | Status::Expired, _) => "until there is new evidence".to_owned(),
        (Status::Error, _) => "ask again when the gate is well".to_owned(),
    }
}
