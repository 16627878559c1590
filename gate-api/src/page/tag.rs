//! The page of one tag in one landscape.

use super::frame::{Refresh, frame};
use super::link::tag_link;
use super::{chart, evidence, faults, gates, history, mark, metrics, number, progress, reasons, scores};
use crate::decide::{Decision, decide};
use crate::facts::{Facts, LandscapeFact, PageData, TagFact, VerdictRecord};
use crate::gate::Gate;
use crate::question::Question;
use chrono::{DateTime, Utc};
use maud::{Markup, html};
use scorer::verdict::Basis;

/// A tag in a landscape as of a moment, decided.
pub struct TagView<'a> {
    facts: &'a Facts,
    tag: &'a TagFact,
    landscape: &'a LandscapeFact,
    release: Decision,
    stage: Decision,
    now: DateTime<Utc>,
}

impl<'a> TagView<'a> {
    /// `None`: the tag or the landscape is not known.
    pub fn of(facts: &'a Facts, now: DateTime<Utc>) -> Option<Self> {
        let (tag, landscape) = (facts.tag.as_ref()?, facts.landscape.as_ref()?);
        let ask = |gate| decide(&Question::new(gate, &tag.product, &tag.tag, &landscape.landscape), facts, now);
        Some(TagView { facts, tag, landscape, release: ask(Gate::Release), stage: ask(Gate::Stage), now })
    }

    /// The verdict that is shown: that of the soak that decided, or the last one.
    pub fn record(&self) -> Option<&'a VerdictRecord> {
        let decided = self.release.soak.as_deref().and_then(|soak| self.facts.verdict_of(soak));
        decided.or(self.facts.verdicts.last())
    }
}

/// The page. `page` belongs to the soak of [`TagView::record`]; `landscapes` are all that the product has.
pub fn tag(view: &TagView<'_>, page: Option<&PageData>, landscapes: &[&str]) -> Markup {
    let (tag, record) = (view.tag, view.record());
    let running = progress::under_way(&view.facts.soaks);
    let shown: Vec<&str> = record.map(|r| r.soak.as_str()).into_iter().chain(running.map(|s| s.id.as_str())).collect();
    let refresh = if running.is_some() { Refresh::WhileRunning } else { Refresh::Never };
    let body = html! {
        h1 { (tag.product) " " (tag.tag) " in " (view.landscape.landscape) }
        (sentence(view))
        (elsewhere(view, landscapes))
        @if let Some(soak) = running {
            section id="progress" class="card" { h2 { "Soak under way" } (progress::progress(soak, view.now)) }
        }
        (gates::gates(&[(Gate::Release, &view.release), (Gate::Stage, &view.stage)]))
        @if let Some(record) = record {
            (reasons::reasons(&record.judgement.reasons))
            (scores::scores(&record.judgement, record.score(), view.landscape.policy.kpi))
            @if let Some(page) = page { (chart::charts(page, &record.judgement, view.landscape.policy.kpi)) }
            (metrics::watched(&record.judgement))
            @if let Some(page) = page { (faults::faults(page)) }
            (evidence::evidence(record, page))
        }
        (history::history(view.facts, &shown))
        @if let Some(note) = page.and_then(|p| p.note.as_ref()).or(tag.note.as_ref()) {
            section id="note" { h2 { "Release note" } details { summary { "Markdown" } pre { (note) } } }
        }
    };
    let word = record.map_or("no verdict", |r| mark::verdict_word(r.judgement.verdict));
    let title = format!("{word}: {} {} in {}", tag.product, tag.tag, view.landscape.landscape);
    frame(&title, refresh, &body)
}

/// The verdict first: sign, sentence, score.
fn sentence(view: &TagView<'_>) -> Markup {
    let record = view.record();
    let verdict = record.map_or(view.release.verdict, |r| r.judgement.verdict);
    let text = record.map_or(view.release.summary.as_str(), |r| r.sentence.as_str());
    html! {
        section id="verdict" class={ "verdict " (mark::verdict_class(verdict)) } {
            p class="big" { (mark::verdict(verdict)) " " (text) }
            @if let Some(record) = record {
                p {
                    @match (record.score(), record.judgement.basis) {
                        (Some(score), _) => {
                            "Score " strong { (number::score(score)) } " of 100, needs " (format!("{:.0}", view.landscape.policy.kpi))
                        }
                        (None, Basis::Objectives) => "No score: judged by its objectives, there was no earlier tag to compare with",
                        (None, Basis::Baseline) => "No score: nothing could be compared",
                    }
                    span class="faint" { " · judged " (number::moment(record.evaluated_at)) }
                }
            }
        }
    }
}

/// Links to the other landscapes of the product.
fn elsewhere(view: &TagView<'_>, landscapes: &[&str]) -> Markup {
    let others: Vec<&&str> = landscapes.iter().filter(|name| **name != view.landscape.landscape).collect();
    html! {
        @if !others.is_empty() {
            p class="faint" {
                "Also in: "
                @for (i, name) in others.iter().enumerate() {
                    @if i > 0 { ", " }
                    a href=(tag_link(&view.tag.product, &view.tag.tag, name)) { (name) }
                }
            }
        }
    }
}
