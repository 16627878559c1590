//! Reads the changelogs of tags that no soak has published yet: the gate `stage` wants one before anything is deployed.

use super::super::publish;
use crate::soak::triggers::Tag;
use crate::worker::facts;
use crate::worker::installation::Installation;
use crate::worker::sources::{SeenTag, SourceError, Sources, Truth};
use chrono::Utc;
use gate_api::facts::Changelog;
use gate_api::{SqliteStore, StoreError};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// Pause before a changelog that stayed incomplete is read again: a repository that is away may come back. It doubles
/// with every try.
const PAUSE: Duration = Duration::from_secs(60);
/// Longest pause: documents of a commit do not change, and what is away for an hour is away.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// The reader. One tag is read at a time, in a task of its own: no turn waits for a repository.
pub(super) struct Notes {
    reader: Reader,
    under_way: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Clone)]
struct Reader {
    sources: Sources,
    gate: Arc<SqliteStore>,
    memory: Arc<Mutex<Memory>>,
}

#[derive(Default)]
struct Memory {
    whole: BTreeSet<String>,
    tried: BTreeMap<String, Tried>,
}

#[derive(Clone, Copy)]
struct Tried {
    times: u32,
    not_before: Instant,
}

/// Which tags are read.
#[derive(Clone, Copy)]
pub(super) enum Tags<'a> {
    /// While a soak is observed: what may replace this tag, and nothing that can wait.
    After(Option<&'a str>),
    /// All.
    All,
}

impl Memory {
    /// Tags that may be read now: those that were tried least often first, of those the newest.
    fn due<'a>(&self, tags: impl Iterator<Item = &'a SeenTag>, now: Instant) -> Vec<&'a SeenTag> {
        let tried = |seen: &SeenTag| self.tried.get(&seen.tag.name);
        let open = |seen: &&SeenTag| !self.whole.contains(&seen.tag.name);
        let rested = |seen: &&SeenTag| tried(seen).is_none_or(|tried| tried.not_before <= now);
        let mut due: Vec<&SeenTag> = tags.filter(open).filter(rested).collect();
        due.sort_by_key(|seen| (tried(seen).map_or(0, |tried| tried.times), Reverse(seen.tagged_at)));
        due
    }

    fn was_read(&mut self, tag: String, now: Instant) {
        let times = self.tried.get(&tag).map_or(0, |tried| tried.times);
        let pause = PAUSE.saturating_mul(1_u32.checked_shl(times).unwrap_or(u32::MAX)).min(LONGEST_PAUSE);
        self.tried.insert(tag, Tried { times: times + 1, not_before: now + pause });
    }
}

impl Notes {
    pub(super) fn new(installation: &Installation, sources: &Sources) -> Self {
        let (sources, gate) = (sources.clone(), installation.gate.clone());
        Notes { reader: Reader { sources, gate, memory: Arc::default() }, under_way: Mutex::default() }
    }

    /// Begins to read the next changelog, unless one is being read.
    pub(super) fn nudge(&self, truth: &Truth, asked: Tags<'_>) -> Result<(), StoreError> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if under_way.as_ref().is_none_or(JoinHandle::is_finished)
            && let Some(seen) = self.reader.next(truth, asked)?
        {
            *under_way = Some(tokio::spawn(self.reader.clone().read(truth.clone(), seen.clone())));
        }
        Ok(())
    }

    /// Ends what is being read: it is read again at the next start.
    pub(super) async fn end(&self) {
        let under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = under_way {
            task.abort();
            // It was aborted, or has ended before.
            let _ = task.await;
        }
    }
}

impl Drop for Notes {
    fn drop(&mut self) {
        let under_way = self.under_way.get_mut().unwrap_or_else(PoisonError::into_inner);
        under_way.iter().for_each(JoinHandle::abort);
    }
}

