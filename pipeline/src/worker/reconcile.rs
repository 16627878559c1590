//! The worker's loop: read the truth, wish soaks, run one at a time, send what waits.

mod beat;
mod copies;
mod errand;
mod notes;
mod outbox;
mod person;
mod ready;
mod tell;
mod wish;

pub use person::{AskError, Asked, ask};

use super::clear::{Cleared, clear};
use super::drive::Drive;
use super::facts;
use super::installation::{Installation, Lock};
use super::own_series::Page;
use super::publish;
use super::sources::{Sources, Truth};
use super::supervise::supervise;
use super::view::{Notice, View};
use crate::landscape::local::Local;
use crate::soak::deployed::deployed;
use crate::soak::machine::State;
use crate::soak::record::{Cause, Line};
use crate::soak::triggers::{History, Outlook};
use crate::soak::{Soak, SoakId};
use beat::Beat;
use chrono::Utc;
use copies::Copies;
use notes::{Notes, Tags};
use outbox::Outbox;
use ready::{Observed, frozen, frozen_text, misrecorded, waits};
use scorer::verdict::Verdict;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Time between two looks at the repositories.
const TURN: Duration = Duration::from_secs(1);

/// A worker of one installation.
pub struct Worker {
    installation: Installation,
    sources: Sources,
    view: View,
    mettle: PathBuf,
    local: Option<(String, Arc<Local>)>,
    last_error: String,
    outbox: Outbox,
    copies: Copies,
    notes: Notes,
    // What the gate was told, by landscape and tag: it is computed at every turn and changes hardly ever.
    told: Mutex<BTreeMap<(String, String), Outlook>>,
    beat: Beat,
    _own: Option<Page>,
    _lock: Lock,
}

/// What a worker is at while it looks around.
#[derive(Clone, Copy)]
enum At<'a> {
    /// Nothing is deployed.
    Nothing,
    /// A tag runs, and no soak is under way.
    Rest,
    /// This soak is under way; nobody but its drive changes it.
    Soak(&'a SoakId),
}

impl<'a> At<'a> {
    fn driven(self) -> Option<&'a SoakId> {
        match self {
            At::Soak(driven) => Some(driven),
            At::Nothing | At::Rest => None,
        }
    }
}

/// What the triggers want to know of earlier soaks.
struct Known<'a> {
    lines: &'a [Arc<Line>],
    driven: Option<&'a SoakId>,
}

impl History for Known<'_> {
    fn requested(&self, tag: &str) -> bool {
        self.lines.iter().any(|line| line.soak.tag == tag)
    }
    fn waiting(&self, tag: &str) -> bool {
        // What a person asked for is soaked, whatever else waits; what is driven waits no longer.
        let by_rule = |s: &&Soak| !matches!(s.cause, Cause::Person { .. }) && Some(&s.id) != self.driven;
        let soaks = self.lines.iter().map(|line| &line.soak);
        soaks.filter(by_rule).any(|s| s.tag == tag && s.state == State::Requested)
    }
}

