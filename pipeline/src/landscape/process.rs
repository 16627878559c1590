//! Mettle's side of a component's process: its reaper, lifeline, status records and log.

use super::events::Events;
use super::logs::{self, LogFiles, Tail};
use super::reaper;
use super::residual;
use chaos::proc_table;
use chaos::sandbox::Settings;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, PipeWriter};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// Variables of Mettle's own environment that a component sees; the rest may hold Mettle's secrets.
const INHERITED: [&str; 6] = ["PATH", "HOME", "USER", "LANG", "TZ", "TMPDIR"];
/// How long the reaper may take to start the component.
const START_DEADLINE: Duration = Duration::from_secs(10);
/// How much longer than the grace the end of a tree may take: the reaper's own deadline of 10 s and some more.
const END_MARGIN: Duration = Duration::from_secs(12);

/// Everything that is needed to start a process.
#[derive(Clone)]
pub(crate) struct Launch {
    /// The `mettle` binary, which is also the reaper.
    pub(crate) mettle: PathBuf,
    /// Installation id: the mark of everything that is started.
    pub(crate) installation: String,
    /// Component name.
    pub(crate) component: String,
    /// Program.
    pub(crate) program: PathBuf,
    /// Arguments.
    pub(crate) arguments: Vec<String>,
    /// Environment.
    pub(crate) env: BTreeMap<String, String>,
    /// Working directory.
    pub(crate) dir: PathBuf,
    /// What a sandbox has to be for, when it needs one.
    pub(crate) sandbox: Option<Settings>,
    /// From the request to stop until the kill.
    pub(crate) grace: Duration,
    /// Log files.
    pub(crate) logs: LogFiles,
}

/// How a component ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// By itself, with this exit code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// Its reaper was killed, and it with it.
    ReaperLost,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "exited with code {code}"),
            Exit::Signal(number) => match Signal::try_from(*number) {
                Ok(signal) => write!(f, "was ended by {signal}"),
                Err(_) => write!(f, "was ended by signal {number}"),
            },
            Exit::ReaperLost => write!(f, "was ended because its reaper was killed"),
        }
    }
}

/// A running component. Dropping it closes the lifeline, which ends the whole tree.
pub(crate) struct Process {
    launch: Launch,
    reaper: Child,
    family: Family,
    lifeline: Option<PipeWriter>,
    status: Lines<BufReader<ChildStdout>>,
    exit: Option<Exit>,
    tail: Tail,
    log: Option<std::thread::JoinHandle<()>>,
}

impl Process {
    /// Starts a component under its reaper. It is started, not ready, when this returns.
    pub(crate) async fn start(launch: Launch, events: &Events) -> io::Result<Self> {
        let (lifeline_end, lifeline) = io::pipe()?;
        let (log_reader, log_writer) = io::pipe()?;
        let tail = Tail::default();
        let sandbox = launch.sandbox.as_ref().map(serde_json::to_string).transpose().map_err(io::Error::other)?;
        let mut command = Command::new(&launch.mettle);
        command
            .args([reaper::SUBCOMMAND, "--grace-ms", &launch.grace.as_millis().to_string()])
            .args(sandbox.map(|json| ["--sandbox".to_owned(), json]).into_iter().flatten())
            .arg("--")
            .arg(&launch.program)
            .args(&launch.arguments)
            .current_dir(&launch.dir)
            .env_clear()
            .envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
            .envs(&launch.env)
            .env(residual::MARK, &launch.installation)
            .env(residual::COMPONENT_MARK, &launch.component)
            .stdin(Stdio::from(lifeline_end))
            .stdout(Stdio::piped())
            .stderr(Stdio::from(log_writer))
            // Ctrl-C in the terminal is for Mettle, which stops its components in order.
            .process_group(0);
        let mut child = command.spawn()?;
        // The command still holds our copies of the child's pipe ends: with them the log would never end.
        drop(command);
        let reaper = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .ok_or_else(|| io::Error::other("the reaper has no process id"))?;
        let status = child.stdout.take().ok_or_else(|| io::Error::other("the reaper has no status pipe"))?;
        let log = logs::follow(log_reader, launch.logs.clone(), tail.clone(), events.clone())?;
        let mut process = Self {
            launch,
            reaper: child,
            family: Family { reaper, main: 0, sandbox: None },
            lifeline: Some(lifeline),
            status: BufReader::new(status).lines(),
            exit: None,
            tail,
            log: Some(log),
        };
        process.family = timeout(START_DEADLINE, process.started()).await.map_err(|_| {
            io::Error::new(io::ErrorKind::TimedOut, format!("the reaper did not start within {START_DEADLINE:?}"))
        })??;
        Ok(process)
    }

