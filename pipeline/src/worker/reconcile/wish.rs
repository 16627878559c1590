//! Which soaks a turn requests, supersedes or ends before they begin.

use super::ready::{Observed, waits};
use super::{At, Known, Worker, abort_mark};
use crate::documents::settings::Idle;
use crate::soak::baseline::RUNS;
use crate::soak::deployed::deployed;
use crate::soak::idle::{Past, soak_again};
use crate::soak::record::{Cause, Line, Subject};
use crate::soak::triggers::{Tag, Wish, wishes};
use crate::soak::{Event, Soak, SoakId, step};
use crate::store::{Store, StoreResult};
use crate::worker::sources::Truth;
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// Mark of the last look at the clock triggers.
const CLOCK_MARK: &str = "clock-triggers";

impl Worker {
    /// Requests soaks by trigger, supersedes what waits, and soaks the current tag again while idle.
    pub(super) fn wish(&self, truth: &Truth, lines: &[Arc<Line>], at: At<'_>) -> anyhow::Result<()> {
        let (now, store, driven) = (Utc::now(), &self.installation.store, at.driven());
        let last_check: DateTime<Utc> = store.mark(CLOCK_MARK)?.and_then(|t| t.parse().ok()).unwrap_or(now);
        let first = store.tags(&truth.landscape.metadata.product)?;
        // A tag that moved is never released: nothing is soaked for it, and nothing makes room for it.
        let stands = |tag: &&Tag| first.get(&tag.name).is_none_or(|commit| *commit == tag.commit);
        let tags: Vec<Tag> = truth.tags.iter().map(|t| &t.tag).filter(stands).cloned().collect();
        let triggers = &truth.landscape.staging_triggers;
        let wished = wishes(&tags, triggers, &Known { lines, driven }, last_check, now);
        let nothing_wished = wished.is_empty();
        for wish in wished {
            match wish {
                Wish::Soak { tag, rule } => self.request(truth, &tags, (&tag, Cause::Trigger { rule }))?,
                Wish::Supersede { tag, by } => self.supersede(truth, (&tag, &by), driven)?,
            }
        }
        // After the requests, so that a kill in between asks for them again; never back, whatever the clock does.
        store.set_mark(CLOCK_MARK, &now.max(last_check).to_rfc3339())?;
        // While the next tag waits out the observation of the current one, that one is observed.
        let observed = Observed::of(truth, if matches!(at, At::Nothing) { None } else { deployed(lines) }, now);
        let here = |line: &&Arc<Line>| observed.keeps_back(&line.soak).is_none();
        let lines: Vec<Arc<Line>> = lines.iter().filter(here).cloned().collect();
        let busy = lines.iter().any(|line| !line.soak.ended());
        if nothing_wished && !busy { self.idle(truth, &tags, &lines) } else { Ok(()) }
    }

    fn idle(&self, truth: &Truth, tags: &[Tag], lines: &[Arc<Line>]) -> anyhow::Result<()> {
        match idle_again(&self.installation.store, self.installation.settings.idle, lines)? {
            Some(tag) => self.request(truth, tags, (&tag, Cause::Idle)),
            None => Ok(()),
        }
    }

    fn request(&self, truth: &Truth, tags: &[Tag], (tag, cause): (&str, Cause)) -> anyhow::Result<()> {
        let Some(tag) = tags.iter().find(|t| t.name == tag) else { return Ok(()) };
        let subject = Subject {
            product: truth.landscape.metadata.product.clone(),
            tag: tag.name.clone(),
            commit: tag.commit.clone(),
            landscape: truth.landscape.metadata.name.clone(),
        };
        let soak = self.installation.store.request(subject, cause, Utc::now())?;
        self.tell_soak(truth, &soak)
    }

    fn supersede(&self, truth: &Truth, (tag, by): (&str, &str), driven: Option<&SoakId>) -> anyhow::Result<()> {
        for soak in self.waiting(truth, driven)?.into_iter().filter(|s| s.tag == tag) {
            // What a person asked for is soaked, whatever else waits.
            if !matches!(soak.cause, Cause::Person { .. }) {
                self.end_waiting(truth, soak, Event::Superseded { by: by.to_owned() })?;
            }
        }
        Ok(())
    }

    /// Ends waiting soaks whose end a person asked for.
    pub(super) fn abort_waiting(&self, truth: &Truth, driven: Option<&SoakId>) -> anyhow::Result<()> {
        for soak in self.waiting(truth, driven)? {
            if self.installation.store.mark(&abort_mark(soak.id.as_str()))?.is_some() {
                self.end_waiting(truth, soak, Event::AbortAsked { reason: "a person asked for its end".to_owned() })?;
            }
        }
        Ok(())
    }

    /// Soaks that have not begun, oldest first.
    fn waiting(&self, truth: &Truth, driven: Option<&SoakId>) -> anyhow::Result<Vec<Soak>> {
        let mut open = self.installation.store.open_soaks(&truth.landscape.metadata.name)?;
        open.retain(|soak| waits(soak) && Some(&soak.id) != driven);
        Ok(open)
    }

    /// The turn that comes publishes it: it carries on whatever has begun.
    fn end_waiting(&self, truth: &Truth, mut soak: Soak, event: Event) -> anyhow::Result<()> {
        let before = (soak.state.clone(), soak.token);
        let (state, effects) = step(soak.state.clone(), event);
        if effects.is_empty() {
            return Ok(());
        }
        soak.state = state;
        soak.end(Utc::now());
        if self.installation.store.replace_soak((&before.0, before.1), &soak)? {
            self.tell_soak(truth, &soak)?;
        }
        Ok(())
    }
}

/// The tag that an idle landscape soaks again: the current one, while its soaks fill the baseline or forever.
fn idle_again(store: &Store, mode: Idle, lines: &[Arc<Line>]) -> StoreResult<Option<String>> {
    let Some(current) = lines.iter().map(|line| &line.soak).rfind(|s| !s.superseded()) else { return Ok(None) };
    let mut here = store.runs()?;
    here.retain(|run| run.landscape == current.landscape);
    let own = here.iter().filter(|run| run.tag == current.tag).count();
    // As the judge has it: a tag is the first one while no other tag has runs, whatever else was ever asked for.
    let wanted = if own == here.len() { RUNS } else { 0 };
    let mut past = Vec::new();
    for line in lines.iter().filter(|line| line.soak.tag == current.tag) {
        let asked = store.mark(&abort_mark(line.soak.id.as_str()))?.is_some();
        past.extend(Past::of(line, || asked).map(|end| (end, line.soak.cause.clone())));
    }
    Ok(soak_again(mode, (own, wanted), &past).then(|| current.tag.clone()))
}

#[cfg(test)]
mod tests;
