//! The supervisor: deploys releases of a product as processes of this host, upgrades and rolls back.

use super::deployment::{Deployed, NotDeployable, Rollback};
use super::edges::Edges;
use super::events::{Clock, Events};
use super::health;
use super::instance::{Blueprint, Instance, Shared, StartFailure};
use super::logs::LogFiles;
use super::order::{StartOrder, start_order};
use super::problem::Problem;
use super::processes::{Component, Processes, USER};
use super::residual;
use chaos::inventory::Preparation;
use chaos::landscape::Site;
use chaos::proxy::{Edge, EdgeError};
use chaos::shifted_clock;
use scorer::evidence::Event;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What a local landscape needs to know.
pub struct LocalConfig {
    /// The document.
    pub processes: Processes,
    /// Folder of the document: relative programs and `{here}`.
    pub here: PathBuf,
    /// Below it each component gets its `{dir}`.
    pub work_dir: PathBuf,
    /// Log files, `<component>.log`.
    pub log_dir: PathBuf,
    /// Installation id: the mark of all processes, so that the next start finds what is left.
    pub installation: String,
    /// The `mettle` binary, which is also the reaper.
    pub mettle: PathBuf,
    /// From the request to stop until the kill.
    pub grace: Duration,
    /// Time of events.
    pub clock: Clock,
}

/// A product tag: which version of each component runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Product tag, `v1.42.0`.
    pub tag: String,
    /// Versions by component. A component of the document that is not named here does not run.
    pub versions: BTreeMap<String, String>,
}

/// What becomes of components whose version does not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unchanged {
    /// They run on.
    Keep,
    /// They start anew, so that every soak observes processes of the same age.
    Restart,
}

/// Why a local landscape could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// The document has problems that its schema cannot say.
    #[error("the processes have {} problems, first {}: {}", problems.len(), problems[0].key, problems[0].message)]
    Document {
        /// All of them; at least one.
        problems: Vec<Problem>,
    },
    /// A folder could not be made.
    #[error("failed to create folder {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// An edge could not be opened.
    #[error("failed to open the edges")]
    Edges(#[from] EdgeError),
    /// The client for health paths could not be built.
    #[error("failed to build the health client")]
    Client(#[from] reqwest::Error),
}

/// What is known of a component at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentState {
    /// Version.
    pub version: String,
    /// Process ids: itself first, then all descendants; without the reaper. Empty while down.
    pub pids: Vec<i32>,
    /// Whether it runs and was ready.
    pub ready: bool,
    /// Restarts since it was deployed.
    pub restarts: u64,
    /// Whether it has been left down.
    pub given_up: bool,
    /// Direct address of its metrics, past the edges. May change with a restart.
    pub metrics_url: Option<String>,
    /// Where the user's side reaches it: its edge.
    pub user_url: Option<String>,
}

/// A landscape of local processes. To be ended by [`Local::shutdown`]; when it is dropped, all components end too.
pub struct Local {
    shared: Arc<Shared>,
    components: BTreeMap<String, Component>,
    order: StartOrder,
    here: PathBuf,
    work_dir: PathBuf,
    log_dir: PathBuf,
    running: Mutex<BTreeMap<String, Instance>>,
    /// The release that runs; held while one is being deployed.
    current: tokio::sync::Mutex<Option<Release>>,
}

impl Local {
    /// Opens the edges; nothing runs yet. To be called within a tokio runtime, after `residual::clear`.
    pub fn new(config: LocalConfig) -> Result<Self, LocalError> {
        let problems = config.processes.problems();
        if !problems.is_empty() {
            return Err(LocalError::Document { problems });
        }
        let absolute = |path: &Path| -> Result<PathBuf, LocalError> {
            let folder = |source| LocalError::Folder { path: path.to_owned(), source };
            std::fs::create_dir_all(path).map_err(folder)?;
            path.canonicalize().map_err(folder)
        };
        let work_dir = absolute(&config.work_dir)?;
        let log_dir = absolute(&config.log_dir)?;
        let here = absolute(&config.here)?;
        let shared = Shared {
            mettle: config.mettle,
            installation: config.installation,
            here: here.clone(),
            grace: config.grace,
            events: Events::new(config.clock),
            client: health::client()?,
            edges: Edges::open(&config.processes)?,
        };
        Ok(Self {
            shared: Arc::new(shared),
            order: start_order(&config.processes.components),
            components: config.processes.components.into_iter().map(|c| (c.name.clone(), c)).collect(),
            here,
            work_dir,
            log_dir,
            running: Mutex::default(),
            current: tokio::sync::Mutex::default(),
        })
    }

