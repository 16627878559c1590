//! An experiment on its own: the tag is deployed, the plan runs under traffic and guards, everything is undone.

use super::bundle::Bundle;
use super::chaos_record::{ChaosOutcome, ChaosRecord};
use super::clear::clear;
use super::decided::{Sequential, undecidable};
use super::faults::{Around, Experimented, StoreJournal, run_told};
use super::guard::Watch;
use super::installation::{Installation, Lock};
use super::loads::{suites_of, unknown_loads};
use super::metrics_source::MetricsSource;
use super::session::{Begin, Session};
use super::sources::{SeenTag, Sources, Truth};
use super::supervise::{components_folder, supervise};
use crate::builtin;
use crate::documents::Complaint;
use crate::landscape::faults::inventory;
use crate::landscape::local::{Local, Release, Unchanged};
use chaos::document::Experiment;
use chaos::execute::Progress;
use chaos::holder::restore_kept;
use chaos::inventory::Inventory;
use chaos::plan::{Objection, Overrides, Plan, PlanError};
use chrono::Utc;
use scorer::Signal;
use scorer::evidence::Subject;
use std::path::Path;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Digits of the plan hash in the id of a record.
const HASH_DIGITS: usize = 8;

/// An experiment with everything that makes it repeatable.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The document.
    pub experiment: Experiment,
    /// Repetitions instead of the document's own.
    pub repeat: Option<u32>,
    /// Seed of every draw.
    pub seed: u64,
    /// Record that is replayed.
    pub replay_of: Option<String>,
}

impl Wanted {
    /// Whether it ends when its hypothesis is decided: a number of repetitions that was asked for is kept.
    pub fn until_decided(&self) -> bool {
        self.repeat.is_none() && self.experiment.repeat.until.is_some()
    }

    /// The plan, and everything that speaks against it.
    ///
    /// # Errors
    /// The document has problems.
    pub fn plan(&self, inventory: &Inventory) -> Result<(Plan, Vec<Objection>), PlanError> {
        let over = Overrides { repeat: self.repeat.or(self.experiment.most_until_decided()), ..Overrides::default() };
        let plan = chaos::plan::build(&self.experiment, inventory, over, self.seed)?;
        let objections = chaos::plan::check(&plan, inventory);
        Ok((plan, objections))
    }
}

/// Whoever watches an experiment.
#[derive(Clone, Copy)]
pub struct Told<'a> {
    /// What happens.
    pub progress: &'a (dyn Fn(&Progress) + Sync),
    /// How far the hypothesis is decided, in one line.
    pub says: &'a (dyn Fn(&str) + Sync),
}

/// A landscape that is ours for one experiment; nothing runs yet.
pub struct Ground {
    installation: Installation,
    truth: Truth,
    seen: SeenTag,
    bundle: Bundle,
    local: Arc<Local>,
    _lock: Lock,
}

impl Ground {
    /// Takes the installation, clears what an earlier worker left, and reads the documents of `tag`: the tag that was
    /// soaked last, else the newest, when none is named.
    ///
    /// # Errors
    /// A worker has the installation, the tag is not there, or its documents cannot be read.
    pub async fn take(installation: Installation, tag: Option<&str>, mettle: &Path) -> anyhow::Result<Self> {
        let lock = installation.lock()?;
        clear(&installation).await?;
        let sources = Sources::open(&installation).await?;
        let truth = sources.read().await?;
        let seen = choose(&installation, &truth, tag)?;
        let bundle =
            sources.bundle(&seen.tag.commit, truth.landscape.programme.as_deref()).await?.within(&truth.processes);
        let local = Arc::new(Local::new(supervise(&installation, &truth.processes, mettle))?);
        Ok(Ground { installation, truth, seen, bundle, local, _lock: lock })
    }

    /// What faults can act on.
    pub fn inventory(&self) -> Inventory {
        inventory(&self.truth.processes)
    }

    /// Signals of the tag, its own and those that Mettle makes.
    pub fn signals(&self) -> Vec<Signal> {
        builtin::signals(&self.bundle)
    }

    /// The tag.
    pub fn tag(&self) -> &str {
        &self.seen.tag.name
    }

    /// Whether the guards of an experiment can be watched.
    ///
    /// # Errors
    /// Which cannot, and why.
    pub fn check_guards(&self, experiment: &Experiment) -> anyhow::Result<()> {
        self.guards(experiment).map(drop)
    }

