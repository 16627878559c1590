//! One call of `git`: arguments in, output out, within a deadline.

use super::error::GitError;
use super::remote::{Remote, redact};
use crate::landscape::residual::MARK;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

/// Deadline of a call that stays on this machine: generous, since a loaded disk is no reason to fail.
pub const LOCAL_DEADLINE: Duration = Duration::from_secs(60);
/// Deadline of a call that talks to a remote: a first clone of a component with a long history fits.
pub const NETWORK_DEADLINE: Duration = Duration::from_secs(120);
/// Longest output that is kept: the patches of one release of one component, by far.
pub(super) const MAX_OUTPUT_BYTES: u64 = 64 * 1024 * 1024;
/// Longest part of an error text that is kept.
const MAX_DETAIL_BYTES: usize = 2_000;

/// Options of every call. No hooks, signing, colours, background work or programs named by a repository; a
/// transfer that stalls ends by itself, also when Mettle is gone.
const OPTIONS: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.quotePath=false",
    "core.fsmonitor=false",
    "core.pager=cat",
    "color.ui=false",
    "commit.gpgSign=false",
    "tag.gpgSign=false",
    "push.gpgSign=false",
    "push.followTags=false",
    "log.showSignature=false",
    "fetch.recurseSubmodules=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "protocol.ext.allow=never",
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=30",
];
const SSH: &str = "ssh -oBatchMode=yes -oConnectTimeout=10 -oServerAliveInterval=5 -oServerAliveCountMax=3";
/// Variables of a surrounding git (a hook, for instance) that would redirect ours.
const FOREIGN: &[&str] = &[
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_COMMON_DIR",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_EXTERNAL_DIFF",
    "GIT_TRACE",
];

/// The `git` program and how long it may take.
#[derive(Clone, Debug)]
pub struct Git {
    program: PathBuf,
    local: Duration,
    network: Duration,
    mark: Option<OsString>,
}

impl Default for Git {
    fn default() -> Self {
        Git { program: PathBuf::from("git"), local: LOCAL_DEADLINE, network: NETWORK_DEADLINE, mark: None }
    }
}

/// What a call touches: decides its deadline and how its failure reads.
#[derive(Clone, Copy)]
pub(crate) enum Reach<'a> {
    Local,
    Remote(&'a Remote),
}

/// One call, complete.
pub(crate) struct Call<'a> {
    pub(crate) operation: &'static str,
    pub(crate) repository: &'a Path,
    pub(crate) reach: Reach<'a>,
    pub(crate) args: Vec<OsString>,
    pub(crate) env: Vec<(&'static str, OsString)>,
    pub(crate) stdin: Vec<u8>,
}

impl<'a> Call<'a> {
    pub(crate) fn local(operation: &'static str, repository: &'a Path) -> Self {
        Call { operation, repository, reach: Reach::Local, args: Vec::new(), env: Vec::new(), stdin: Vec::new() }
    }

    pub(crate) fn remote(operation: &'static str, repository: &'a Path, remote: &'a Remote) -> Self {
        Call { reach: Reach::Remote(remote), ..Call::local(operation, repository) }
    }

    pub(crate) fn args<I: IntoIterator<Item: Into<OsString>>>(mut self, args: I) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    pub(crate) fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.env.push((name, value.into()));
        self
    }

    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    pub(crate) fn place(&self) -> String {
        match self.reach {
            Reach::Local => self.repository.display().to_string(),
            Reach::Remote(remote) => remote.to_string(),
        }
    }
}

/// What a call wrote, whatever its exit code.
pub(crate) struct Output {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Git {
    /// Another program than the `git` of the search path, or other deadlines.
    pub fn new(program: impl Into<PathBuf>, local: Duration, network: Duration) -> Self {
        Git { program: program.into(), local, network, mark: None }
    }

    /// The same, with every call and its helpers marked as belonging to an installation.
    pub fn marked(self, installation: &str) -> Self {
        Git { mark: Some(installation.into()), ..self }
    }

    /// Runs the call; a non-zero exit code is not an error here.
    pub(crate) async fn run(&self, call: Call<'_>) -> Result<Output, GitError> {
        let deadline = match call.reach {
            Reach::Local => self.local,
            Reach::Remote(_) => self.network,
        };
        let failed = |source| GitError::Start { program: self.program.clone(), operation: call.operation, source };
        let child = self.command(&call).spawn().map_err(failed)?;
        let mut group = Group::of(&child);
        let talked = tokio::time::timeout(deadline, talk(child, &call.stdin)).await;
        let output = match talked {
            Ok(result) => result.map_err(failed)?,
            Err(_) => {
                drop(group);
                return Err(GitError::TimedOut { operation: call.operation, place: call.place(), after: deadline });
            }
        };
        if output.stdout.len() as u64 > MAX_OUTPUT_BYTES {
            drop(group);
            return Err(GitError::TooMuchOutput {
                operation: call.operation,
                place: call.place(),
                limit: MAX_OUTPUT_BYTES,
            });
        }
        group.disarm();
        Ok(output)
    }

