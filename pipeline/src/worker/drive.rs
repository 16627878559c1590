//! Drives one soak: stores every state before its effects, runs the effects, feeds what happened back.

mod judging;
mod left;
mod progress;
mod publication;

use super::bundle::Bundle;
use super::copies::{self, CopyError};
use super::facts::{self, Progress};
use super::faults::StoreJournal;
use super::installation::Installation;
use super::judge::{self, Bench};
use super::metrics_source::MetricsSource;
use super::observe::{self, Observation};
use super::session::{Begin, Session};
use super::slices::Slices;
use super::sources::{SourceError, Sources, Truth};
use super::view::{Notice, View};
use crate::crash;
use crate::landscape::deployment::Rollback;
use crate::landscape::local::{Local, Release, Unchanged};
use crate::soak::Soak;
use crate::soak::baseline;
use crate::soak::machine::{Effect, Event, INTERRUPTED, State, step};
use crate::soak::record::{Attempt, BaselineRun, PlanRecord};
use anyhow::Context as _;
use chrono::Utc;
use scorer::Evidence;
use scorer::evidence::Subject;
use scorer::quantity;
use scorer::verdict::Judgement;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Most attempts at one soak; a machine that dies more often than this will not soak anything.
const ATTEMPTS_MAX: u32 = 20;

/// One soak under way.
pub struct Drive {
    /// The installation.
    pub installation: Installation,
    /// Its repositories.
    pub sources: Sources,
    /// What they say.
    pub truth: Truth,
    /// The landscape's processes.
    pub local: Arc<Local>,
    /// The soak.
    pub soak: Soak,
    /// Documents of its tag.
    pub bundle: Option<Bundle>,
    /// Asks for the end.
    pub stop: CancellationToken,
    /// What people see.
    pub view: View,
    session: Option<Session>,
    bench: Option<Bench>,
    progress: Progress,
    last_judgement: Option<Judgement>,
    /// The first failure of the store during an observation, which ends it.
    failed: Option<anyhow::Error>,
}

impl Drive {
    /// A drive for `soak`.
    pub fn new(installation: Installation, sources: Sources, truth: Truth, local: Arc<Local>, soak: Soak) -> Self {
        let (stop, view) = (CancellationToken::new(), View::silent());
        let progress = Progress::default();
        Drive {
            installation,
            sources,
            truth,
            local,
            soak,
            bundle: None,
            stop,
            view,
            session: None,
            bench: None,
            progress,
            last_judgement: None,
            failed: None,
        }
    }

    /// Carries the soak to its end. Returns it as it ended.
    ///
    /// # Errors
    /// The store failed, or another worker took the soak; what was stored is where the next start continues.
    pub async fn run(mut self) -> anyhow::Result<Soak> {
        self.soak.token += 1;
        let kept = self.kept().await?;
        let mut effects: VecDeque<Effect> = self.apply(Event::WorkerStarted { kept })?.into();
        self.sweep().await;
        self.sweep_ended().await.unwrap_or_else(|error| tracing::warn!("slices of ended soaks stay: {error:#}"));
        while let Some(effect) = effects.pop_front() {
            for event in self.perform(effect).await? {
                effects.extend(self.apply(event)?);
            }
        }
        self.sweep().await;
        Ok(self.soak)
    }

    /// One transition: computed, stored, told; its effects are returned.
    fn apply(&mut self, event: Event) -> anyhow::Result<Vec<Effect>> {
        let (state, effects) = step(self.soak.state.clone(), event);
        let changed = state != self.soak.state;
        self.soak.state = state;
        // In the same write as the state that rests on it: a kill in between would leave an attempt that nobody judged and
        // nobody excluded.
        if effects.contains(&Effect::NextAttempt) {
            self.exclude_attempt();
        }
        // Fixed with the outcome, so that a publication that runs again tells the same time.
        if matches!(self.soak.state, State::Publishing { .. } | State::Ended { .. }) {
            self.soak.end(Utc::now());
        }
        if changed || !effects.is_empty() {
            self.store()?;
        }
        Ok(effects)
    }

    fn store(&mut self) -> anyhow::Result<()> {
        let state = &self.soak.state;
        let phase = match state {
            State::Soaking { label, .. } => format!("{} {label:?}", state.word()).to_lowercase(),
            _ => String::new(),
        };
        let write = || crash::around(&phase, || self.installation.store.put_soak(&self.soak));
        crash::around(state.word(), write).context("cannot store the state of the soak")?;
        self.tell_gate()
    }

    fn tell_gate(&self) -> anyhow::Result<()> {
        let cluster = &self.truth.landscape.clusters[0].name;
        facts::put_soak(self.installation.gate.as_ref(), &self.soak, cluster, &self.progress, Utc::now())
            .context("cannot tell the gate")
    }

