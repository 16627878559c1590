//! Reasons, weightiest first.

use super::mark;
use crate::decide::dimension_word;
use maud::{Markup, html};
use scorer::verdict::{Reason, ReasonSeverity};

/// Reasons of a judgement in its order.
pub(super) fn reasons(reasons: &[Reason]) -> Markup {
    html! {
        section id="reasons" {
            h2 { "Reasons, weightiest first" }
            @if reasons.is_empty() {
                p { "The judgement gives none." }
            } @else {
                ol class="reasons" { @for reason in reasons { li { (one(reason)) } } }
            }
        }
    }
}

fn one(reason: &Reason) -> Markup {
    let (class, symbol, word) = match reason.severity {
        ReasonSeverity::Error => ("bad", "✗", "decides"),
        ReasonSeverity::Warn => ("open", "!", "warns"),
        ReasonSeverity::Info => ("none", "i", "for information"),
    };
    let mut about: Vec<String> = Vec::new();
    about.extend(reason.component.iter().map(|component| format!("component {component}")));
    about.extend(reason.dimension.iter().map(|d| dimension_word(*d).to_owned()));
    if !reason.observed.is_empty() {
        about.push(format!("seen {}", reason.observed));
    }
    if !reason.wanted.is_empty() {
        about.push(format!("wanted {}", reason.wanted));
    }
    html! {
        (mark::sign(class, symbol, word)) " " (reason.text)
        small { (about.join(" · ")) @if !about.is_empty() { " · " } code { (reason.code) } }
    }
}
