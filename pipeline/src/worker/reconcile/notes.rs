//! Reads the changelog of tags that no soak has published yet: the gate `stage` wants it before anything is deployed.

use super::super::publish;
use crate::soak::triggers::Tag;
use crate::worker::facts;
use crate::worker::installation::Installation;
use crate::worker::sources::{SeenTag, SourceError, Sources, Truth};
use chrono::Utc;
use gate_api::facts::Changelog;
use gate_api::{SqliteStore, StoreError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// Pause before a changelog that stayed incomplete is read again: a repository that is away may come back.
const PAUSE: Duration = Duration::from_secs(60);

/// The reader. One tag is read at a time, in a task of its own: neither a turn nor a soak waits for a repository.
pub(super) struct Notes {
    sources: Sources,
    gate: Arc<SqliteStore>,
    not_before: BTreeMap<String, Instant>,
    under_way: Option<JoinHandle<()>>,
}

impl Notes {
    pub(super) fn new(installation: &Installation, sources: &Sources) -> Mutex<Self> {
        let (sources, gate) = (sources.clone(), installation.gate.clone());
        Mutex::new(Notes { sources, gate, not_before: BTreeMap::new(), under_way: None })
    }

    /// Begins to read the next changelog, unless one is being read. `current`: the tag that runs; older ones are history.
    pub(super) fn nudge(notes: &Mutex<Self>, truth: &Truth, current: Option<&str>) -> Result<(), StoreError> {
        let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
        if notes.under_way.as_ref().is_some_and(|task| !task.is_finished()) {
            return Ok(());
        }
        let Some(seen) = notes.next(truth, current)?.cloned() else { return Ok(()) };
        notes.not_before.insert(seen.tag.name.clone(), Instant::now() + PAUSE);
        let (sources, gate, truth) = (notes.sources.clone(), notes.gate.clone(), truth.clone());
        notes.under_way = Some(tokio::spawn(async move {
            if let Err(error) = read(&sources, &gate, &truth, &seen).await {
                tracing::warn!("the changelog of {} cannot be read: {error:#}", seen.tag.name);
            }
        }));
        Ok(())
    }

    /// Ends what is being read: it is read again at the next start.
    pub(super) fn end(notes: &Mutex<Self>) {
        let under_way = notes.lock().unwrap_or_else(PoisonError::into_inner).under_way.take();
        under_way.iter().for_each(JoinHandle::abort);
    }

    /// The newest tag whose changelog is not whole, of those that may still replace what runs.
    fn next<'a>(&self, truth: &'a Truth, current: Option<&str>) -> Result<Option<&'a SeenTag>, StoreError> {
        let current = current.and_then(|name| truth.tags.iter().find(|seen| seen.tag.name == name));
        let newer = |tag: &Tag| current.is_none_or(|current| tag.version > current.tag.version);
        for seen in truth.tags.iter().rev().filter(|seen| newer(&seen.tag)) {
            let early = self.not_before.get(&seen.tag.name).is_some_and(|until| Instant::now() < *until);
            let known = self.gate.tag_fact(&truth.landscape.metadata.product, &seen.tag.name)?;
            // What moved is never staged; what the gate does not know yet it is told at the next turn.
            let wanted = known.is_some_and(|fact| fact.moved_to.is_none() && fact.changelog != Changelog::Complete);
            if wanted && !early {
                return Ok(Some(seen));
            }
        }
        Ok(None)
    }
}

async fn read(sources: &Sources, gate: &SqliteStore, truth: &Truth, seen: &SeenTag) -> anyhow::Result<()> {
    let programme = truth.landscape.programme.as_deref();
    let told = match sources.bundle(&seen.tag.commit, programme).await {
        Ok(bundle) => {
            let changelog = publish::changelog(sources, &bundle, &truth.tags, &seen.tag.name, programme).await;
            facts::changelog(&changelog)
        }
        Err(SourceError::Documents(problems)) => {
            Changelog::Incomplete { missing: problems.0.iter().map(ToString::to_string).collect() }
        }
        Err(error) => return Err(error.into()),
    };
    let product = &truth.landscape.metadata.product;
    Ok(facts::put_changelog(gate, product, (seen, &seen.tag.commit), told, Utc::now())?)
}
