//! The sandbox of a component: a process beside it, in a mount namespace of its own, which the component joins before it
//! becomes itself. In there the component's folder is a pass-through file system, and its resolver is a forwarder; both
//! pass everything on until a [`crate::holder`] asks for a fault.
//!
//! Nothing is mounted on the host: the kernel takes the namespace back with its last process. A fault lives exactly as
//! long as the connection of the holder that asked for it, and no longer than its lease without a renewal. A sandbox
//! that dies takes the files of its component along: whoever supervises the component ends it, too.
//!
//! It is started as `PROGRAM sandbox SETTINGS` (JSON), says `ready` or `refused REASON` on its stdout, and ends with
//! the process that started it.

mod ask;
mod crew;
mod faulty;
mod file_fault;
mod forwarder;
mod message;
mod name_fault;
mod namespace;
mod probe_path;
mod resolv_conf;
mod table;

pub(crate) use ask::{Asked, Connection};
pub use file_fault::{FileEffect, FileError, FileFault, FileOperation, TornEnd};
pub(crate) use message::{Answer, ask, code as code_of, read};
pub use name_fault::{NameEffect, NameError, NameFault};
pub(crate) use name_fault::{name_problem, probe_name};
pub use namespace::join;
pub(crate) use namespace::{can_bind_resolver, can_mount, can_open_fuse};
pub(crate) use probe_path::{KEY_DIGITS, is_probe, probe_path};
pub(crate) use resolv_conf::ResolvConf;
pub(crate) use table::NOTICED_WITHIN;

use crate::digest;
use crate::proc_table::Entry;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{getppid, getuid};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// Name of the hidden subcommand of `mettle`.
pub const SUBCOMMAND: &str = "sandbox";
/// How long it may take to be ready; mounting takes milliseconds.
const READY_MAX: Duration = Duration::from_secs(8);
/// Digits of the digest in an address.
const ADDRESS_DIGITS: usize = 32;
/// Exit code when it cannot be made.
const EXIT_REFUSED: u8 = 3;

/// What a sandbox is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// `NAME=value` in the environment of every process of the landscape.
    pub mark: String,
    /// Component; unique in the landscape.
    pub component: String,
    /// Folder of the component when its files are to pass through the sandbox; absolute.
    pub folder: Option<PathBuf>,
    /// Set when its questions for names are to pass through the sandbox: the resolvers that they are passed on to;
    /// those of the host when it names none.
    pub resolvers: Option<Vec<SocketAddr>>,
}

impl Settings {
    /// Where holders find the sandbox of a component, in the kernel's table of sockets without files: it is gone with
    /// the process, however that ends.
    pub fn address(mark: &str, component: &str) -> String {
        format!("mettle-sandbox-{}", &digest::hex(format!("{mark}\n{component}"))[..ADDRESS_DIGITS])
    }
}

/// A sandbox that is ready.
#[derive(Debug)]
pub struct Started {
    /// The process; it dies with the thread that started it.
    pub child: Child,
}

/// Starts a sandbox and waits until it is ready. `marks` (`NAME=value`) are all that it finds in its environment.
///
/// # Errors
/// It cannot be made; the text says what is missing and what would enable it.
pub fn start(program: &Path, settings: &Settings, marks: &[(&str, &str)]) -> io::Result<Started> {
    let json = serde_json::to_string(settings).map_err(io::Error::other)?;
    let mut child = Command::new(program)
        .args([SUBCOMMAND, &json, &std::process::id().to_string()])
        .env_clear()
        .envs(marks.iter().copied())
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // A signal to the group of whoever starts it is not for the sandbox.
        .process_group(0)
        .spawn()?;
    let said = first_line(&mut child).unwrap_or_else(|error| error.to_string());
    if said == "ready" {
        return Ok(Started { child });
    }
    // An error means that it has ended already.
    let _ = child.kill();
    child.wait()?;
    let why = said.strip_prefix("refused ").unwrap_or(&said);
    Err(io::Error::other(format!("no sandbox for {}: {why}", settings.component)))
}

fn first_line(child: &mut Child) -> io::Result<String> {
    let stdout = child.stdout.take().ok_or_else(|| io::Error::other("it has no stdout"))?;
    let timeout = PollTimeout::try_from(READY_MAX).unwrap_or(PollTimeout::MAX);
    // One line is written at once: whoever can read one byte can read all.
    if poll(&mut [PollFd::new(stdout.as_fd(), PollFlags::POLLIN)], timeout)? == 0 {
        return Err(io::Error::other(format!("it was not ready within {READY_MAX:?}")));
    }
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    match line.trim_end() {
        "" => Err(io::Error::other("it ended without a word")),
        said => Ok(said.to_owned()),
    }
}

/// Runs a sandbox with the arguments after the subcommand. To be called before any thread starts.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<_> = arguments.into_iter().collect();
    let Err(error) = run(&arguments);
    say(&format!("refused {error}"));
    ExitCode::from(EXIT_REFUSED)
}

/// Never returns but with an error: a sandbox is ended from outside.
fn run(arguments: &[OsString]) -> io::Result<std::convert::Infallible> {
    let usage = || io::Error::other("usage: started by Mettle, not by hand");
    let [settings, parent] = arguments else { return Err(usage()) };
    let settings: Settings = settings.to_str().and_then(|json| serde_json::from_str(json).ok()).ok_or_else(usage)?;
    let parent: i32 = parent.to_str().and_then(|pid| pid.parse().ok()).ok_or_else(usage)?;
    // Half a file system is worse than none: without its sandbox the component starts again.
    std::panic::set_hook(Box::new(|panic| {
        eprintln!("mettle sandbox: {panic}");
        std::process::exit(1);
    }));
    let listener = ask::listen(&Settings::address(&settings.mark, &settings.component))?;
    let resolver = settings.resolvers.as_deref().map(forwarder::bind).transpose()?;
    let own = namespace::enter()?;
    let folder = settings.folder.as_deref().map(|folder| crew::mount(folder, own)).transpose()?;
    resolver.as_ref().map_or(Ok(()), forwarder::Bound::put_in_place)?;
    namespace::drop_rights()?;
    // Last: the kernel forgets the signal whenever rights change.
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    if getppid().as_raw() != parent {
        return Err(io::Error::other("whoever started it is gone"));
    }
    let faults = Arc::new(table::Faults::default());
    if let Some(mounted) = folder {
        crew::serve(mounted, faults.clone())?;
    }
    if let Some(bound) = resolver {
        forwarder::serve(bound, faults.clone())?;
    }
    say("ready");
    ask::serve(&listener, &faults, getuid())
}

/// Whether a process lives in another mount namespace than we do.
pub(crate) fn is_elsewhere(process: &Entry) -> bool {
    let namespace = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/mnt")).ok();
    matches!((namespace("self"), namespace(&process.pid.to_string())), (Some(ours), Some(its)) if ours != its)
}

/// One line for whoever started us; when nobody reads any more, the signal of its end comes.
fn say(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
