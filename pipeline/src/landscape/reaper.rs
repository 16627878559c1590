//! The reaper: one small process between Mettle and each component, which lets nothing of it survive.
//!
//! Mettle starts `mettle reaper --grace-ms N [--sandbox SETTINGS] -- program arguments...`; three pipes join them:
//! - stdin is the **lifeline**: only Mettle holds its write end (close-on-exec). End of file means that Mettle is
//!   gone, however it went, and ends everything at once;
//! - stdout carries **status records**, one a line: `sandbox PID` if there is one, `started PID`, then `exited CODE` or `signaled NUMBER`, then
//!   `left N` when N processes could not be ended;
//! - stderr is the log of the component, its stdout and stderr in one.
//!
//! The reaper is a subreaper: descendants that fork twice or open their own session are handed to it, so "no child
//! is left to wait for" proves that the whole tree is gone. Second belt: the component dies with its reaper by its
//! parent-death signal, set by the same program between fork and exec (`--become`), where no unsafe code is needed.
//!
//! A component that is prepared for faults of its files or its resolver gets a sandbox ([`chaos::sandbox`]) beside it,
//! which it joins before it becomes itself. Without its sandbox it has no files: the end of the one ends the other.

use super::residual::{COMPONENT_MARK, MARK};
use super::tree_end;
use chaos::proc_table::{self, Entry};
use chaos::sandbox::{self, Settings};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpid, getppid};
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// Name of the hidden subcommand.
pub const SUBCOMMAND: &str = "reaper";

/// How long the reaper tries to end a tree before it reports what is left.
const END_DEADLINE: Duration = Duration::from_secs(10);

/// How much of it the sandbox outlives the others: what they wrote into memory that they share with their files goes
/// through it while they end. An operation that a fault holds back may take longer.
const WRITE_BACK_MAX: Duration = Duration::from_secs(2);

/// Exit code when the arguments are wrong or the program cannot be started; the shells' "command not found".
const EXIT_CANNOT_START: u8 = 127;

/// Runs the reaper with the arguments after `mettle reaper`. To be called before any thread is started.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let ended = Task::read(args.into_iter()).ok_or_else(usage).and_then(|task| match task {
        Task::Reap { grace, sandbox, command } => reap(grace, sandbox, command),
        Task::Become { parent, sandbox, command } => Err(become_component(parent, sandbox, command)),
    });
    ended.unwrap_or_else(|error| {
        // stderr is the log of the component: this is where its last lines are looked up.
        let _ = writeln!(io::stderr(), "mettle: {error}");
        ExitCode::from(EXIT_CANNOT_START)
    })
}

/// What the arguments ask for.
enum Task {
    Reap { grace: Duration, sandbox: Option<Settings>, command: Vec<OsString> },
    Become { parent: u32, sandbox: Option<i32>, command: Vec<OsString> },
}

impl Task {
    fn read(mut args: impl Iterator<Item = OsString>) -> Option<Self> {
        let (option, value) = (args.next()?, args.next()?.into_string().ok()?);
        let mut next = args.next()?;
        let mut sandbox = None;
        if next == "--sandbox" {
            sandbox = Some(args.next()?.into_string().ok()?);
            next = args.next()?;
        }
        let command: Vec<OsString> = args.collect();
        if next != "--" || command.is_empty() {
            return None;
        }
        match option.to_str()? {
            "--grace-ms" => {
                let grace = Duration::from_millis(value.parse::<u32>().ok()?.into());
                let sandbox = sandbox.map(|json| serde_json::from_str(&json)).transpose().ok()?;
                Some(Task::Reap { grace, sandbox, command })
            }
            "--become" => {
                let sandbox = sandbox.map(|pid| pid.parse()).transpose().ok()?;
                Some(Task::Become { parent: value.parse().ok()?, sandbox, command })
            }
            _ => None,
        }
    }
}

fn usage() -> io::Error {
    io::Error::other(
        "usage: mettle reaper --grace-ms N [--sandbox JSON] -- PROGRAM [ARGUMENT...] (started by Mettle, not by hand)",
    )
}

/// Becomes the component. Returns only if that failed.
fn become_component(parent: u32, sandbox: Option<i32>, command: Vec<OsString>) -> io::Error {
    let Some((program, arguments)) = command.split_first() else {
        return usage();
    };
    // Before the signal is set: the kernel forgets it when rights change.
    if let Err(error) = sandbox.map_or(Ok(()), sandbox::join) {
        return io::Error::new(error.kind(), format!("cannot join the sandbox: {error}"));
    }
    let prepared = prctl::set_pdeathsig(Signal::SIGKILL).and_then(|()| SigSet::all().thread_unblock());
    if let Err(error) = prepared {
        return error.into();
    }
    // The signal comes only for a parent that dies from now on.
    if u32::try_from(getppid().as_raw()) != Ok(parent) {
        return io::Error::other("the reaper is gone");
    }
    let error = Command::new(program).args(arguments).exec();
    io::Error::new(error.kind(), format!("cannot run {}: {error}", program.display()))
}