    /// Guards of an experiment over the signals of the tag.
    fn guards(&self, experiment: &Experiment) -> anyhow::Result<Vec<Watch>> {
        Watch::all(&experiment.guards, &self.signals()).map_err(anyhow::Error::msg)
    }

    /// Everything in the experiment that this tag cannot do.
    pub fn complaints(&self, wanted: &Wanted) -> Vec<Complaint> {
        let mut complaints = unknown_loads(&wanted.experiment, &self.bundle.suites);
        if wanted.until_decided() {
            complaints.extend(undecidable(&wanted.experiment, &self.signals()));
        }
        complaints
    }

    /// Deploys, injects, undoes, ends; the record is written in every case in which something was injected.
    ///
    /// # Errors
    /// The tag cannot be deployed, its suites cannot start, a guard cannot be read, or the record cannot be written.
    pub async fn run(
        self,
        (wanted, plan): (&Wanted, &Plan),
        stop: &CancellationToken,
        told: Told<'_>,
    ) -> anyhow::Result<Option<ChaosRecord>> {
        // What cannot be guarded is not deployed.
        self.guards(&wanted.experiment)?;
        let ran = self.run_deployed((wanted, plan), stop, told).await;
        self.shutdown().await;
        let record = ran?;
        if let Some(record) = &record {
            record.write(&self.installation)?;
        }
        Ok(record)
    }

    pub(super) fn journal(&self) -> Arc<StoreJournal> {
        Arc::new(StoreJournal(self.installation.store.clone()))
    }

    /// Makes the tag run; false when `stop` came first.
    ///
    /// # Errors
    /// The tag cannot be deployed.
    pub async fn deploy(&self, stop: &CancellationToken) -> anyhow::Result<bool> {
        let release = Release { tag: self.seen.tag.name.clone(), versions: self.bundle.product.versions() };
        let (local, give_up) = (self.local.clone(), stop.clone());
        // Owned by a task, because a deployment that is dropped midway would not be rolled back.
        let deployed = tokio::spawn(async move { local.deploy(&release, Unchanged::Restart, &give_up).await }).await?;
        if stop.is_cancelled() {
            return Ok(false);
        }
        if let Err(refused) = deployed {
            let lines = if refused.last_lines.is_empty() {
                String::new()
            } else {
                format!("; last lines: {}", refused.last_lines.join(" | "))
            };
            anyhow::bail!("{refused}{lines}");
        }
        Ok(true)
    }

    /// Ends everything that runs here.
    pub async fn shutdown(&self) {
        self.local.shutdown().await;
        // Whatever could not be undone while the component ran. What fails is told, and refuses the next start.
        let folder = components_folder(&self.installation);
        let restored = tokio::task::spawn_blocking(move || restore_kept(&folder)).await.unwrap_or_default();
        for (path, undone) in restored {
            tracing::warn!("found {} changed: {undone:?}", path.display());
        }
    }

    async fn run_deployed(
        &self,
        (wanted, plan): (&Wanted, &Plan),
        stop: &CancellationToken,
        told: Told<'_>,
    ) -> anyhow::Result<Option<ChaosRecord>> {
        if !self.deploy(stop).await? {
            return Ok(None);
        }
        let started_at = Utc::now();
        let plan_hash = plan.hash();
        let id = format!("{}-{}-{}", plan.experiment, started_at.format("%Y%m%dT%H%M%SZ"), &plan_hash[..HASH_DIGITS]);
        let mut session = self.session(&id).await?;
        session.loads.announce(suites_of(plan));
        // They watch from now on: while it was deployed nothing could be measured.
        let guards = self.guards(&wanted.experiment)?;
        let around = Around { guards: &guards, journal: self.journal(), stop, told: told.progress };
        let (experimented, decided) = if wanted.until_decided() {
            let least = wanted.experiment.repeat.least_until_decided() as usize;
            let sequential = Sequential { plan, least, signals: &self.signals(), around, says: told.says };
            let (experimented, decided) = sequential.run(&mut session).await;
            (experimented, Some(decided))
        } else {
            (run_told(&mut session, plan, around).await, None)
        };
        let loads = session.loads_beside().to_vec();
        let evidence = session.end().await;
        let (outcome, residue) = match experimented {
            Experimented::Residue(residue) => (ChaosOutcome::Residue, Some(residue)),
            Experimented::Stopped => (ChaosOutcome::Aborted, None),
            Experimented::GuardTripped(_) => (ChaosOutcome::GuardTripped, None),
            Experimented::Over if evidence.exposures.iter().all(|e| e.verified) => (ChaosOutcome::Completed, None),
            Experimented::Over => (ChaosOutcome::NotVerified, None),
        };
        let (api_version, kind) = ChaosRecord::head();
        Ok(Some(ChaosRecord {
            api_version,
            kind,
            id,
            replay_of: wanted.replay_of.clone(),
            product: self.truth.landscape.metadata.product.clone(),
            tag: self.seen.tag.name.clone(),
            commit: self.seen.tag.commit.clone(),
            landscape: self.truth.landscape.metadata.name.clone(),
            experiment: wanted.experiment.clone(),
            repeat: wanted.repeat,
            seed: wanted.seed,
            plan_hash,
            plan: plan.clone(),
            started_at,
            ended_at: Utc::now(),
            outcome,
            decided,
            residue,
            exposures: evidence.exposures,
            loads,
        }))
    }