impl Worker {
    /// A worker; clears what an earlier one left behind. `mettle` is this binary, which is also the reaper.
    ///
    /// # Errors
    /// Another worker has the folder, or what is left cannot be cleared.
    pub async fn open(installation: Installation, view: View, mettle: PathBuf) -> anyhow::Result<Self> {
        let lock = installation.lock()?;
        let cleared = clear(&installation).await?;
        if cleared.processes + cleared.files > 0 {
            let Cleared { processes, files } = cleared;
            view.show(&Notice::Says(format!(
                "cleared {processes} processes and {files} files that an earlier worker left"
            )));
        }
        facts::catch_up(installation.gate.as_ref(), &installation.store.every_soak()?)?;
        let sources = Sources::open(&installation).await?;
        let outbox = Outbox::new(&installation, &sources, &view);
        let copies = Copies::new(&installation, &view);
        let notes = Notes::new(&installation, &sources);
        let own = match installation.settings.metrics_listen {
            Some(address) => Some(Page::open(address, installation.own.clone()).await?),
            None => None,
        };
        if let Some(page) = &own {
            view.show(&Notice::Says(format!(
                "own series are at http://{}/metrics while a soak is observed",
                page.address
            )));
        }
        let (local, last_error, told) = (None, String::new(), Mutex::default());
        let beat = Beat::start(installation.gate.clone(), beat::EVERY);
        Ok(Worker {
            installation,
            sources,
            view,
            mettle,
            local,
            last_error,
            outbox,
            copies,
            notes,
            told,
            beat,
            _own: own,
            _lock: lock,
        })
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
                // First, so that a stop that came during a soak does not start the next one.
                biased;
                () = stop.cancelled() => break Ok(()),
                _ = turn.tick() => if let Err(error) = self.turn(&stop).await { break Err(error) },
            }
        };
        self.end().await;
        result
    }

    /// Sends what can be sent and ends the landscape's processes.
    async fn end(self) {
        self.notes.end().await;
        self.outbox.finish().await;
        self.copies.finish().await;
        if let Some((_, local)) = &self.local {
            local.shutdown().await;
        }
    }

    /// One turn. Remotes that cannot be reached and documents that cannot be read are told and tried again.
    async fn turn(&mut self, stop: &CancellationToken) -> anyhow::Result<()> {
        self.outbox.nudge();
        self.copies.nudge();
        let read = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            read = self.sources.read() => read,
        };
        let truth = match read {
            Ok(truth) => truth,
            Err(error) => {
                self.complain(format!("cannot go on: {:#}", anyhow::Error::from(error)));
                return Ok(());
            }
        };
        // What is deployed ends with the worker: until it deploys again, nothing is there to be observed.
        let runs = match &self.local {
            Some((_, local)) => local.current().await.is_some(),
            None => false,
        };
        self.look_around(&truth, if runs { At::Rest } else { At::Nothing })?;
        let (open, now) = (self.installation.store.open_soaks(&truth.landscape.metadata.name)?, Utc::now());
        let freeze = frozen(&truth.landscape.freeze, now);
        let lines = self.installation.store.lines(&truth.landscape.metadata.product)?;
        let observed = Observed::of(&truth, if runs { deployed(&lines) } else { None }, now);
        let may_begin = |soak: &Soak| freeze.is_none() && observed.keeps_back(soak).is_none();
        let mut ready = open.iter().filter(|soak| !waits(soak) || may_begin(soak));
        // A soak that has begun goes on before one that waits.
        let next = ready.clone().find(|s| s.state != State::Requested).or(ready.next());
        match (next, freeze) {
            // Also a soak that could begin stays as it is: it is there at the next start.
            _ if stop.is_cancelled() => {}
            (Some(soak), _) => {
                // Documents that cannot be read end the soak with their problems: not here.
                let objection = if waits(soak) { misrecorded(&self.sources, &truth, soak).await } else { Ok(None) };
                if let Ok(Some(objection)) = objection {
                    self.complain(format!("cannot go on: {objection}"));
                    return Ok(());
                }
                self.last_error.clear();
                let ended = self.soak(truth, soak.clone(), stop).await?;
                tracing::info!("soak {} of {} ended", ended.id, ended.tag);
                self.outbox.nudge();
                self.copies.published();
            }
            (None, Some(freeze)) if !open.is_empty() => self.complain(frozen_text(freeze)),
            (None, _) => match open.iter().find_map(|soak| observed.keeps_back(soak)) {
                Some(text) => self.complain(text),
                None => self.last_error.clear(),
            },
        }
        Ok(())
    }

    /// Tells the gate what there is, and requests or ends what waits.
    fn look_around(&self, truth: &Truth, at: At<'_>) -> anyhow::Result<()> {
        let lines = self.installation.store.lines(&truth.landscape.metadata.product)?;
        let (current, driven) = (deployed(&lines), at.driven());
        self.tell(truth, current)?;
        let tags = if driven.is_some() { Tags::After(current.map(|c| c.tag)) } else { Tags::All };
        self.notes.nudge(truth, tags)?;
        self.abort_waiting(truth, driven)?;
        let lines = self.installation.store.lines(&truth.landscape.metadata.product)?;
        self.wish(truth, &lines, at)?;
        self.tell_outlook(truth, driven)
    }

    /// Says something once, until something else is said.
    fn complain(&mut self, text: String) {
        if self.last_error != text {
            self.view.show(&Notice::Says(text.clone()));
            self.last_error = text;
        }
    }

    async fn soak(&mut self, truth: Truth, soak: Soak, stop: &CancellationToken) -> anyhow::Result<Soak> {
        let local = self.local(&truth).await?;
        let id = soak.id.clone();
        let mut drive = Drive::new(self.installation.clone(), self.sources.clone(), truth, local, soak);
        drive.view = self.view.clone();
        drive.stop = stop.child_token();
        let stop_soak = drive.stop.clone();
        let driven = tokio::spawn(drive.run());
        // The repositories are watched on while a soak runs: tags are known at once, waiting ones collapse. Neither a
        // remote that hangs nor a store that fails here delays the soak or its end.
        tokio::select! {
            biased;
            ended = driven => ended?,
            never = self.heed_abort(&id, &stop_soak) => match never {},
            never = self.keep_watching(&id) => match never {},
        }
    }

    async fn keep_watching(&self, driven: &SoakId) -> Infallible {
        let mut turn = tokio::time::interval(TURN);
        turn.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            turn.tick().await;
            self.outbox.nudge();
            self.copies.nudge();
            let watched = match self.sources.read().await {
                Ok(truth) => self.look_around(&truth, At::Soak(driven)),
                Err(error) => Err(error.into()),
            };
            if let Err(error) = watched {
                tracing::warn!("{error:#}");
            }
        }
    }

    /// Ends the driven soak when a person asks for it, whatever the remotes do.
    async fn heed_abort(&self, driven: &SoakId, stop_soak: &CancellationToken) -> Infallible {
        let mut turn = tokio::time::interval(TURN);
        loop {
            turn.tick().await;
            match self.installation.store.mark(&abort_mark(driven.as_str())) {
                Ok(Some(_)) => stop_soak.cancel(),
                Ok(None) => {}
                Err(error) => tracing::warn!("{error:#}"),
            }
        }
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
