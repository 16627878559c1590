//! Trials: one deployed tag, one experiment after the other, and whether the tag's objectives broke.

use super::experiment::{Ground, Wanted};
use super::faults::{Around, Experimented, run_told};
use super::guard::Watch;
use super::loads::suites_of;
use super::session::Session;
use anyhow::Context as _;
use chaos::document::{Experiment, Guard, Then};
use chaos::execute::Progress;
use chaos::span::Span;
use scorer::Signal;
use scorer::evidence::Ended;
use scorer::signal::{Form, Tier, Worse};
use scorer::survival::Recovery;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// How long an objective has to be broken without a break to count.
const BROKEN_FOR: Span = Span::from_ms(3_000);
/// How long a tag may take to meet its objectives before a trial; one that hangs is deployed again then.
const CALM_WITHIN: Duration = Duration::from_secs(30);
/// How often a tag that does not meet its objectives is deployed again before it is given up.
const REDEPLOYMENTS: u32 = 1;
/// Before anything was undone; no moment of a run is so early.
const NOT_UNDONE: i64 = i64::MIN;
/// Pause between two looks at the signals.
const LOOK: Duration = Duration::from_millis(250);

/// What a trial came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trial {
    /// The objectives held, or were met again when the rest was over.
    Held,
    /// This signal was below its objective for three seconds, or still was when the rest was over.
    Broke(String),
    /// The fault could not be verified: the trial says nothing.
    Void(String),
    /// Somebody asked for the end.
    Stopped,
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trial::Held => f.write_str("held"),
            Trial::Broke(signal) => write!(f, "broke {signal}"),
            Trial::Void(why) => write!(f, "says nothing: {why}"),
            Trial::Stopped => f.write_str("stopped"),
        }
    }
}

impl Trial {
    /// Whether the tag broke; `None` when the trial says nothing.
    pub fn broke(&self) -> Option<bool> {
        match self {
            Trial::Held => Some(false),
            Trial::Broke(_) => Some(true),
            Trial::Void(_) | Trial::Stopped => None,
        }
    }
}

/// A trial, and when the objectives were met again.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried {
    /// What it came to.
    pub trial: Trial,
    /// From the last undo on, seconds, to a scrape; `None` when the fault was not in.
    pub recovery: Option<Recovery>,
}

impl From<Trial> for Tried {
    fn from(trial: Trial) -> Self {
        Self { trial, recovery: None }
    }
}

/// Why trials ended before they were over.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// Somebody asked for the end.
    #[error("stopped")]
    Stopped,
    /// A trial could not be run.
    #[error(transparent)]
    Trial(#[from] anyhow::Error),
}

/// Something of a fault that could not be undone.
#[derive(Debug, thiserror::Error)]
#[error("something is left of {experiment}: {residue}")]
pub struct LeftBehind {
    experiment: String,
    residue: String,
}

/// Signals that must hold.
#[derive(Clone, Debug)]
pub enum Watched {
    /// Somebody named them: they count, whoever is hit.
    Named(Vec<String>),
    /// Nobody did: that the one who is hit fails itself is no finding, and its own signals are left out.
    Usual(Vec<String>),
}

impl Watched {
    /// Their names.
    pub fn names(&self) -> &[String] {
        match self {
            Watched::Named(names) | Watched::Usual(names) => names,
        }
    }
}

/// What becomes of the guards that an experiment has itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Own {
    /// Only what is watched counts: an early end would hide what a trial looks for.
    LeftOut,
    /// They end the trial, which is broken then.
    Heeded,
}

/// A deployed tag under trial.
pub struct Laboratory {
    ground: Ground,
    watched: Watched,
    stop: CancellationToken,
    trials: u32,
    /// Whether the last trial broke the tag.
    broken: bool,
}

/// The signals that a trial watches without being told: shares of good answers that the gate relies on.
pub fn success_signals(ground: &Ground) -> Vec<String> {
    let counts =
        |s: &scorer::Signal| matches!(s.form, Form::Ratio { .. }) && s.objective.is_some() && s.tier == Tier::Gate;
    ground.signals().into_iter().filter(counts).map(|signal| signal.name).collect()
}

impl Laboratory {
    /// Deploys the tag of `ground`; `None` when `stop` came first.
    ///
    /// # Errors
    /// The tag cannot be deployed, or a watched signal has no objective.
    pub async fn open(ground: Ground, watched: Watched, stop: CancellationToken) -> anyhow::Result<Option<Self>> {
        anyhow::ensure!(
            !watched.names().is_empty(),
            "no gate signal of kind ratio has an objective; name signals that have one with --signals"
        );
        let laboratory = Self { ground, watched, stop, trials: 0, broken: false };
        laboratory.watches(None)?;
        let deployed = laboratory.ground.deploy(&laboratory.stop).await;
        if !matches!(deployed, Ok(true)) {
            laboratory.ground.shutdown().await;
        }
        Ok(deployed?.then_some(laboratory))
    }

