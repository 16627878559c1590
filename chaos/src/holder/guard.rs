//! The guard: a process that outlives its holder for an instant, to undo what the kernel does not.
//!
//! It gets the undo as the first line of its stdin, before anything is changed. At the end of stdin (the holder is
//! gone, however it went, or asks for the end) it undoes and exits. Every undo compares before it swaps, so that it
//! may come twice, and leaves alone what somebody else has changed since.

use super::fds::{self, Limit};
use super::{SUBCOMMAND, file, sandboxed};
use crate::shifted_clock::Clock;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};

/// Argument that makes a holder a guard.
pub(super) const ARGUMENT: &str = "--guard";

/// What has to be undone.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Undo {
    /// Limits of open files.
    Limits {
        /// Of each process.
        limits: Vec<Limit>,
        /// Mark of the landscape, by which heirs are found.
        mark: String,
    },
    /// A file whose old content is kept beside it.
    Kept {
        /// The kept file.
        kept: PathBuf,
        /// The file itself as the component sees it.
        view: Option<PathBuf>,
    },
    /// A shifted clock.
    Clock {
        /// Its page.
        page: PathBuf,
        /// Of the shift.
        token: u64,
    },
    /// Files on which a dose was measured.
    Probes {
        /// Where they are.
        folder: PathBuf,
        /// Part of their names.
        key: String,
        /// The same files as the component sees them.
        views: Vec<PathBuf>,
    },
}

impl Undo {
    fn perform(&self) -> io::Result<()> {
        match self {
            Undo::Limits { limits, mark } => fds::restore_all(limits, mark),
            Undo::Kept { kept, view } => file::undo(kept, view.as_deref()),
            Undo::Clock { page, token } => Clock::open(page)?.clear(*token),
            Undo::Probes { folder, key, views } => sandboxed::remove_probes(folder, key, views),
        }
    }
}

/// The holder's side.
pub(super) struct Guard {
    child: Child,
    stdin: Option<ChildStdin>,
    undo: Undo,
}

impl Guard {
    /// Posts a guard; only then may anything be changed.
    pub(super) fn post(undo: Undo) -> io::Result<Self> {
        let mut child = Command::new("/proc/self/exe")
            .args([SUBCOMMAND, ARGUMENT])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            // A signal to the holder's group must not reach the guard.
            .process_group(0)
            .spawn()?;
        let mut stdin = child.stdin.take().ok_or_else(|| io::Error::other("the guard has no stdin"))?;
        let mut line = serde_json::to_vec(&undo).map_err(io::Error::other)?;
        line.push(b'\n');
        stdin.write_all(&line)?;
        Ok(Self { child, stdin: Some(stdin), undo })
    }

    /// An error when nobody guards any more.
    pub(super) fn stands(&mut self) -> io::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => Err(io::Error::other(format!("the guard has ended: {status}"))),
        }
    }

    /// Lets the guard undo; without a guard we do it ourselves.
    pub(super) fn undo(&mut self) -> io::Result<()> {
        drop(self.stdin.take());
        if self.child.wait()?.success() { Ok(()) } else { self.undo.perform() }
    }
}

/// The guard's side.
pub(super) fn main() -> io::Result<()> {
    let mut stdin = io::stdin().lock();
    let mut line = String::new();
    stdin.read_line(&mut line)?;
    let undo: Undo = serde_json::from_str(&line).map_err(io::Error::other)?;
    // Nothing is ever sent: this waits for the end.
    stdin.read_to_end(&mut Vec::new())?;
    undo.perform()
}
