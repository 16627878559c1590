//! The worker's loop: read the truth, wish soaks, run one at a time, send what waits.

mod person;

pub use person::{AskError, Asked, ask};

use super::drive::{Drive, last_verdict};
use super::facts;
use super::faults::UNDONE;
use super::installation::{Installation, Lock};
use super::publish;
use super::sources::{Sources, Truth};
use super::supervise::supervise;
use super::view::{Notice, View};
use crate::landscape::local::Local;
use crate::landscape::residual;
use crate::soak::baseline::RUNS;
use crate::soak::machine::State;
use crate::soak::record::{Cause, Subject};
use crate::soak::triggers::{History, Tag, Wish, scheduled, soak_again, wishes};
use crate::soak::{Event, Soak, step};
use anyhow::Context as _;
use chrono::{DateTime, Utc};
use gate_api::facts::Changelog;
use scorer::verdict::Verdict;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Time between two looks at the repositories.
const TURN: Duration = Duration::from_secs(1);
/// Mark of the last look at the clock triggers.
const CLOCK_MARK: &str = "clock-triggers";

/// A worker of one installation.
pub struct Worker {
    installation: Installation,
    sources: Sources,
    view: View,
    mettle: PathBuf,
    local: Option<(String, Arc<Local>)>,
    last_error: String,
    _lock: Lock,
}

struct Known<'a>(&'a [Soak]);

impl History for Known<'_> {
    fn requested(&self, tag: &str) -> bool {
        self.0.iter().any(|s| s.tag == tag)
    }
    fn waiting(&self, tag: &str) -> bool {
        // What a person asked for is soaked, whatever else waits.
        let by_rule = |s: &&Soak| !matches!(s.cause, Cause::Person { .. });
        self.0.iter().filter(by_rule).any(|s| s.tag == tag && s.state == State::Requested)
    }
}

impl Worker {
    /// A worker; clears what an earlier one left behind. `mettle` is this binary, which is also the reaper.
    ///
    /// # Errors
    /// Another worker has the folder, or what is left cannot be cleared.
    pub async fn open(installation: Installation, view: View, mettle: PathBuf) -> anyhow::Result<Self> {
        let lock = installation.lock()?;
        let mark = installation.mark();
        let left = tokio::task::spawn_blocking(move || residual::clear(&mark))
            .await?
            .context("cannot clear what an earlier worker left")?;
        if !left.is_empty() {
            view.show(&Notice::Says(format!("cleared {} processes that an earlier worker left", left.len())));
        }
        // Every fault of the local backend is an entry of a proxy of the process that injected it: it ended with it.
        for (id, body) in installation.store.faults_not(UNDONE)? {
            installation.store.put_fault(&id, UNDONE, &body, Utc::now())?;
        }
        let sources = Sources::open(&installation).await?;
        Ok(Worker { installation, sources, view, mettle, local: None, last_error: String::new(), _lock: lock })
    }