    /// Runs the call; a non-zero exit code is an error.
    pub(crate) async fn ok(&self, call: Call<'_>) -> Result<Vec<u8>, GitError> {
        let (operation, place) = (call.operation, call.place());
        let remote = matches!(call.reach, Reach::Remote(_));
        let output = self.run(call).await?;
        if output.code == 0 {
            return Ok(output.stdout);
        }
        Err(explain(operation, place, remote, &output))
    }

    /// As [`Git::ok`], for output that is one line of text.
    pub(crate) async fn line(&self, call: Call<'_>) -> Result<String, GitError> {
        let (operation, place) = (call.operation, call.place());
        let bytes = self.ok(call).await?;
        let text = String::from_utf8_lossy(&bytes);
        match text.trim_end_matches('\n') {
            line if !line.contains('\n') => Ok(line.to_owned()),
            _ => Err(GitError::Unexpected { operation, place, output: text.into_owned() }),
        }
    }

    fn command(&self, call: &Call<'_>) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--no-pager").arg("--git-dir").arg(call.repository);
        for option in OPTIONS {
            command.arg("-c").arg(option);
        }
        command.args(&call.args).current_dir("/");
        for name in FOREIGN {
            command.env_remove(name);
        }
        command
            .env("LC_ALL", "C")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_PAGER", "cat")
            .env("GIT_OPTIONAL_LOCKS", "0");
        if std::env::var_os("GIT_SSH_COMMAND").is_none() {
            command.env("GIT_SSH_COMMAND", SSH);
        }
        if let Some(mark) = &self.mark {
            command.env(MARK, mark);
        }
        command.envs(call.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // An own group: helpers (ssh, git-remote-https) die with it, and Ctrl-C on a terminal does not cut a push.
        command.process_group(0).kill_on_drop(true);
        command
    }
}

async fn talk(mut child: Child, input: &[u8]) -> std::io::Result<Output> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let write = async {
        if let Some(mut pipe) = stdin {
            // A git that ends early closes the pipe: its exit code says why, better than the pipe does.
            let _closed_early = pipe.write_all(input).await;
        }
    };
    let read = async {
        let mut kept = Vec::new();
        if let Some(pipe) = stdout {
            pipe.take(MAX_OUTPUT_BYTES + 1).read_to_end(&mut kept).await?;
        }
        std::io::Result::Ok(kept)
    };
    let complain = async {
        let mut kept = Vec::new();
        if let Some(mut pipe) = stderr {
            (&mut pipe).take(MAX_DETAIL_BYTES as u64 * 8).read_to_end(&mut kept).await?;
            tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await?;
        }
        std::io::Result::Ok(kept)
    };
    let ((), kept, complaint) = tokio::join!(write, read, complain);
    let stdout = kept?;
    if stdout.len() as u64 > MAX_OUTPUT_BYTES {
        return Ok(Output { code: -1, stdout, stderr: String::new() });
    }
    let status = child.wait().await?;
    Ok(Output { code: status.code().unwrap_or(-1), stdout, stderr: String::from_utf8_lossy(&complaint?).into_owned() })
}

pub(crate) fn explain(operation: &'static str, place: String, remote: bool, output: &Output) -> GitError {
    let detail = tidy(&output.stderr);
    let missing = missing_name(&output.stderr);
    if let Some(name) = missing {
        return GitError::NoSuchRef { place, name };
    }
    if remote && UNREACHABLE.iter().any(|part| output.stderr.contains(part)) {
        return GitError::Unreachable { operation, remote: place, detail };
    }
    GitError::Failed { operation, place, code: output.code, detail }
}

/// What git and its helpers say when the other side is not there or does not let us in (LC_ALL=C).
const UNREACHABLE: &[&str] = &[
    "does not appear to be a git repository",
    "Could not read from remote repository",
    "unable to access",
    "Authentication failed",
    "could not read Username",
    "could not read Password",
    "Could not resolve host",
    "Connection refused",
    "Connection timed out",
    "unable to connect",
    "unable to look up",
    "not found",
    "dubious ownership",
    "early EOF",
    "unexpected disconnect",
    "the remote end hung up",
    "does not exist",
];

fn missing_name(stderr: &str) -> Option<String> {
    const STARTS: &[&str] = &[
        "couldn't find remote ref ",
        "bad revision '",
        "unknown revision '",
        "ambiguous argument '",
        "Not a valid object name ",
        "Needed a single revision",
    ];
    STARTS.iter().find_map(|start| {
        let rest = stderr.split_once(start)?.1;
        Some(rest.split(['\'', '\n', ':']).next().unwrap_or_default().trim().to_owned())
    })
}

/// One line without credentials.
pub(crate) fn tidy(stderr: &str) -> String {
    let mut text =
        redact(&stderr.split('\n').map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; "));
    if let Some((cut, _)) = text.char_indices().find(|(at, _)| *at >= MAX_DETAIL_BYTES) {
        text.truncate(cut);
    }
    text
}

/// Kills the process group of a call that is given up, also when the future is dropped.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Group {
        Group(child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw))
    }

    fn disarm(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            // Gone already is as good as killed.
            let _gone = killpg(pid, Signal::SIGKILL);
        }
    }
}
