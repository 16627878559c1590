//! Drives one soak: stores every state before its effects, runs the effects, feeds what happened back.

use super::bundle::Bundle;
use super::facts::{self, Progress};
use super::faults::StoreJournal;
use super::installation::Installation;
use super::judge::{self, Bench};
use super::observe::{self, Driver, Observation};
use super::page;
use super::publish::{self, Material};
use super::session::{Begin, Session};
use super::sources::{Sources, Truth};
use super::view::{Notice, View};
use crate::changelog::Changelog;
use crate::crash::{self, Side};
use crate::landscape::local::{Local, Release, Rollback, Unchanged};
use crate::report::Report;
use crate::soak::Soak;
use crate::soak::baseline::{self, Run};
use crate::soak::machine::{Effect, Ending, Event, INTERRUPTED, Outcome, State, step};
use crate::soak::record::{Attempt, PlanRecord};
use anyhow::Context as _;
use chrono::Utc;
use gate_api::facts::{Changelog as GateChangelog, Look};
use scorer::Evidence;
use scorer::assess::Ended;
use scorer::evidence::{PhaseLabel, Subject};
use scorer::verdict::{Judgement, Verdict};
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
        }
    }

    /// Carries the soak to its end. Returns it as it ended.
    ///
    /// # Errors
    /// The store failed, or another worker took the soak; what was stored is where the next start continues.
    pub async fn run(mut self) -> anyhow::Result<Soak> {
        self.soak.token += 1;
        let mut effects: VecDeque<Effect> = self.apply(Event::WorkerStarted)?.into();
        while let Some(effect) = effects.pop_front() {
            for event in self.perform(effect).await? {
                effects.extend(self.apply(event)?);
            }
        }
        Ok(self.soak)
    }

    /// One transition: computed, stored, told; its effects are returned.
    fn apply(&mut self, event: Event) -> anyhow::Result<Vec<Effect>> {
        let (state, effects) = step(self.soak.state.clone(), event);
        let changed = state != self.soak.state;
        self.soak.state = state;
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
        crash::point(Side::Before, &self.soak.state);
        self.installation.store.put_soak(&self.soak).context("cannot store the state of the soak")?;
        crash::point(Side::After, &self.soak.state);
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
            Effect::NextAttempt => self.next_attempt(),
        }
    }

    async fn read_bundle(&mut self) -> Result<(), String> {
        if self.bundle.is_none() {
            let programme = self.truth.landscape.programme.as_deref();
            self.bundle = Some(self.sources.bundle(&self.soak.commit, programme).await.map_err(|e| e.to_string())?);
        }
        Ok(())
    }

    async fn plan(&mut self) -> anyhow::Result<Vec<Event>> {
        if let Err(reason) = self.read_bundle().await {
            return Ok(vec![Event::PlanRefused { reason }]);
        }
        let Some(bundle) = &self.bundle else { return Ok(vec![]) };
        let runs = self.installation.store.runs()?;
        let chosen =
            baseline::select(&runs, &self.soak.tag, &self.soak.landscape, &bundle.programme_digest, Utc::now());
        let state = &self.truth.landscape.toggles.state;
        let toggles = bundle
            .product
            .toggles
            .iter()
            .map(|t| (t.key.clone(), state.get(&t.key).cloned().unwrap_or_else(|| "on".into())))
            .collect();
        self.soak.plan = Some(PlanRecord {
            programme: bundle.programme_digest.clone(),
            policy: facts::policy_digest(&self.truth.landscape.policy),
            baseline: chosen,
            toggles,
        });
        Ok(vec![Event::Planned])
    }

    async fn deploy(&mut self) -> anyhow::Result<Vec<Event>> {
        if let Err(reason) = self.read_bundle().await {
            return Ok(vec![Event::DeployFailed { reason }]);
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
        let local = self.local.clone();
        // Owned by a task, because a deployment that is dropped midway would not be rolled back.
        let deployed = tokio::spawn(async move { local.deploy(&release, Unchanged::Restart).await }).await?;
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

    /// Own passed runs, while no other tag has any: then objectives decide.
    fn first_tag(&self) -> anyhow::Result<Option<usize>> {
        let runs = self.installation.store.runs()?;
        let here: Vec<&Run> = runs.iter().filter(|r| r.landscape == self.soak.landscape).collect();
        let others = here.iter().any(|r| r.tag != self.soak.tag);
        Ok((!others).then_some(here.len()))
    }

    fn bench(&mut self) -> anyhow::Result<Bench> {
        if let Some(bench) = &self.bench {
            return Ok(bench.clone());
        }
        let bundle = self.bundle.as_ref().context("the documents of the tag are not read")?;
        let bench =
            Bench::load(&self.installation, &self.soak, bundle, &self.truth.landscape.policy, self.first_tag()?)?;
        self.bench = Some(bench.clone());
        Ok(bench)
    }

    async fn observe(&mut self) -> anyhow::Result<Vec<Event>> {
        let bundle = self.bundle.clone().context("the documents of the tag are not read")?;
        self.bench()?;
        let begin = Begin {
            bundle: &bundle,
            local: self.local.clone(),
            subject: self.subject(),
            toggles: self.soak.plan.as_ref().map(|p| p.toggles.clone()).unwrap_or_default(),
            rate: bundle.programme.load.as_ref().and_then(|l| l.rate).map(|r| r.0),
        };
        let mut session = match Session::begin(begin) {
            Ok(session) => session,
            Err(error) => return Ok(vec![Event::AbortAsked { reason: error.to_string() }]),
        };
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
        self.session = Some(session);
        Ok(vec![event])
    }

    fn subject(&self) -> Subject {
        Subject {
            product: self.soak.product.clone(),
            tag: self.soak.tag.clone(),
            commit: self.soak.commit.clone(),
            landscape: self.soak.landscape.clone(),
            cluster: self.truth.landscape.clusters[0].name.clone(),
            soak: self.soak.id.to_string(),
            attempt: self.soak.attempt(),
        }
    }

    async fn undo(&mut self) -> anyhow::Result<Vec<Event>> {
        if let Some(session) = self.session.take() {
            let evidence = session.end().await;
            let store = self.installation.evidence.clone();
            let digest = tokio::task::spawn_blocking(move || store.put(&evidence)).await??;
            if let Some(attempt) = self.soak.attempts.last_mut() {
                attempt.evidence = Some(digest.to_string());
                attempt.ended_at = Some(Utc::now());
            }
        }
        Ok(vec![Event::Undone])
    }

    fn evidence(&self) -> anyhow::Result<Option<Evidence>> {
        Ok(self.soak.evidence().map(|d| judge::evidence(&self.installation, d)).transpose()?)
    }

    async fn judge(&mut self) -> anyhow::Result<Vec<Event>> {
        if let Err(reason) = self.read_bundle().await {
            anyhow::bail!("the documents of {} cannot be read any more: {reason}", self.soak.tag);
        }
        let ended = match &self.soak.state {
            State::Judging { ending: Ending::Complete } => Ended::Programme,
            _ => Ended::Early,
        };
        if let Some(evidence) = self.evidence()? {
            let bench = self.bench()?;
            self.soak.judgement = Some(tokio::task::spawn_blocking(move || bench.judge_last(&evidence, ended)).await?);
        }
        Ok(vec![Event::Judged])
    }

    async fn publish(&mut self) -> anyhow::Result<Vec<Event>> {
        let State::Publishing { outcome } = self.soak.state.clone() else { return Ok(vec![]) };
        let parcel = match publish::queued(&self.installation, &self.soak)? {
            Some(parcel) => parcel,
            None => {
                let report = self.report(&outcome).await?;
                let decides = self.decides(report.verdict)?;
                publish::queue(&self.installation, &self.soak, report, decides)?
            }
        };
        let report = &parcel.report;
        let digest = report.digest()?;
        self.soak.report = Some(digest.clone());
        self.put_tag(report.changelog.incomplete)?;
        self.put_page(report).await;
        if let Some(record) = publish::verdict_record(report, &digest) {
            gate_api::GateStore::put_verdict(
                self.installation.gate.as_ref(),
                &record,
                gate_api::store::Act { by: "worker", at: report.ended_at },
            )?;
        }
        if report.verdict == Verdict::Pass
            && let Some(evidence) = self.soak.evidence()
        {
            let run = Run {
                soak: self.soak.id.to_string(),
                tag: self.soak.tag.clone(),
                landscape: self.soak.landscape.clone(),
                programme: report.programme_digest.clone(),
                evidence: evidence.to_owned(),
                ended_at: report.ended_at,
                adopted: None,
            };
            self.installation.store.put_run(&run)?;
        }
        self.view.show(&Notice::Ended { tag: self.soak.tag.clone(), text: publish::sentence(report) });
        Ok(vec![Event::Published])
    }

    async fn report(&mut self, outcome: &Outcome) -> anyhow::Result<Report> {
        let evidence = self.evidence()?;
        let changelog = self.changelog().await;
        let runs = self.installation.store.runs()?;
        let way_back = runs.into_iter().filter(|r| r.tag != self.soak.tag).max_by_key(|r| r.ended_at).map(|r| r.tag);
        let material = Material {
            soak: &self.soak,
            outcome,
            evidence: evidence.as_ref(),
            changelog,
            truth: &self.truth,
            way_back,
            now: self.soak.ended_at.unwrap_or_else(Utc::now),
        };
        Ok(publish::report(material))
    }

    /// Changelog of the tag. One whose documents cannot be read has none; the note says so.
    async fn changelog(&mut self) -> Changelog {
        let read = self.read_bundle().await;
        let programme = self.truth.landscape.programme.as_deref();
        match (read, &self.bundle) {
            (Ok(()), Some(bundle)) => {
                publish::changelog(&self.sources, bundle, &self.truth.tags, &self.soak.tag, programme).await
            }
            _ => Changelog::unknown(&self.soak.product, &self.soak.tag),
        }
    }

    /// Draws the page, before the verdict that it is shown with; the verdict stands without one.
    async fn put_page(&mut self, report: &Report) {
        if let (Ok(Some(evidence)), Ok(bench)) = (self.evidence(), self.bench()) {
            let plan = self.soak.plan.iter().flat_map(|p| p.baseline.clone()).collect();
            page::put(&self.installation.gate, bench, (evidence, plan, report.clone())).await;
        }
    }

    /// Whether this soak decides about its tag: not, when it is undecided and an earlier one passed or failed.
    fn decides(&self, verdict: Verdict) -> anyhow::Result<bool> {
        let earlier = self.installation.store.soaks(&self.soak.product)?;
        let decided = earlier.iter().any(|s| {
            s.id != self.soak.id
                && s.tag == self.soak.tag
                && s.judgement.as_ref().is_some_and(|j| matches!(j.verdict, Verdict::Pass | Verdict::Fail))
        });
        Ok(matches!(verdict, Verdict::Pass | Verdict::Fail) || !decided)
    }

    fn put_tag(&self, incomplete: bool) -> anyhow::Result<()> {
        let Some(seen) = self.truth.tags.iter().find(|t| t.tag.name == self.soak.tag) else { return Ok(()) };
        let changelog = if incomplete {
            GateChangelog::Incomplete { missing: vec!["a component repository".into()] }
        } else {
            GateChangelog::Complete
        };
        Ok(facts::put_changelog(
            self.installation.gate.as_ref(),
            &self.soak.product,
            (seen, &self.soak.commit),
            changelog,
            Utc::now(),
        )?)
    }

    fn next_attempt(&mut self) -> anyhow::Result<Vec<Event>> {
        let now = Utc::now();
        if let Some(attempt) = self.soak.attempts.last_mut() {
            attempt.ended_at.get_or_insert(now);
            attempt.excluded = Some("the worker ended while it was observed".into());
        }
        self.store()?;
        if self.soak.attempt() >= ATTEMPTS_MAX {
            return Ok(vec![Event::AbortAsked { reason: format!("{ATTEMPTS_MAX} attempts were cut off") }]);
        }
        Ok(vec![])
    }
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

impl Driver for Drive {
    fn began(&mut self, phase: usize, label: PhaseLabel) {
        // A failed store shows at the next transition, which ends the soak.
        if let Err(error) = self.apply(Event::PhaseBegan { phase, label }) {
            tracing::error!("{error:#}");
        }
    }

    async fn look(&mut self, session: &Session, samples: usize) -> Judgement {
        let evidence = session.evidence();
        let bench = self.bench.clone().expect("a bench is loaded before the observation begins");
        let judged = tokio::task::spawn_blocking(move || bench.judge(&evidence, samples, Ended::Running)).await;
        let judgement = judged.expect("the judge does not panic on any evidence");
        let score = score_text(&judgement);
        let p = judgement.tag_p.map(|p| format!(", p {p:.2e} against {:.2e}", judgement.level)).unwrap_or_default();
        self.view.show(&Notice::Look {
            tag: self.soak.tag.clone(),
            text: format!(
                "look at {samples} samples: {:?}{}{p}",
                judgement.verdict,
                score.map(|s| format!(", score {s}")).unwrap_or_default()
            ),
        });
        self.progress.look = Some(Look {
            samples,
            verdict: judgement.verdict,
            score: judgement.score,
            score_low: judgement.score_low,
            score_high: judgement.score_high,
        });
        self.last_judgement = Some(judgement.clone());
        judgement
    }

    fn stands(&mut self, phase: &str, done: usize) {
        let all = self.bundle.as_ref().map_or(1, |b| b.programme.samples()).max(1);
        self.progress.phase = phase.to_owned();
        self.progress.share = done as f64 / all as f64;
        self.progress.missing = if done < all { vec![format!("{} of {all} samples", all - done)] } else { vec![] };
        let missing = self.progress.missing.join(", ");
        let score = self.last_judgement.as_ref().and_then(score_text);
        self.view.show(&Notice::Stands {
            tag: self.soak.tag.clone(),
            phase: phase.to_owned(),
            share: self.progress.share,
            score,
            missing,
        });
        if let Err(error) = self.tell_gate() {
            tracing::warn!("the gate does not know the progress: {error:#}");
        }
    }

    fn extended(&mut self) {
        if let Err(error) = self.apply(Event::ExtensionBegan) {
            tracing::error!("{error:#}");
        }
    }
}

/// Score with interval, `96 (91..99)`.
pub fn score_text(judgement: &Judgement) -> Option<String> {
    Some(format!("{:.0} ({:.0}..{:.0})", judgement.score?, judgement.score_low?, judgement.score_high?))
}