impl Reader {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tag that is read next.
    fn next<'a>(&self, truth: &'a Truth, asked: Tags<'_>) -> Result<Option<&'a SeenTag>, StoreError> {
        let mut memory = self.memory();
        let current = match asked {
            Tags::After(current) => current.and_then(|name| truth.tags.iter().find(|seen| seen.tag.name == name)),
            Tags::All => None,
        };
        let newer = |tag: &Tag| current.is_none_or(|current| tag.version > current.tag.version);
        let open = memory.due(truth.tags.iter().filter(|seen| newer(&seen.tag)), Instant::now());
        for seen in open {
            match self.gate.tag_fact(&truth.landscape.metadata.product, &seen.tag.name)? {
                Some(fact) if fact.changelog == Changelog::Complete => {
                    memory.whole.insert(seen.tag.name.clone());
                }
                // What moved is never staged.
                Some(fact) if fact.moved_to.is_none() => return Ok(Some(seen)),
                // What the gate does not know yet it is told at the next turn.
                Some(_) | None => {}
            }
        }
        Ok(None)
    }

    async fn read(self, truth: Truth, seen: SeenTag) {
        // Who comes in a hurry is soon done; it is no try.
        let Some(told) = self.sources.mirrors.unhurried(self.told(&truth, &seen)).await else { return };
        let written = told.and_then(|changelog| {
            let product = &truth.landscape.metadata.product;
            Ok(facts::put_changelog(&self.gate, product, (&seen, &seen.tag.commit), changelog, Utc::now())?)
        });
        if let Err(error) = written {
            tracing::warn!("the changelog of {} is not read: {error:#}", seen.tag.name);
        }
        self.memory().was_read(seen.tag.name, Instant::now());
    }

    async fn told(&self, truth: &Truth, seen: &SeenTag) -> anyhow::Result<Changelog> {
        let programme = truth.landscape.programme.as_deref();
        match self.sources.bundle(&seen.tag.commit, programme).await {
            Ok(bundle) => {
                let read = publish::changelog(&self.sources, &bundle, &truth.tags, &seen.tag.name, programme);
                Ok(facts::changelog(&read.await))
            }
            Err(SourceError::Documents(problems)) => {
                Ok(Changelog::Incomplete { missing: problems.0.iter().map(ToString::to_string).collect() })
            }
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, TimeDelta};

    fn seen(name: &str, day: i64) -> SeenTag {
        let version = name.trim_start_matches('v').parse().expect("a version");
        let tag = Tag { name: name.to_owned(), version, commit: "c".into() };
        SeenTag { tag, tagged_at: DateTime::UNIX_EPOCH + TimeDelta::days(day) }
    }

    #[test]
    fn no_tag_starves_and_the_pauses_grow() {
        let tags = [seen("v1.0.0", 1), seen("v1.1.0", 2), seen("v1.0.1", 3)];
        let (mut memory, start) = (Memory::default(), Instant::now());
        let names = |memory: &Memory, s: u64| -> Vec<String> {
            let due = memory.due(tags.iter(), start + Duration::from_secs(s));
            due.iter().map(|seen| seen.tag.name.clone()).collect()
        };
        assert_eq!(names(&memory, 0), ["v1.0.1", "v1.1.0", "v1.0.0"], "also an older line that was tagged last");
        memory.was_read("v1.0.1".into(), start);
        assert_eq!(names(&memory, 59), ["v1.1.0", "v1.0.0"]);
        assert_eq!(names(&memory, 60), ["v1.1.0", "v1.0.0", "v1.0.1"], "those that were never read come first");
        memory.was_read("v1.0.1".into(), start);
        assert!(!names(&memory, 119).contains(&"v1.0.1".into()) && names(&memory, 120).contains(&"v1.0.1".into()));
        (0..40).for_each(|_| memory.was_read("v1.0.1".into(), start));
        assert!(!names(&memory, 3599).contains(&"v1.0.1".into()) && names(&memory, 3600).contains(&"v1.0.1".into()));
        memory.whole.insert("v1.1.0".into());
        assert_eq!(names(&memory, 0), ["v1.0.0"]);
    }
}
