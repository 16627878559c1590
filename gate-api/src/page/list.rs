//! The list of products and tags, and what is under way.

use super::frame::{Refresh, frame};
use super::link::tag_link;
use super::{mark, number, progress};
use crate::decide::decide;
use crate::facts::{Facts, LandscapeFact, SoakFact, TagFact};
use crate::gate::Gate;
use crate::question::Question;
use crate::store::Overview;
use chrono::{DateTime, Utc};
use maud::{Markup, html};

/// The list as of a moment.
pub fn list(overview: &Overview, now: DateTime<Utc>) -> Markup {
    let running: Vec<(&Facts, &SoakFact)> =
        overview.tags.iter().filter_map(|facts| Some((facts, progress::under_way(&facts.soaks)?))).collect();
    let refresh = if running.is_empty() { Refresh::Never } else { Refresh::WhileRunning };
    let body = html! {
        h1 { "Tags" }
        @if !running.is_empty() {
            h2 { "Under way" }
            @for (facts, soak) in &running { (card(facts, soak, now)) }
        }
        @if overview.landscapes.is_empty() {
            p { "Nothing is known yet. A worker that watches a product makes it known: " code { "mettle up --dir DIR" } "." }
        }
        @for landscape in &overview.landscapes { (tags(landscape, overview, now)) }
        @let shown = shown(overview);
        @if overview.tags_known > shown {
            p class="faint" { "The newest " (shown) " of " (overview.tags_known) " tags." }
        }
    };
    frame("Tags", refresh, &body)
}

/// Tags, however many landscapes they are in.
fn shown(overview: &Overview) -> usize {
    let names = overview.tags.iter().filter_map(|facts| facts.tag.as_ref()).map(|tag| (&tag.product, &tag.tag));
    names.collect::<std::collections::BTreeSet<_>>().len()
}

fn card(facts: &Facts, soak: &SoakFact, now: DateTime<Utc>) -> Markup {
    html! {
        section class="card" data-soak=(soak.id) {
            h3 {
                a href=(tag_link(&soak.product, &soak.tag, &soak.landscape)) { (soak.product) " " (soak.tag) }
                " in " (soak.landscape)
            }
            @if let Some(why) = &soak.triggered { p class="faint" { "Soaked because: " (why) } }
            (progress::progress(soak, now))
            @if let Some(last) = facts.verdicts.last() {
                p class="faint" { "Before: " (mark::verdict(last.judgement.verdict)) " " (last.sentence) }
            }
        }
    }
}

fn tags(landscape: &LandscapeFact, overview: &Overview, now: DateTime<Utc>) -> Markup {
    let here = |facts: &&Facts| {
        facts
            .landscape
            .as_ref()
            .is_some_and(|l| (&l.product, &l.landscape) == (&landscape.product, &landscape.landscape))
    };
    let rows: Vec<(&TagFact, &Facts)> =
        overview.tags.iter().filter(here).filter_map(|facts| Some((facts.tag.as_ref()?, facts))).collect();
    html! {
        h2 { (landscape.product) " in " (landscape.landscape) }
        @if rows.is_empty() {
            p { "No tag was seen yet. Push one to the product repository." }
        } @else {
            table {
                thead { tr { th { "Tag" } th { "Release gate" } th { "Verdict" } th { "Score" } th { "When" } } }
                tbody { @for (tag, facts) in rows { (row(tag, landscape, facts, now)) } }
            }
        }
    }
}

fn row(tag: &TagFact, landscape: &LandscapeFact, facts: &Facts, now: DateTime<Utc>) -> Markup {
    let question = Question::new(Gate::Release, &tag.product, &tag.tag, &landscape.landscape);
    let decision = decide(&question, facts, now);
    let last = facts.verdicts.last();
    let when = last.map_or(tag.tagged_at, |record| record.evaluated_at);
    html! {
        tr {
            td data-label="Tag" {
                a href=(tag_link(&tag.product, &tag.tag, &landscape.landscape)) { (tag.tag) }
            }
            td data-label="Release gate" { (mark::status(decision.status)) }
            td data-label="Verdict" { (mark::verdict(last.map_or(decision.verdict, |r| r.judgement.verdict))) }
            td data-label="Score" {
                @match decision.score.or(last.and_then(|r| r.score())) {
                    Some(score) => (number::score(score)),
                    None => span class="faint" { "no score" },
                }
            }
            td data-label="When" {
                @if last.is_none() { span class="faint" { "tagged " } }
                time datetime=(when.to_rfc3339()) { (number::moment(when)) }
            }
        }
    }
}