/// Supervises one component until it and everything that it started is gone.
fn reap(grace: Duration, sandbox: Option<Settings>, command: Vec<OsString>) -> io::Result<ExitCode> {
    prctl::set_child_subreaper(true)?;
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        signals.add(signal);
    }
    signals.thread_block()?;
    let signals = SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
    let log = io::stderr().as_fd().try_clone_to_owned()?;
    let sandbox = sandbox.as_ref().map(start_sandbox).transpose()?;
    if let Some(sandbox) = sandbox {
        record(&format!("sandbox {sandbox}"));
    }
    let child = Command::new("/proc/self/exe")
        .args([SUBCOMMAND, "--become", &getpid().to_string()])
        .args(sandbox.map(|pid| ["--sandbox".to_owned(), pid.to_string()]).into_iter().flatten())
        .arg("--")
        .args(command)
        .stdin(Stdio::null())
        .stdout(log)
        .process_group(0)
        .spawn()?;
    let main = Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?);
    record(&format!("started {main}"));
    let mut tree = Tree { main, ended: None, sandbox, sandbox_is_gone: false };
    let cause = watch(&mut tree, &signals, grace);
    // Whatever happened, an error of the watch included: the tree is ended before the reaper is.
    let left = tree.end();
    match tree.ended {
        Some(WaitStatus::Exited(_, code)) => record(&format!("exited {code}")),
        Some(WaitStatus::Signaled(_, signal, _)) => record(&format!("signaled {}", signal as i32)),
        _ => {}
    }
    if left > 0 {
        record(&format!("left {left}"));
    }
    cause.map(|()| ExitCode::SUCCESS)
}

/// Waits until the component has exited, its grace is over, or Mettle is gone.
fn watch(tree: &mut Tree, signals: &SignalFd, grace: Duration) -> io::Result<()> {
    let mut kill_at: Option<Instant> = None;
    loop {
        let timeout = match kill_at.map(|at| at.saturating_duration_since(Instant::now())) {
            Some(Duration::ZERO) => return Ok(()),
            // One millisecond more, because the timeout is cut to whole ones.
            Some(left) => PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX),
            None => PollTimeout::NONE,
        };
        let lifeline = io::stdin();
        let mut fds =
            [PollFd::new(lifeline.as_fd(), PollFlags::POLLIN), PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let stirred = fds[0].revents().is_some_and(|events| !events.is_empty());
        if stirred && lifeline.lock().read(&mut [0; 64])? == 0 {
            return Ok(());
        }
        while let Some(info) = signals.read_signal()? {
            if info.ssi_signo != Signal::SIGCHLD as u32 && kill_at.is_none() {
                kill_at = Some(Instant::now() + grace);
                tree.ask_to_stop();
            }
        }
        tree.collect();
        if tree.ended.is_some() {
            return Ok(());
        }
        if tree.sandbox_is_gone {
            let _ = writeln!(io::stderr(), "mettle: its sandbox has ended, and its files are gone with it");
            return Ok(());
        }
    }
}

/// Starts the sandbox; it dies with us. Its process id.
fn start_sandbox(settings: &Settings) -> io::Result<Pid> {
    let marks: Vec<(&str, String)> =
        [MARK, COMPONENT_MARK].into_iter().filter_map(|name| Some((name, std::env::var(name).ok()?))).collect();
    let marks: Vec<(&str, &str)> = marks.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let started = sandbox::start(Path::new("/proc/self/exe"), settings, &marks)?;
    Ok(Pid::from_raw(i32::try_from(started.child.id()).map_err(io::Error::other)?))
}

/// The component and everything that it started.
struct Tree {
    main: Pid,
    ended: Option<WaitStatus>,
    sandbox: Option<Pid>,
    sandbox_is_gone: bool,
}

impl Tree {
    /// Asks the component to stop. It is our child and not yet reaped, so its number is its own.
    fn ask_to_stop(&self) {
        if self.ended.is_none() {
            let _ = kill(self.main, Signal::SIGTERM);
            // A paused component would not see the request before its grace is over.
            let _ = kill(self.main, Signal::SIGCONT);
        }
    }

    /// Reaps every child that has ended.
    fn collect(&mut self) {
        while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            match status {
                WaitStatus::StillAlive => break,
                status if status.pid() == Some(self.main) => self.ended = Some(status),
                status if status.pid() == self.sandbox => self.sandbox_is_gone = true,
                _ => {}
            }
        }
    }

    /// Ends all descendants, the sandbox last; returns how many could not be ended.
    fn end(&mut self) -> usize {
        let me = getpid().as_raw();
        let find = |but: Option<Pid>| -> Vec<Entry> {
            let table = proc_table::snapshot().unwrap_or_default();
            let is_meant = |entry: &Entry| !entry.zombie && Some(entry.pid) != but.map(Pid::as_raw);
            proc_table::descendants(&table, me).into_iter().filter(is_meant).collect()
        };
        let start = Instant::now();
        if let Some(sandbox) = self.sandbox.filter(|_| !self.sandbox_is_gone) {
            tree_end::end_all(start + WRITE_BACK_MAX, || find(Some(sandbox)), || self.collect());
        }
        let left = tree_end::end_all(start + END_DEADLINE, || find(None), || self.collect());
        self.collect();
        left.len()
    }
}

/// Writes one status record. A reader that is gone is what the lifeline tells.
fn record(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