    async fn started(&mut self) -> io::Result<Family> {
        let mut line = self.status.next_line().await?.unwrap_or_default();
        let sandbox = line.strip_prefix("sandbox ").and_then(|pid| pid.parse().ok());
        if sandbox.is_some() {
            line = self.status.next_line().await?.unwrap_or_default();
        }
        match line.strip_prefix("started ").and_then(|pid| pid.parse().ok()) {
            Some(main) => Ok(Family { main, sandbox, ..self.family }),
            None => {
                self.finish_log().await;
                Err(io::Error::other(format!("the reaper did not start it: {}", self.tail.lines().join(" "))))
            }
        }
    }

    /// Waits until the component and everything that it started have ended. May be dropped and called again.
    pub(crate) async fn ended(&mut self) -> Exit {
        while let Ok(Some(line)) = self.status.next_line().await {
            match line.split_once(' ').and_then(|(word, n)| Some((word, n.parse().ok()?))) {
                Some(("exited", code)) => self.exit = Some(Exit::Code(code)),
                Some(("signaled", number)) => self.exit = Some(Exit::Signal(number)),
                Some(("left", n)) => {
                    tracing::error!(component = self.launch.component, "{n} processes could not be ended");
                }
                _ => {}
            }
        }
        // An error here means that it was reaped already: the status pipe has told what there is to tell.
        let _ = self.reaper.wait().await;
        if self.exit.is_none() {
            self.clear_orphans().await;
        }
        self.finish_log().await;
        self.exit.unwrap_or(Exit::ReaperLost)
    }

    /// Stops the component: asks, waits for its grace, then ends the tree. Returns when nothing of it is left.
    pub(crate) async fn stop(mut self) -> Exit {
        if self.reaper.id().is_some() {
            // Not yet reaped by us, so the number is the reaper's own.
            let _ = kill(Pid::from_raw(self.family.reaper), Signal::SIGTERM);
        }
        let patience = self.launch.grace + END_MARGIN;
        if let Ok(exit) = timeout(patience, self.ended()).await {
            return exit;
        }
        drop(self.lifeline.take());
        if let Ok(exit) = timeout(END_MARGIN, self.ended()).await {
            return exit;
        }
        let _ = self.reaper.start_kill();
        self.clear_orphans().await;
        Exit::ReaperLost
    }

    /// Ends what a killed reaper could not: the parent-death signal reaches the component itself, not its children.
    async fn clear_orphans(&self) {
        let (installation, component) = (self.launch.installation.clone(), self.launch.component.clone());
        let cleared = tokio::task::spawn_blocking(move || residual::clear_component(&installation, &component)).await;
        match cleared {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::error!(component = self.launch.component, "{error}"),
            Err(error) => tracing::error!(component = self.launch.component, "clearing failed: {error}"),
        }
    }

    /// Waits for the last lines. Bounded, for a process that could not be ended keeps the pipe open.
    async fn finish_log(&mut self) {
        if let Some(log) = self.log.take() {
            let _ = timeout(START_DEADLINE, tokio::task::spawn_blocking(move || log.join())).await;
        }
    }

    /// The component, its reaper and its sandbox.
    pub(crate) fn family(&self) -> Family {
        self.family
    }

    /// The last lines that it wrote.
    pub(crate) fn last_lines(&self) -> Vec<String> {
        self.tail.lines()
    }
}

/// The processes of one component that we know by their numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Family {
    /// The reaper; 0 when nothing runs.
    pub(crate) reaper: i32,
    /// The component itself.
    pub(crate) main: i32,
    /// Its sandbox, which is no part of the component.
    pub(crate) sandbox: Option<i32>,
}

impl Family {
    /// What of the component runs: itself first, then what it started, nearest first. Empty when nothing runs.
    pub(crate) fn tree(self) -> Vec<i32> {
        if self.reaper == 0 {
            return Vec::new();
        }
        let table = proc_table::snapshot().unwrap_or_default();
        let mut pids: Vec<i32> = proc_table::descendants(&table, self.reaper)
            .iter()
            .filter(|entry| !entry.zombie && Some(entry.pid) != self.sandbox)
            .map(|entry| entry.pid)
            .collect();
        pids.sort_by_key(|pid| *pid != self.main);
        pids
    }
}