    /// What faults can act on.
    pub fn inventory(&self) -> chaos::inventory::Inventory {
        self.ground.inventory()
    }

    /// The tag.
    pub fn tag(&self) -> &str {
        self.ground.tag()
    }

    /// What must hold.
    pub fn watched(&self) -> &Watched {
        &self.watched
    }

    /// From now on these must hold.
    ///
    /// # Errors
    /// One of them is not declared or has no objective.
    pub fn watch(&mut self, watched: Watched) -> anyhow::Result<()> {
        self.watched = watched;
        self.watches(None).map(drop)
    }

    /// Ends the tag.
    pub async fn close(self) {
        self.ground.shutdown().await;
    }

    /// The objectives as guards, while this experiment hits somebody.
    fn watches(&self, hit: Option<&Experiment>) -> anyhow::Result<Vec<Watch>> {
        let signals = self.ground.signals();
        let components = match &self.watched {
            Watched::Named(_) => Vec::new(),
            Watched::Usual(_) => hit.map(components_hit).unwrap_or_default(),
        };
        let mut guards = Vec::new();
        for name in self.watched.names() {
            let signal = signals.iter().find(|signal| signal.name == *name);
            let signal = signal.with_context(|| format!("signal `{name}` is not declared"))?;
            if signal.component.as_deref().is_some_and(|component| components.contains(&component)) {
                continue;
            }
            let guard = objective_guard(signal).map_err(|why| anyhow::anyhow!("signal `{name}` {why}"))?;
            guards.push(guard);
        }
        Watch::all(&guards, &signals).map_err(anyhow::Error::msg)
    }

    /// Runs the experiment once, and says in one line what it came to; `what` is what was tried.
    ///
    /// # Errors
    /// Stopped, or the trial could not be run.
    pub async fn told(
        &mut self,
        experiment: &Experiment,
        seed: u64,
        (what, told): (&str, &dyn Fn(&str)),
    ) -> Result<Tried, TrialError> {
        let tried = self.trial(experiment, seed).await?;
        if tried.trial == Trial::Stopped {
            return Err(TrialError::Stopped);
        }
        told(&format!("{}: {what}: {}", self.tag(), tried.trial));
        Ok(tried)
    }

    /// Runs the experiment once.
    ///
    /// # Errors
    /// The tag does not meet its objectives without any fault, or something of the fault is left.
    pub async fn trial(&mut self, experiment: &Experiment, seed: u64) -> anyhow::Result<Tried> {
        self.trial_among((experiment, seed), Own::LeftOut, &|_| ()).await
    }

    /// Runs the experiment once; its own guards break it, too. `told` is told what happens.
    ///
    /// # Errors
    /// As [`Laboratory::trial`], and a guard that cannot be watched.
    pub async fn guarded_trial(
        &mut self,
        experiment: &Experiment,
        seed: u64,
        told: &(dyn Fn(&Progress) + Sync),
    ) -> anyhow::Result<Tried> {
        self.trial_among((experiment, seed), Own::Heeded, told).await
    }