    /// Makes this release run: only components whose version changed, or that are down for good, are replaced.
    /// When one of them does not become ready, or `give_up` is cancelled before, the release before is restored.
    ///
    /// # Errors
    /// [`NotDeployable`] says which component, why, and what runs now.
    pub async fn deploy(
        &self,
        release: &Release,
        unchanged: Unchanged,
        give_up: &CancellationToken,
    ) -> Result<Deployed, NotDeployable> {
        let mut current = self.current.lock().await;
        let refused = |component: String, failure: StartFailure, rollback| NotDeployable {
            tag: release.tag.clone(),
            component,
            reason: failure.reason,
            last_lines: failure.last_lines,
            rollback,
        };
        let plan = match self.plan(release, unchanged) {
            Ok(plan) => plan,
            Err((component, failure)) => {
                return Err(refused(component, failure, Rollback::Untouched));
            }
        };
        let removed = self.not_named_in(release);
        let mut before = Vec::new();
        for name in &removed {
            before.extend(self.stop(name).await);
        }
        let mut started = Vec::new();
        for blueprint in plan {
            let name = blueprint.component.name.clone();
            before.extend(self.stop(&name).await);
            if let Err(failure) = self.start(blueprint, give_up).await {
                let rollback = self.roll_back(&started, before, current.as_ref()).await;
                if matches!(rollback, Rollback::Failed { .. }) {
                    *current = None;
                }
                return Err(refused(name, failure, rollback));
            }
            started.push(name);
        }
        *current = Some(release.clone());
        Ok(Deployed { tag: release.tag.clone(), started, removed, warnings: self.order.warnings.clone() })
    }

    /// What has to start, in order. Looks only: nothing is changed by a release that cannot start.
    fn plan(&self, release: &Release, unchanged: Unchanged) -> Result<Vec<Blueprint>, (String, StartFailure)> {
        let failure = |reason: String| StartFailure { reason, last_lines: Vec::new() };
        if let Some(unknown) = release.versions.keys().find(|name| !self.components.contains_key(*name)) {
            return Err((unknown.clone(), failure("is not described in the processes of this landscape".to_owned())));
        }
        let mut plan = Vec::new();
        for name in &self.order.names {
            let Some(version) = release.versions.get(name) else {
                continue;
            };
            let untouched = unchanged == Unchanged::Keep
                && self.lock().get(name).is_some_and(|i| i.blueprint.version == *version && !i.live().given_up);
            if untouched {
                continue;
            }
            let component = self.components[name].clone();
            let program = component.command[0].replace("{version}", version);
            let program = find_program(&program, &self.here, &self.shared.mettle)
                .map_err(|reason| (name.clone(), failure(reason)))?;
            let dir = self.folder(name);
            std::fs::create_dir_all(&dir)
                .map_err(|error| (name.clone(), failure(format!("has no folder {}: {error}", dir.display()))))?;
            let logs = LogFiles {
                component: name.clone(),
                path: self.log_dir.join(format!("{name}.log")),
                max_bytes: component.logs.max_size.bytes(),
                keep: component.logs.keep,
            };
            let clock = self.clock_of(&component).map_err(|error| (name.clone(), failure(error.to_string())))?;
            let (version, tag) = (version.clone(), release.tag.clone());
            plan.push(Blueprint { component, version, tag, program, dir, logs, clock });
        }
        Ok(plan)
    }