    /// Works until `stop`: then the running soak is aborted, its faults undone, and everything is ended.
    ///
    /// # Errors
    /// The store failed.
    pub async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut turn = tokio::time::interval(TURN);
        turn.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let result = loop {
            tokio::select! {
                () = stop.cancelled() => break Ok(()),
                _ = turn.tick() => if let Err(error) = self.turn(&stop).await { break Err(error) },
            }
        };
        self.send_waiting().await;
        if let Some((_, local)) = &self.local {
            local.shutdown().await;
        }
        result
    }

    /// One turn. Remotes that cannot be reached and documents that cannot be read are told and tried again.
    async fn turn(&mut self, stop: &CancellationToken) -> anyhow::Result<()> {
        let truth = match self.sources.read().await {
            Ok(truth) => truth,
            Err(error) => {
                self.complain(format!("{:#}", anyhow::Error::from(error)));
                return Ok(());
            }
        };
        self.last_error.clear();
        let product = truth.landscape.metadata.product.clone();
        let soaks = self.installation.store.soaks(&product)?;
        self.tell(&truth, &soaks)?;
        self.wish(&truth, &soaks)?;
        let open = self.installation.store.open_soaks(&truth.landscape.metadata.name)?;
        // A soak that has begun goes on before one that waits.
        if let Some(soak) = open.iter().find(|s| s.state != State::Requested).or(open.first()) {
            let ended = self.soak(truth, soak.clone(), stop).await?;
            tracing::info!("soak {} of {} ended", ended.id, ended.tag);
        }
        self.send_waiting().await;
        Ok(())
    }

    fn complain(&mut self, error: String) {
        if self.last_error != error {
            self.view.show(&Notice::Says(format!("cannot go on: {error}")));
            self.last_error = error;
        }
    }

    /// Tells the gate about landscape and tags.
    fn tell(&self, truth: &Truth, soaks: &[Soak]) -> anyhow::Result<()> {
        let (now, store, gate) = (Utc::now(), &self.installation.store, self.installation.gate.as_ref());
        let product = &truth.landscape.metadata.product;
        let current = soaks.iter().rfind(|s| !s.attempts.is_empty());
        let current = current.and_then(|s| Some((s.tag.as_str(), s.attempts.first()?.started_at)));
        facts::put_landscape(gate, &truth.landscape, current, now)?;
        let tags: Vec<Tag> = truth.tags.iter().map(|t| t.tag.clone()).collect();
        for seen in &truth.tags {
            let first = store.first_commit(product, &seen.tag.name, &seen.tag.commit)?;
            let known = gate_api::GateStore::facts(gate, product, &truth.landscape.metadata.name, &seen.tag.name)?.tag;
            let changelog = known.as_ref().map_or(Changelog::Pending, |t| t.changelog.clone());
            let moved = known.as_ref().is_none_or(|t| t.moved_to.is_some() != (first != seen.tag.commit));
            if moved {
                facts::put_tag(gate, product, (seen, &first), changelog, now)?;
                let will = scheduled(&seen.tag, &tags, &truth.landscape.staging_triggers, &Known(soaks));
                facts::put_schedule(gate, truth, &seen.tag.name, will, now)?;
            }
        }
        Ok(())
    }

    /// Requests soaks by trigger, supersedes what waits, and soaks the current tag again while idle.
    fn wish(&self, truth: &Truth, soaks: &[Soak]) -> anyhow::Result<()> {
        let (now, store) = (Utc::now(), &self.installation.store);
        let last_check: DateTime<Utc> = store.mark(CLOCK_MARK)?.and_then(|t| t.parse().ok()).unwrap_or(now);
        let tags: Vec<Tag> = truth.tags.iter().map(|t| t.tag.clone()).collect();
        let wished = wishes(&tags, &truth.landscape.staging_triggers, &Known(soaks), last_check, now);
        store.set_mark(CLOCK_MARK, &now.to_rfc3339())?;
        let nothing_wished = wished.is_empty();
        for wish in wished {
            match wish {
                Wish::Soak { tag, rule } => self.request(truth, &tag, Cause::Trigger { rule })?,
                Wish::Supersede { tag, by } => self.supersede(truth, &tag, &by)?,
            }
        }
        let busy = soaks.iter().any(|s| !s.ended());
        let current = soaks.iter().rfind(|s| !s.superseded());
        if let Some(current) = current.filter(|_| nothing_wished && !busy) {
            let own = store.runs()?.iter().filter(|r| r.tag == current.tag && r.landscape == current.landscape).count();
            let only_tag = !soaks.iter().any(|s| s.tag != current.tag);
            let wanted = if only_tag { RUNS } else { 0 };
            if soak_again(self.installation.settings.idle, own, wanted, last_verdict(soaks, &current.tag)) {
                self.request(truth, &current.tag.clone(), Cause::Idle)?;
            }
        }
        Ok(())
    }

    fn request(&self, truth: &Truth, tag: &str, cause: Cause) -> anyhow::Result<()> {
        let Some(seen) = truth.tags.iter().find(|t| t.tag.name == tag) else { return Ok(()) };
        let product = truth.landscape.metadata.product.clone();
        let subject = Subject {
            product,
            tag: tag.to_owned(),
            commit: seen.tag.commit.clone(),
            landscape: truth.landscape.metadata.name.clone(),
        };
        let soak = Soak::request(subject, cause, Utc::now());
        self.installation.store.put_soak(&soak)?;
        facts::put_soak(
            self.installation.gate.as_ref(),
            &soak,
            &truth.landscape.clusters[0].name,
            &facts::Progress::default(),
            Utc::now(),
        )?;
        Ok(())
    }

    fn supersede(&self, truth: &Truth, tag: &str, by: &str) -> anyhow::Result<()> {
        for mut soak in
            self.installation.store.open_soaks(&truth.landscape.metadata.name)?.into_iter().filter(|s| s.tag == tag)
        {
            if matches!(soak.cause, Cause::Person { .. }) {
                continue;
            }
            let (state, effects) = step(soak.state.clone(), Event::Superseded { by: by.to_owned() });
            if effects.is_empty() {
                continue;
            }
            // Published by the next turn, which carries on whatever has begun.
            soak.state = state;
            soak.ended_at = Some(Utc::now());
            self.installation.store.put_soak(&soak)?;
            facts::put_soak(
                self.installation.gate.as_ref(),
                &soak,
                &truth.landscape.clusters[0].name,
                &facts::Progress::default(),
                Utc::now(),
            )?;
        }
        Ok(())
    }

    async fn soak(&mut self, truth: Truth, soak: Soak, stop: &CancellationToken) -> anyhow::Result<Soak> {
        let local = self.local(&truth).await?;
        let mut drive = Drive::new(self.installation.clone(), self.sources.clone(), truth.clone(), local, soak);
        drive.view = self.view.clone();
        drive.stop = stop.child_token();
        let stop_soak = drive.stop.clone();
        let mut driven = tokio::spawn(drive.run());
        let mut turn = tokio::time::interval(TURN);
        // The repositories are watched on while a soak runs: tags are known at once, waiting ones collapse.
        loop {
            tokio::select! {
                ended = &mut driven => return ended?,
                _ = turn.tick() => if let Err(error) = self.watch(&stop_soak).await {
                    tracing::warn!("{error:#}");
                }
            }
        }
    }

    async fn watch(&self, stop_soak: &CancellationToken) -> anyhow::Result<()> {
        let truth = self.sources.read().await?;
        let soaks = self.installation.store.soaks(&truth.landscape.metadata.product)?;
        self.tell(&truth, &soaks)?;
        let asked = soaks
            .iter()
            .find(|s| !s.ended())
            .and_then(|s| self.installation.store.mark(&abort_mark(s.id.as_str())).transpose());
        if asked.transpose()?.is_some() {
            stop_soak.cancel();
        }
        self.wish(&truth, &soaks)
    }

    /// The landscape's supervisor; made anew when its processes changed.
    async fn local(&mut self, truth: &Truth) -> anyhow::Result<Arc<Local>> {
        let described = serde_json::to_string(&truth.processes)?;
        if let Some((before, local)) = &self.local {
            if *before == described {
                return Ok(local.clone());
            }
            local.shutdown().await;
        }
        let local = Arc::new(Local::new(supervise(&self.installation, &truth.processes, &self.mettle))?);
        self.local = Some((described, local.clone()));
        Ok(local)
    }

    /// Sends the outbox. What cannot be sent stays there.
    async fn send_waiting(&mut self) {
        let waiting = match self.installation.store.outgoing() {
            Ok(waiting) => waiting,
            Err(error) => return self.complain(error.to_string()),
        };
        for outgoing in waiting {
            let sent = publish::send(&self.sources, &outgoing).await;
            let noted = match &sent {
                Ok(_) => self.installation.store.sent(&outgoing.soak),
                Err(error) => self.installation.store.not_sent(&outgoing.soak, &format!("{error:#}")),
            };
            if let Err(error) = sent {
                self.complain(format!("the ledger is not pushed, it stays in the outbox: {error:#}"));
                return;
            }
            if let Err(error) = noted {
                return self.complain(error.to_string());
            }
        }
    }
}

/// Name of the mark by which a person asks a soak to end.
pub fn abort_mark(soak: &str) -> String {
    format!("abort:{soak}")
}

/// Verdict of an ended soak, for people.
pub fn verdict_of(soak: &Soak) -> Verdict {
    match &soak.state {
        State::Ended { outcome } => publish::verdict(soak, outcome),
        _ => Verdict::None,
    }
}