    /// Recorder, suites and load of the tag's programme: a fault without traffic shows nothing, and guards read signals.
    pub(super) async fn session(&self, id: &str) -> anyhow::Result<Session> {
        let state = &self.truth.landscape.toggles.state;
        let toggles = self.bundle.product.toggles.iter();
        let toggles = toggles.map(|t| (t.key.clone(), state.get(&t.key).cloned().unwrap_or_else(|| "on".into())));
        Ok(Session::begin(Begin {
            bundle: &self.bundle,
            local: self.local.clone(),
            subject: Subject {
                product: self.truth.landscape.metadata.product.clone(),
                tag: self.seen.tag.name.clone(),
                commit: self.seen.tag.commit.clone(),
                landscape: self.truth.landscape.metadata.name.clone(),
                cluster: self.truth.landscape.clusters[0].name.clone(),
                soak: id.to_owned(),
                attempt: 1,
            },
            toggles: toggles.collect(),
            rate: self.bundle.programme.load.as_ref().and_then(|l| l.rate).map(|r| r.0),
            loads: Default::default(),
            metrics: MetricsSource::of(&self.installation, &self.truth.landscape),
        })
        .await?)
    }
}

/// Everything in an experiment that the tag which would run cannot do, as far as its documents tell.
///
/// # Errors
/// There is no tag, or its documents cannot be read.
pub async fn complaints_before(
    (installation, sources): (&Installation, &Sources),
    truth: &Truth,
    experiment: &Experiment,
) -> anyhow::Result<Vec<Complaint>> {
    let is_decided = experiment.repeat.until.is_some();
    if !is_decided && experiment.method.iter().all(|step| step.loads("").is_empty()) {
        return Ok(Vec::new());
    }
    let seen = choose(installation, truth, None)?;
    let bundle = sources.bundle(&seen.tag.commit, truth.landscape.programme.as_deref()).await?;
    let mut complaints = unknown_loads(experiment, &bundle.suites);
    if is_decided {
        complaints.extend(undecidable(experiment, &builtin::signals(&bundle)));
    }
    Ok(complaints)
}

/// Why there is no tag to run an experiment on.
#[derive(Debug, thiserror::Error)]
#[error("{product} has no tag `{tag}`; {}", if known.is_empty() { "it has no tags yet: git tag -a v1.0.0 -m v1.0.0".to_owned() } else { format!("known: {}", known.join(", ")) })]
pub struct NoSuchTag {
    product: String,
    tag: String,
    known: Vec<String>,
}

fn choose(installation: &Installation, truth: &Truth, tag: Option<&str>) -> anyhow::Result<SeenTag> {
    let product = &truth.landscape.metadata.product;
    let soaked = installation.store.soaks(product)?.into_iter().rfind(|s| !s.attempts.is_empty()).map(|s| s.tag);
    let find = |name: &str| truth.tags.iter().find(|t| t.tag.name == name);
    let chosen = match tag {
        Some(tag) => find(tag),
        None => soaked.as_deref().and_then(find).or(truth.tags.last()),
    };
    chosen.cloned().ok_or_else(|| {
        NoSuchTag {
            product: product.clone(),
            tag: tag.unwrap_or("v1.0.0").to_owned(),
            known: truth.tags.iter().map(|t| t.tag.name.clone()).collect(),
        }
        .into()
    })
}