    /// A clock of its own, for a component that is prepared for faults of it.
    fn clock_of(&self, component: &Component) -> io::Result<Option<[(&'static str, String); 2]>> {
        let wanted = component.prepare.contains(&Preparation::Time);
        wanted.then(|| shifted_clock::prepare(&self.clocks(), &component.name)).transpose()
    }

    /// Folder of the clocks; no component has its name.
    fn clocks(&self) -> PathBuf {
        self.work_dir.join(".clocks")
    }

    /// Page of the clock of a component that is prepared for faults of it.
    pub fn clock(&self, component: &str) -> Option<PathBuf> {
        let prepared = self.components.get(component)?.prepare.contains(&Preparation::Time);
        prepared.then(|| shifted_clock::page(&self.clocks(), component))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Instance>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn not_named_in(&self, release: &Release) -> Vec<String> {
        self.lock().keys().filter(|name| !release.versions.contains_key(*name)).cloned().collect()
    }

    async fn start(&self, blueprint: Blueprint, give_up: &CancellationToken) -> Result<(), StartFailure> {
        let name = blueprint.component.name.clone();
        let instance = Instance::start(self.shared.clone(), blueprint, give_up).await?;
        self.lock().insert(name, instance);
        Ok(())
    }

    /// Stops a component, if it runs, and returns what it was.
    async fn stop(&self, name: &str) -> Option<Blueprint> {
        let instance = self.lock().remove(name)?;
        self.shared.edges.point(name, None);
        let blueprint = instance.blueprint.clone();
        instance.stop().await;
        Some(blueprint)
    }

    /// Stops what was started and starts what was stopped.
    async fn roll_back(&self, started: &[String], before: Vec<Blueprint>, previous: Option<&Release>) -> Rollback {
        for name in started.iter().rev() {
            self.stop(name).await;
        }
        let position = |b: &Blueprint| self.order.names.iter().position(|name| *name == b.component.name);
        let mut before = before;
        before.sort_by_key(position);
        for blueprint in before {
            let component = blueprint.component.name.clone();
            // What was well before is soon well again, and nobody would restore it later.
            if let Err(failure) = self.start(blueprint, &CancellationToken::new()).await {
                return Rollback::Failed { component, reason: failure.reason };
            }
        }
        match previous {
            Some(release) => Rollback::To { tag: release.tag.clone() },
            None => Rollback::Nothing,
        }
    }

    /// The release that runs, if any; waits while one is being deployed.
    pub async fn current(&self) -> Option<Release> {
        self.current.lock().await.clone()
    }

    /// Every component that runs or should run, at this moment.
    pub fn peek(&self) -> BTreeMap<String, ComponentState> {
        self.lock().iter().map(|(name, instance)| (name.clone(), self.state(name, instance))).collect()
    }

    fn state(&self, name: &str, instance: &Instance) -> ComponentState {
        let live = instance.live();
        let metrics = instance.blueprint.component.metrics.as_ref();
        ComponentState {
            version: instance.blueprint.version.clone(),
            pids: instance.pids(),
            ready: live.ready,
            restarts: live.restarts,
            given_up: live.given_up,
            metrics_url: metrics.map(|path| format!("http://127.0.0.1:{}{path}", live.port)),
            user_url: self.user_address(name).map(|address| format!("http://{address}")),
        }
    }

    /// Folder in which a component works, its `{dir}`.
    pub fn folder(&self, component: &str) -> PathBuf {
        self.work_dir.join(component)
    }

    /// How faults are held on the processes of this landscape.
    pub fn site(&self) -> Site {
        Site { program: self.shared.mettle.clone(), mark: format!("{}={}", residual::MARK, self.shared.installation) }
    }

    /// Address of the user's edge of a component; stays for the life of the landscape.
    pub fn user_address(&self, component: &str) -> Option<SocketAddr> {
        self.shared.edges.address(USER, component)
    }

    /// Process ids of a component, itself first; empty when it does not run.
    pub fn pids(&self, component: &str) -> Vec<i32> {
        self.lock().get(component).map(Instance::pids).unwrap_or_default()
    }

    /// Whether a component runs and was ready.
    pub fn ready(&self, component: &str) -> bool {
        self.lock().get(component).is_some_and(|instance| instance.live().ready)
    }

    /// The components of the document, by name.
    pub fn components(&self) -> impl Iterator<Item = &Component> {
        self.components.values()
    }

    /// All edges.
    pub fn edges(&self) -> Vec<Arc<Edge>> {
        self.shared.edges.all()
    }

    /// Takes what happened since the last call.
    pub fn drain_events(&self) -> Vec<Event> {
        self.shared.events.drain()
    }

    /// Stops every component, last started first, and closes the edges.
    pub async fn shutdown(&self) {
        let mut current = self.current.lock().await;
        for name in self.order.names.iter().rev() {
            self.stop(name).await;
        }
        *current = None;
        self.shared.edges.shutdown().await;
    }
}

/// Finds a program: with a slash relative to the document, else on PATH, else beside `mettle` itself.
fn find_program(program: &str, here: &Path, mettle: &Path) -> Result<PathBuf, String> {
    use std::os::unix::fs::PermissionsExt;
    let runs = |path: &PathBuf| path.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
    if program.contains('/') {
        let path = here.join(program);
        return if runs(&path) { Ok(path) } else { Err(format!("has no program {}", path.display())) };
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(mettle.parent().map(Path::to_owned))
        .map(|folder| folder.join(program))
        .find(runs)
        .ok_or_else(|| format!("has no program `{program}` on PATH"))
}
