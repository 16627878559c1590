//! A soak that is under way.

use super::{mark, number};
use crate::facts::{Look, Running, SoakFact, SoakState};
use chrono::{DateTime, Utc};
use maud::{Markup, html};

/// The soak of a tag that is not over, newest first.
pub(super) fn under_way(soaks: &[SoakFact]) -> Option<&SoakFact> {
    soaks.iter().rev().find(|soak| soak.ended().is_none())
}

/// Where it stands.
pub(super) fn progress(soak: &SoakFact, now: DateTime<Utc>) -> Markup {
    match &soak.state {
        SoakState::Running(running) => observed(soak, running, now),
        SoakState::Requested => {
            html! { p { "Requested " (number::between(soak.requested_at, now)) " ago; it waits for the landscape." } }
        }
        SoakState::Scheduled { at } => html! {
            p {
                "It waits for the landscape"
                @match at { Some(at) => { ", planned for " (number::moment(*at)) "." } None => { "." } }
            }
        },
        SoakState::Ended(_) => html! {},
    }
}

fn observed(soak: &SoakFact, running: &Running, now: DateTime<Utc>) -> Markup {
    let share = if running.progress.is_finite() { running.progress.clamp(0.0, 1.0) } else { 0.0 };
    let percent = format!("{:.0} %", (share * 100.0).floor());
    html! {
        p {
            progress max="100" value=(format!("{:.0}", (share * 100.0).floor())) aria-label="share of the evidence" { (percent) }
        }
        dl {
            dt { "Phase" } dd { (running.phase) }
            dt { "Evidence" } dd { (percent) " of what a verdict needs" }
            dt { "Missing" }
            dd { @if running.missing.is_empty() { "nothing more" } @else { (running.missing.join(", ")) } }
            @if let Some(eta) = running.eta {
                dt { "Expected end" } dd { (number::moment(eta)) " (in " (number::between(now, eta)) ")" }
            }
            dt { "Last look" }
            dd { @match &running.look { Some(look) => (seen(look)), None => { "none yet" } } }
            dt { "Last word of the worker" } dd { (number::between(soak.updated_at, now)) " ago" }
        }
    }
}

fn seen(look: &Look) -> Markup {
    let score = look.score.zip(look.score_low).zip(look.score_high).map(|((s, l), h)| number::score([s, l, h]));
    html! {
        "at " (look.samples) " samples: " (mark::verdict(look.verdict))
        @if let Some(score) = score { ", score " (score) }
        " " span class="faint" { "(a verdict comes with the end)" }
    }
}