    async fn trial_among(
        &mut self,
        (experiment, seed): (&Experiment, u64),
        own: Own,
        tell: &(dyn Fn(&Progress) + Sync),
    ) -> anyhow::Result<Tried> {
        let wanted = Wanted { experiment: experiment.clone(), repeat: Some(1), seed, replay_of: None };
        let (plan, objections) = wanted.plan(&self.ground.inventory())?;
        if let Some(objection) = objections.first() {
            return Ok(Trial::Void(objection.message.clone()).into());
        }
        self.trials += 1;
        // What a trial has broken may go on being broken: the next one is about another fault.
        if std::mem::take(&mut self.broken) && !self.ground.deploy(&self.stop).await? {
            return Ok(Trial::Stopped.into());
        }
        let Some(mut session) = self.calm().await? else {
            return Ok(Trial::Stopped.into());
        };
        session.loads.announce(suites_of(&plan));
        let mut watches = self.watches(Some(experiment))?;
        if own == Own::Heeded {
            watches.extend(Watch::all(&experiment.guards, &self.ground.signals()).map_err(anyhow::Error::msg)?);
        }
        if watches.is_empty() {
            session.end().await;
            let why = "every signal that is watched is one of a component that is hit: name others with --signals";
            return Ok(Trial::Void(why.to_owned()).into());
        }
        let undone_ms = AtomicI64::new(NOT_UNDONE);
        let told = |progress: &Progress| {
            tell(progress);
            if let Progress::Undone { at_ms, .. } = progress {
                undone_ms.store(*at_ms, Ordering::Relaxed);
            }
        };
        let around = Around { guards: &watches, journal: self.ground.journal(), stop: &self.stop, told: &told };
        let experimented = run_told(&mut session, &plan, around).await;
        let undone_ms = Some(undone_ms.into_inner()).filter(|at_ms| *at_ms != NOT_UNDONE);
        let recovery = undone_ms.map(|at_ms| recovery(&watches, &session, at_ms));
        let late = watches.iter().find_map(|watch| watch.tripped(&session.recorder)).map(str::to_owned);
        let evidence = session.end().await;
        let tripped = evidence.exposures.iter().find(|exposure| exposure.ended == Ended::GuardTripped);
        let in_rest = match experimented {
            Experimented::Residue(residue) => {
                return Err(LeftBehind { experiment: plan.experiment.clone(), residue }.into());
            }
            Experimented::Stopped if tripped.is_none() => return Ok(Trial::Stopped.into()),
            // What broke before somebody asked for the end is an answer.
            Experimented::Stopped | Experimented::Over => None,
            Experimented::GuardTripped(signal) => Some(signal),
        };
        // Without a fault that was in, a broken signal is nobody's answer.
        let late = late.filter(|_| evidence.exposures.iter().any(|exposure| exposure.verified));
        let of = |detail: &str| detail.strip_prefix("guard on ").unwrap_or(detail).to_owned();
        let signal = tripped.map(|exposure| of(exposure.detail.as_deref().unwrap_or_default())).or(in_rest).or(late);
        self.broken = signal.is_some();
        let trial = match (signal, evidence.exposures.iter().find(|exposure| !exposure.verified)) {
            (Some(signal), _) => Trial::Broke(signal),
            (None, Some(void)) => return Ok(Trial::Void(void.detail.clone().unwrap_or_default()).into()),
            (None, None) => Trial::Held,
        };
        Ok(Tried { trial, recovery })
    }

    /// A session in which every objective is met; a tag that does not come to meet them is deployed again.
    async fn calm(&self) -> anyhow::Result<Option<Session>> {
        for deployment in 0..=REDEPLOYMENTS {
            if deployment > 0 && !self.ground.deploy(&self.stop).await? {
                return Ok(None);
            }
            let session = self.ground.session(&format!("trial-{}", self.trials)).await?;
            let watches = self.watches(None)?;
            let until = Instant::now() + CALM_WITHIN;
            let mut session = session;
            while Instant::now() < until && !self.stop.is_cancelled() {
                session.follow();
                if watches.iter().all(|watch| watch.is_good(&session.recorder)) {
                    return Ok(Some(session));
                }
                sleep(LOOK).await;
            }
            session.end().await;
            if self.stop.is_cancelled() {
                return Ok(None);
            }
        }
        anyhow::bail!(
            "{} does not meet the objectives of {} without any fault",
            self.tag(),
            self.watched.names().join(", ")
        )
    }
}

/// The objective of a signal as a guard.
///
/// # Errors
/// Why it cannot be watched.
pub fn objective_guard(signal: &Signal) -> Result<Guard, &'static str> {
    let objective = signal.objective.ok_or("has no objective, so that nothing can break it")?;
    let (below, above) = match (&signal.form, signal.worse) {
        (form, _) if form.is_share() => (Some(objective), None),
        (Form::Gauge { .. }, Worse::Down) => (Some(objective), None),
        (Form::Gauge { .. }, Worse::Up) => (None, Some(objective)),
        (Form::Gauge { .. }, Worse::Either) => {
            return Err("is worse in either direction: its objective has no good side");
        }
        _ => return Err("is a distribution, rate or count: ratios, latencies and gauges can be watched"),
    };
    Ok(Guard { signal: signal.name.clone(), below, above, for_: BROKEN_FOR, then: Then::Abort })
}

/// The components that the faults of an experiment act on.
fn components_hit(experiment: &Experiment) -> Vec<&str> {
    let faults = experiment.method.iter().flat_map(|step| step.faults(""));
    faults.filter_map(|(_, fault)| Some(experiment.targets.get(fault.target())?.component.as_str())).collect()
}

/// When every objective was met again after this moment; censored when one still was not at the end of the rest.
fn recovery(watches: &[Watch], session: &Session, undone_ms: i64) -> Recovery {
    let watched_s = seconds(session.recorder.now_ms() - undone_ms);
    let last = watches.iter().map(|watch| watch.met_after(&session.recorder, undone_ms)).collect::<Option<Vec<_>>>();
    match last {
        Some(after) => Recovery { time: seconds(after.into_iter().max().unwrap_or(0)), censored: false },
        None => Recovery { time: watched_s, censored: true },
    }
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}
