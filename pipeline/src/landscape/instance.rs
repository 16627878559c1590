//! One component in one version: started, watched, started again as its restart policy says, stopped.

use super::edges::Edges;
use super::events::Events;
use super::health::{self, Look};
use super::logs::LogFiles;
use super::ports;
use super::process::{Exit, Family, Launch, Process};
use super::processes::{Check, Component, RestartPolicy};
use super::residual;
use chaos::inventory::Preparation;
use chaos::sandbox::Settings;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

/// Rest between two looks at a component that is not ready yet.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What all instances of a landscape share.
pub(crate) struct Shared {
    pub(crate) mettle: PathBuf,
    pub(crate) installation: String,
    pub(crate) here: PathBuf,
    pub(crate) grace: Duration,
    pub(crate) events: Events,
    pub(crate) client: reqwest::Client,
    pub(crate) edges: Edges,
}

/// What to run.
#[derive(Clone)]
pub(crate) struct Blueprint {
    pub(crate) component: Component,
    pub(crate) version: String,
    pub(crate) tag: String,
    pub(crate) program: PathBuf,
    pub(crate) dir: PathBuf,
    pub(crate) logs: LogFiles,
    /// Variables that load a clock of its own.
    pub(crate) clock: Option<[(&'static str, String); 2]>,
}

impl Blueprint {
    /// What its sandbox is for; `None` when it is prepared for nothing that needs one.
    fn sandbox(&self, shared: &Shared) -> Option<Settings> {
        let prepare = &self.component.prepare;
        let folder = prepare.contains(&Preparation::Io).then(|| self.dir.clone());
        let resolvers = prepare.contains(&Preparation::Dns).then(Vec::new);
        if folder.is_none() && resolvers.is_none() {
            return None;
        }
        let mark = format!("{}={}", residual::MARK, shared.installation);
        Some(Settings { mark, component: self.component.name.clone(), folder, resolvers })
    }

    fn launch(&self, shared: &Shared, port: u16) -> Launch {
        let fill = |text: &str| {
            text.replace("{version}", &self.version)
                .replace("{tag}", &self.tag)
                .replace("{port}", &port.to_string())
                .replace("{dir}", &self.dir.to_string_lossy())
                .replace("{here}", &shared.here.to_string_lossy())
        };
        let mut env: std::collections::BTreeMap<String, String> =
            self.component.env.iter().map(|(name, value)| (name.clone(), fill(value))).collect();
        for (target, variable) in &self.component.reaches {
            if let Some(address) = shared.edges.address(&self.component.name, target) {
                let text = self.component.reaches_format.replace("{host}", &address.ip().to_string());
                env.insert(variable.clone(), text.replace("{port}", &address.port().to_string()));
            }
        }
        for (name, value) in self.clock.iter().flatten() {
            // What it preloads by itself comes after ours.
            let own = env.remove(*name).map(|own| format!(":{own}")).unwrap_or_default();
            env.insert((*name).to_owned(), format!("{value}{own}"));
        }
        Launch {
            mettle: shared.mettle.clone(),
            installation: shared.installation.clone(),
            component: self.component.name.clone(),
            program: self.program.clone(),
            arguments: self.component.command.iter().skip(1).map(|text| fill(text)).collect(),
            env,
            dir: self.dir.clone(),
            sandbox: self.sandbox(shared),
            grace: shared.grace,
            logs: self.logs.clone(),
        }
    }
}

/// Why a component did not become ready.
#[derive(Clone, Debug)]
pub(crate) struct StartFailure {
    pub(crate) reason: String,
    pub(crate) last_lines: Vec<String>,
}

/// What is known of a running instance at this moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Live {
    pub(crate) port: u16,
    pub(crate) family: Family,
    pub(crate) ready: bool,
    pub(crate) restarts: u64,
    pub(crate) given_up: bool,
}

/// A component that runs, or is being restarted, or was given up.
pub(crate) struct Instance {
    pub(crate) blueprint: Blueprint,
    live: Arc<Mutex<Live>>,
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl Instance {
    /// Starts the component and waits until it is ready or the start is given up; from then on it is watched.
    pub(crate) async fn start(
        shared: Arc<Shared>,
        blueprint: Blueprint,
        give_up: &CancellationToken,
    ) -> Result<Self, StartFailure> {
        let (process, port) = start_ready(&shared, &blueprint, None, give_up).await?;
        let stop = CancellationToken::new();
        shared.edges.point(&blueprint.component.name, Some(port));
        let live = Arc::new(Mutex::new(Live::default()));
        let mut watch = Watch { shared, blueprint: blueprint.clone(), live: live.clone(), stop: stop.clone(), port };
        watch.is_up(&process);
        let task = Some(tokio::spawn(async move { watch.run(process).await }));
        Ok(Self { blueprint, live, stop, task })
    }

    /// What is known at this moment.
    pub(crate) fn live(&self) -> Live {
        self.live.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Process ids, the component itself first.
    pub(crate) fn pids(&self) -> Vec<i32> {
        self.live().family.tree()
    }

    /// Stops it; nothing of it is left when this returns.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        if let Some(task) = self.task.take()
            && let Err(error) = task.await
        {
            tracing::error!(component = self.blueprint.component.name, "its watch ended early: {error}");
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Watches one instance.
struct Watch {
    shared: Arc<Shared>,
    blueprint: Blueprint,
    live: Arc<Mutex<Live>>,
    stop: CancellationToken,
    port: u16,
}

impl Watch {
    fn change(&self, change: impl FnOnce(&mut Live)) {
        change(&mut self.live.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn is_up(&mut self, process: &Process) {
        let (port, family) = (self.port, process.family());
        self.change(|live| *live = Live { port, family, ready: true, ..live.clone() });
    }

    fn is_down(&self) {
        self.change(|live| *live = Live { family: Family::default(), ready: false, ..live.clone() });
    }

    fn tell(&self, kind: &str, detail: String) {
        self.shared.events.emit(kind, &self.blueprint.component.name, detail);
    }

    async fn run(&mut self, mut process: Process) {
        let stop = self.stop.clone();
        let mut recent = VecDeque::new();
        loop {
            let exit = tokio::select! {
                biased;
                () = stop.cancelled() => {
                    process.stop().await;
                    return self.is_down();
                }
                exit = process.ended() => exit,
            };
            self.is_down();
            let last = process.last_lines().pop().map(|line| format!("; last line: {line}")).unwrap_or_default();
            self.tell("crash", format!("{exit}{last}"));
            match self.start_again(&mut recent).await {
                Some(next) => process = next,
                None => return,
            }
        }
    }

    /// Restarts until it is ready; `None` when it was stopped meanwhile.
    async fn start_again(&mut self, recent: &mut VecDeque<Instant>) -> Option<Process> {
        let policy = self.blueprint.component.restart.clone();
        loop {
            let now = Instant::now();
            recent.retain(|at| now.duration_since(*at) < policy.within.duration());
            let give_up = match policy.policy {
                RestartPolicy::Never => Some("left down: its restart policy is never".to_owned()),
                RestartPolicy::Always if recent.len() >= policy.max as usize => {
                    Some(format!("left down: {} restarts within {}", recent.len(), policy.within))
                }
                RestartPolicy::Always => None,
            };
            if let Some(reason) = give_up {
                self.change(|live| live.given_up = true);
                self.tell("not_ready", reason);
                self.stop.cancelled().await;
                return None;
            }
            recent.push_back(now);
            tokio::select! {
                () = self.stop.cancelled() => return None,
                () = sleep(policy.delay.duration()) => {}
            }
            let started = start_ready(&self.shared, &self.blueprint, Some(self.port), &self.stop).await;
            if self.stop.is_cancelled() {
                if let Ok((process, _)) = started {
                    process.stop().await;
                }
                return None;
            }
            self.change(|live| live.restarts += 1);
            match started {
                Ok((process, port)) => {
                    self.port = port;
                    self.shared.edges.point(&self.blueprint.component.name, Some(port));
                    self.is_up(&process);
                    self.tell("restart", "started again and ready".to_owned());
                    return Some(process);
                }
                Err(failure) => self.tell("not_ready", format!("started again in vain: {}", failure.reason)),
            }
        }
    }
}

/// Starts a component and waits until it is ready, on the wanted port or one that the system chooses. A port that
/// another program took in between is replaced once.
async fn start_ready(
    shared: &Shared,
    blueprint: &Blueprint,
    wanted: Option<u16>,
    stop: &CancellationToken,
) -> Result<(Process, u16), StartFailure> {
    let fresh = || {
        ports::choose().map_err(|error| StartFailure { reason: format!("no port: {error}"), last_lines: Vec::new() })
    };
    let first = match wanted {
        Some(port) => port,
        None => fresh()?,
    };
    match try_port(shared, blueprint, first, stop).await {
        Err(failure) if address_in_use(&failure) && !stop.is_cancelled() => {
            let second = fresh()?;
            try_port(shared, blueprint, second, stop).await.map(|process| (process, second))
        }
        tried => tried.map(|process| (process, first)),
    }
}

/// Whether the last lines speak of a port that is taken: the words of the C library and of common runtimes.
fn address_in_use(failure: &StartFailure) -> bool {
    failure.last_lines.iter().any(|line| {
        let line = line.to_lowercase();
        line.contains("address already in use") || line.contains("eaddrinuse") || line.contains("address in use")
    })
}

async fn try_port(
    shared: &Shared,
    blueprint: &Blueprint,
    port: u16,
    stop: &CancellationToken,
) -> Result<Process, StartFailure> {
    let mut process = Process::start(blueprint.launch(shared, port), &shared.events)
        .await
        .map_err(|error| StartFailure { reason: format!("cannot be started: {error}"), last_lines: Vec::new() })?;
    let health = &blueprint.component.health;
    let deadline = health.deadline.duration();
    let check = health.check();
    let waited = {
        let ready = await_ready(shared, &check, port, process.family());
        tokio::pin!(ready);
        tokio::select! {
            biased;
            () = stop.cancelled() => Waited::Stopped,
            exit = process.ended() => Waited::Exited(exit),
            seen = timed(&mut ready, deadline, &check) => seen,
        }
    };
    let reason = match waited {
        Waited::Ready => return Ok(process),
        Waited::Exited(exit) => {
            let last_lines = process.last_lines();
            return Err(StartFailure { reason: format!("{exit} before it was ready"), last_lines });
        }
        Waited::Stopped => "stopped before it was ready".to_owned(),
        Waited::TooLate => {
            // The reason is what a last look says; it may even have come up now, which is too late.
            let pids = process.family().tree();
            match health::look(&shared.client, &check, port, &pids).await {
                Look::NotYet(why) => format!("not ready within {}: {why}", health.deadline),
                Look::Ready => format!("not ready within {}", health.deadline),
            }
        }
    };
    let last_lines = process.last_lines();
    process.stop().await;
    Err(StartFailure { reason, last_lines })
}

enum Waited {
    Ready,
    Exited(Exit),
    Stopped,
    TooLate,
}

async fn timed(ready: impl Future<Output = ()>, deadline: Duration, check: &Check) -> Waited {
    // A component that is ready by being alive is given that time on top of the deadline.
    let alive = if let Check::Alive(span) = check { *span } else { Duration::ZERO };
    match timeout_at(Instant::now() + deadline + alive, ready).await {
        Ok(()) => Waited::Ready,
        Err(_) => Waited::TooLate,
    }
}

async fn await_ready(shared: &Shared, check: &Check, port: u16, family: Family) {
    if let Check::Alive(span) = check {
        return sleep(*span).await;
    }
    while health::look(&shared.client, check, port, &family.tree()).await != Look::Ready {
        sleep(LOOK_EVERY).await;
    }
}