    async fn perform(&mut self, effect: Effect) -> anyhow::Result<Vec<Event>> {
        match effect {
            Effect::Plan => self.plan().await,
            Effect::TakeLandscape => Ok(vec![if self.stop.is_cancelled() { interrupted() } else { Event::Go }]),
            Effect::Deploy => self.deploy().await,
            // `Local::deploy` has restored what ran before; after a restart of the worker nothing ran.
            Effect::RollBack => Ok(vec![Event::RolledBack]),
            Effect::Observe => self.observe().await,
            Effect::Undo => self.undo().await,
            Effect::Judge => self.judge().await,
            Effect::Publish => self.publish().await,
            Effect::NextAttempt => Ok(self.next_attempt()),
        }
    }

    /// Reads the documents of the tag, once. Documents that are wrong are the tag's fault, everything else is not.
    async fn read_bundle(&mut self) -> Result<(), SourceError> {
        if self.bundle.is_none() {
            // Once planned, a soak keeps its programme, whatever the landscape says later.
            let path = match &self.soak.plan {
                Some(plan) => plan.programme_path.clone(),
                None => self.truth.landscape.programme.clone(),
            };
            let bundle = self.sources.bundle(&self.soak.commit, path.as_deref()).await?;
            self.bundle = Some(bundle.within(&self.truth.processes));
        }
        Ok(())
    }

    async fn plan(&mut self) -> anyhow::Result<Vec<Event>> {
        match self.read_bundle().await {
            Ok(()) => {}
            Err(SourceError::Documents(problems)) => {
                return Ok(vec![Event::PlanRefused { reason: problems.to_string() }]);
            }
            Err(error) => return Ok(vec![could_not(error)]),
        }
        let Some(bundle) = &self.bundle else { return Ok(vec![]) };
        let baseline = match self.baseline(&bundle.programme_digest).await? {
            Ok(baseline) => baseline,
            Err(error) => return Ok(vec![could_not(error)]),
        };
        let landscape = &self.truth.landscape;
        let state = &landscape.toggles.state;
        let toggle = |key: &String| (key.clone(), state.get(key).cloned().unwrap_or_else(|| "on".into()));
        let plan = PlanRecord {
            programme: bundle.programme_digest.clone(),
            programme_path: landscape.programme.clone(),
            policy: facts::policy_digest(&landscape.policy),
            policy_document: landscape.policy.clone(),
            baseline,
            toggles: bundle.product.toggles.iter().map(|t| toggle(&t.key)).collect(),
        };
        self.soak.plan = Some(plan);
        Ok(vec![Event::Planned])
    }

    /// The baseline, frozen. A run whose evidence cannot be read any more would stop every later soak: it is left out
    /// and told. A bucket that cannot be asked says nothing about a run: then there is no plan rather than a thinner one.
    async fn baseline(&self, programme: &str) -> anyhow::Result<Result<Vec<BaselineRun>, CopyError>> {
        let mut runs = self.installation.store.runs()?;
        loop {
            let chosen = baseline::select(&runs, &self.soak.tag, &self.soak.landscape, programme, Utc::now());
            let digests = chosen.iter().filter_map(|run| run.evidence.parse().ok()).collect();
            if let Err(error) = copies::bring_back(&self.installation, digests).await {
                return Ok(Err(error));
            }
            let (installation, wanted) = (self.installation.clone(), chosen.clone());
            let read = move || wanted.into_iter().find(|r| judge::evidence(&installation, &r.evidence).is_err());
            let Some(damaged) = tokio::task::spawn_blocking(read).await? else { return Ok(Ok(chosen)) };
            self.view.show(&Notice::Says(format!(
                "the evidence of baseline run {} ({}) cannot be read; it is left out",
                damaged.soak, damaged.tag
            )));
            runs.retain(|r| r.soak != damaged.soak);
        }
    }

    async fn deploy(&mut self) -> anyhow::Result<Vec<Event>> {
        if let Err(error) = self.read_bundle().await {
            return Ok(vec![could_not(error)]);
        }
        let Some(bundle) = &self.bundle else { return Ok(vec![]) };
        let baseline = self.soak.plan.as_ref().map_or(0, |p| p.baseline.len());
        self.view.show(&Notice::Begins { tag: self.soak.tag.clone(), why: cause(&self.soak), baseline });
        let number = self.soak.attempt() + 1;
        self.soak.attempts.push(Attempt {
            number,
            started_at: Utc::now(),
            ended_at: None,
            evidence: None,
            excluded: None,
        });
        let release = Release { tag: self.soak.tag.clone(), versions: bundle.product.versions() };
        let (local, stop) = (self.local.clone(), self.stop.clone());
        // Owned by a task, because a deployment that is dropped midway would not be rolled back.
        let deployed = tokio::spawn(async move { local.deploy(&release, Unchanged::Restart, &stop).await }).await?;
        Ok(match deployed {
            _ if self.stop.is_cancelled() => vec![interrupted()],
            Ok(_) => vec![Event::Deployed],
            Err(refused) => {
                let lines = if refused.last_lines.is_empty() {
                    String::new()
                } else {
                    format!("; last lines: {}", refused.last_lines.join(" | "))
                };
                let back = match &refused.rollback {
                    Rollback::Failed { component, reason } => {
                        Event::RollBackFailed { reason: format!("{component} {reason}") }
                    }
                    Rollback::Untouched | Rollback::To { .. } | Rollback::Nothing => Event::RolledBack,
                };
                vec![Event::DeployFailed { reason: format!("{refused}{lines}") }, back]
            }
        })
    }

