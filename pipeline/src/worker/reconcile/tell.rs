//! What every turn tells the gate: the landscape, the tags, what the triggers say about them.

use super::{Known, Worker};
use crate::soak::deployed::Current;
use crate::soak::triggers::{Tag, outlook};
use crate::soak::{Soak, SoakId};
use crate::worker::facts;
use crate::worker::sources::Truth;
use chrono::{DateTime, Utc};
use gate_api::GateStore;
use gate_api::facts::{Changelog, GONE, TagFact};
use gate_api::store::Act;
use std::sync::PoisonError;

impl Worker {
    /// Tells the gate about landscape and tags.
    pub(super) fn tell(&self, truth: &Truth, current: Option<Current<'_>>) -> anyhow::Result<()> {
        let (now, store, gate) = (Utc::now(), &self.installation.store, self.installation.gate.as_ref());
        let product = &truth.landscape.metadata.product;
        self.beat.works_for(product, &truth.landscape.metadata.name);
        facts::put_landscape(gate, &truth.landscape, current, now)?;
        let mut first = store.tags(product)?;
        for seen in &truth.tags {
            let first = match first.remove(&seen.tag.name) {
                Some(first) => first,
                None => store.first_commit(product, &seen.tag.name, &seen.tag.commit)?,
            };
            // Read each time: a soak that ends writes the fact, too, from what it knew when it began.
            let known = gate.tag_fact(product, &seen.tag.name)?;
            if known.as_ref().is_none_or(|t| t.moved_to != facts::moved_to(seen, &first)) {
                let changelog = known.map_or(Changelog::Pending, |t| t.changelog);
                facts::put_tag(gate, product, (seen, &first), changelog, now)?;
            }
        }
        // What is left was seen once. A tag that is still there under another prefix is not gone.
        for name in first.keys().filter(|name| !truth.names.contains(*name)) {
            self.tell_gone(product, name, now)?;
        }
        Ok(())
    }

    fn tell_gone(&self, product: &str, tag: &str, now: DateTime<Utc>) -> anyhow::Result<()> {
        let gate = self.installation.gate.as_ref();
        let known = gate.tag_fact(product, tag)?.filter(|fact| fact.moved_to.as_deref() != Some(GONE));
        if let Some(fact) = known {
            gate.put_tag(&TagFact { moved_to: Some(GONE.to_owned()), ..fact }, Act { by: facts::WORKER, at: now })?;
        }
        Ok(())
    }

    /// Tells the gate what the triggers say. After the wishes: a tag that was just requested is no longer in doubt.
    pub(super) fn tell_outlook(&self, truth: &Truth, driven: Option<&SoakId>) -> anyhow::Result<()> {
        let (now, gate) = (Utc::now(), self.installation.gate.as_ref());
        let lines = self.installation.store.lines(&truth.landscape.metadata.product)?;
        let tags: Vec<Tag> = truth.tags.iter().map(|t| t.tag.clone()).collect();
        let outlook = outlook(&tags, &truth.landscape.staging_triggers, &Known { lines: &lines, driven }, now);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        for (tag, outlook) in outlook {
            let key = (truth.landscape.metadata.name.clone(), tag);
            if told.get(&key) != Some(&outlook) {
                facts::put_schedule(gate, &truth.landscape, &key.1, facts::schedule(&outlook), now)?;
                told.insert(key, outlook);
            }
        }
        Ok(())
    }

    /// Tells the gate where a soak stands that nothing observes.
    pub(super) fn tell_soak(&self, truth: &Truth, soak: &Soak) -> anyhow::Result<()> {
        let cluster = &truth.landscape.clusters[0].name;
        let progress = facts::Progress::default();
        Ok(facts::put_soak(self.installation.gate.as_ref(), soak, cluster, &progress, Utc::now())?)
    }
}
