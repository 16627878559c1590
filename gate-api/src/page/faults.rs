//! Faults: what was asked for, what was measured, how soon it was over.

use super::{mark, number};
use crate::facts::{PageData, PageFault};
use maud::{Markup, html};

/// Table of the faults; their numbers are those in the charts.
pub(super) fn faults(page: &PageData) -> Markup {
    html! {
        @if !page.faults.is_empty() {
            section id="faults" {
                h2 { "Faults" }
                table {
                    thead { tr { th { "Fault" } th { "When" } th { "Asked for" } th { "Measured" } th { "Recovery" } } }
                    tbody { @for (i, fault) in page.faults.iter().enumerate() { (row(i + 1, fault)) } }
                }
            }
        }
    }
}

fn row(number: usize, fault: &PageFault) -> Markup {
    let asked: Vec<String> = fault.requested.iter().map(|(name, value)| format!("{name} {value}")).collect();
    let measured: Vec<String> = fault.achieved.iter().map(|(name, value)| number::dose(name, *value)).collect();
    html! {
        tr {
            td data-label="Fault" {
                strong { "F" (number) } " " (fault.experiment) " #" (fault.repetition)
                br; span class="faint" { (fault.kind) " on " (fault.target) }
            }
            td data-label="When" {
                @if fault.to_s > fault.from_s {
                    (number::seconds(fault.from_s)) " to " (number::seconds(fault.to_s))
                } @else { "never" }
                br; span class="faint" { (fault.ended) }
            }
            td data-label="Asked for" { @if asked.is_empty() { "–" } @else { (asked.join(", ")) } }
            td data-label="Measured" {
                @if fault.verified { (mark::sign("none", "✓", "verified")) } @else { (mark::sign("open", "!", "not verified")) }
                @if !measured.is_empty() { br; (measured.join(", ")) }
                @if let Some(detail) = &fault.detail { br; span class="faint" { (detail) } }
            }
            td data-label="Recovery" { (recovery(fault)) }
        }
    }
}

fn recovery(fault: &PageFault) -> Markup {
    let limit = fault.recover_within_s;
    let late = fault.recovered_after_s.zip(limit).is_some_and(|(after, limit)| after > limit);
    html! {
        @match (fault.verified, fault.recovered_after_s) {
            (false, _) => "says nothing",
            (true, Some(after)) => {
                @if late { (mark::sign("bad", "✗", "late")) " " }
                "after " (number::seconds(after))
            }
            (true, None) => { "not seen in " (number::seconds(fault.watched_s)) }
        }
        @if let Some(limit) = limit { br; span class="faint" { "limit " (number::seconds(limit)) } }
    }
}