    async fn observe(&mut self) -> anyhow::Result<Vec<Event>> {
        let bundle = self.bundle.clone().context("the documents of the tag are not read")?;
        if let Err(error) = self.bench() {
            return Ok(vec![could_not(error)]);
        }
        let begin = Begin {
            bundle: &bundle,
            local: self.local.clone(),
            subject: self.subject(),
            toggles: self.soak.plan.as_ref().map(|p| p.toggles.clone()).unwrap_or_default(),
            rate: bundle.programme.load.as_ref().and_then(|l| l.rate).map(|r| r.0),
            loads: bundle.loads_of_experiments(),
            metrics: MetricsSource::of(&self.installation, &self.truth.landscape),
        };
        let mut session = match Session::begin(begin).await {
            Ok(session) => session,
            Err(error) => return Ok(vec![Event::AbortAsked { reason: error.to_string() }]),
        };
        match Slices::begin(&self.installation.evidence, &self.subject(), bundle.programme.interval.0) {
            Ok(slices) => session.slices = Some(slices),
            Err(error) => {
                tracing::warn!("a kill of this worker would lose what it records: {:#}", anyhow::Error::from(error))
            }
        }
        let stop = self.stop.clone();
        let journal = Arc::new(StoreJournal(self.installation.store.clone()));
        let observation = Observation {
            session: &mut session,
            bundle: &bundle,
            journal,
            stop: &stop,
            looks: observe::looks(&bundle.programme),
            driver: self,
            counted: 0,
            cursor_ms: 0,
        };
        let event = observation.run().await;
        if let Some(error) = self.failed.take() {
            // What was recorded is kept if there is room; the next start goes on with the next attempt.
            let evidence = session.end().await;
            self.keep(evidence).await?;
            return Err(error);
        }
        if event == Event::LookFailed {
            // Kept before the state that rests on it: a fail that was seen survives a kill.
            let evidence = session.evidence().await;
            self.keep(evidence).await?;
        }
        self.session = Some(session);
        Ok(vec![event])
    }

    async fn keep(&mut self, evidence: Evidence) -> anyhow::Result<()> {
        let store = self.installation.evidence.clone();
        let digest = tokio::task::spawn_blocking(move || store.put(&evidence)).await??;
        if let Some(attempt) = self.soak.attempts.last_mut() {
            attempt.evidence = Some(digest.to_string());
        }
        Ok(())
    }

    fn subject(&self) -> Subject {
        self.subject_of(&self.soak, self.soak.attempt())
    }

    async fn undo(&mut self) -> anyhow::Result<Vec<Event>> {
        if let Some(session) = self.session.take() {
            let evidence = session.end().await;
            // Of a failed look the evidence is kept already: it is what was judged.
            if self.soak.evidence().is_none() {
                self.keep(evidence).await?;
            }
            if let Some(attempt) = self.soak.attempts.last_mut() {
                attempt.ended_at = Some(Utc::now());
            }
        }
        Ok(vec![Event::Undone])
    }

    fn exclude_attempt(&mut self) {
        if let Some(attempt) = self.soak.attempts.last_mut() {
            attempt.ended_at.get_or_insert(Utc::now());
            attempt.excluded.get_or_insert_with(|| "the worker ended while it was observed".into());
        }
    }

    fn next_attempt(&self) -> Vec<Event> {
        if self.soak.attempt() >= ATTEMPTS_MAX {
            return vec![Event::AbortAsked { reason: format!("{ATTEMPTS_MAX} attempts were cut off") }];
        }
        vec![]
    }
}

/// Nobody could look: this says nothing about the tag.
fn could_not(error: impl Into<anyhow::Error>) -> Event {
    Event::AbortAsked { reason: format!("{:#}", error.into()) }
}

fn interrupted() -> Event {
    Event::AbortAsked { reason: INTERRUPTED.into() }
}

fn cause(soak: &Soak) -> String {
    use crate::soak::record::Cause;
    match &soak.cause {
        Cause::Trigger { rule } => rule.clone(),
        Cause::Idle => "idle".into(),
        Cause::Person { who } => format!("asked by {who}"),
    }
}

/// Score with interval, `96 (91..99)`.
pub fn score_text(judgement: &Judgement) -> Option<String> {
    Some(quantity::score_text(judgement.score?, judgement.score_low?, judgement.score_high?))
}
