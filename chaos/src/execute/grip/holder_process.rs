//! A holder process: started with an order, renewed, ended.

use super::Keeper;
use crate::holder::{self, Order};
use crate::landscape::Site;
use crate::lease::FaultId;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use std::io::{self, PipeWriter, Write};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// How long a holder may take to have its fault in: memory is touched, connections are opened meanwhile.
const IN_MAX: Duration = Duration::from_secs(10);
/// How long a holder may take to undo before it is killed, which undoes as well.
const OUT_MAX: Duration = Duration::from_millis(800);
/// How long a killed holder may take to be gone.
const KILLED_MAX: Duration = Duration::from_secs(2);

/// A holder, or none yet.
#[derive(Default)]
pub(super) struct HolderProcess {
    lifeline: Arc<Lifeline>,
    running: Option<(Child, Lines<BufReader<ChildStdout>>)>,
}

/// Our end of the holder's stdin: without it the holder undoes and ends.
#[derive(Default)]
struct Lifeline(Mutex<Option<PipeWriter>>);

impl Lifeline {
    fn send(&self, byte: u8) -> io::Result<()> {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(pipe) => pipe.write_all(&[byte]),
            None => Ok(()),
        }
    }

    fn set(&self, pipe: Option<PipeWriter>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = pipe;
    }
}

impl Keeper for Lifeline {
    fn renew(&self) -> bool {
        // A full pipe means a holder that does not read: its own timers end it.
        self.send(holder::RENEW).is_ok()
    }
}

impl HolderProcess {
    pub(super) fn keeper(&self) -> Arc<dyn Keeper> {
        self.lifeline.clone()
    }

    /// The running process.
    pub(super) fn pid(&self) -> Option<u32> {
        self.running.as_ref().and_then(|(child, _)| child.id())
    }

    /// Starts it and waits until the fault `id` is in; an error is what it says.
    pub(super) async fn start(&mut self, (site, id): (&Site, &FaultId), order: &Order) -> io::Result<()> {
        let (theirs, mut ours) = io::pipe()?;
        let mut command = Command::new(&site.program);
        let mark = site.mark.split_once('=').ok_or_else(|| io::Error::other("the landscape has no mark"))?;
        command
            .arg(holder::SUBCOMMAND)
            .env_clear()
            .env(mark.0, mark.1)
            .env(holder::MARK, id.as_str())
            .current_dir("/")
            .stdin(theirs)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Ctrl-C in the terminal is for the executor, which undoes in order.
            .process_group(0);
        let mut child = command.spawn()?;
        drop(command);
        let stdout = child.stdout.take().ok_or_else(|| io::Error::other("it has no stdout"))?;
        // Before anything is awaited: whoever drops this future must still find the holder and end it.
        let (_, lines) = self.running.insert((child, BufReader::new(stdout).lines()));
        let mut line = serde_json::to_vec(order).map_err(io::Error::other)?;
        line.push(b'\n');
        // Off the runtime: a long order fills the pipe until the holder reads.
        let ours = tokio::task::spawn_blocking(move || ours.write_all(&line).map(|()| ours)).await??;
        fcntl(&ours, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        self.lifeline.set(Some(ours));
        let said = timeout(IN_MAX, lines.next_line()).await.map_err(io::Error::other)??;
        match said.as_deref() {
            Some("in") => Ok(()),
            Some(said) => Err(io::Error::other(said.to_owned())),
            None => Err(io::Error::other("it ended without a word")),
        }
    }

    /// Ends it, in order or not; an error says that it is still there.
    pub(super) async fn end(&mut self) -> Result<(), String> {
        // An error means that it has ended by itself.
        let _ = self.lifeline.send(holder::END);
        self.lifeline.set(None);
        let Some((mut child, _)) = self.running.take() else {
            return Ok(());
        };
        if timeout(OUT_MAX, child.wait()).await.is_err() {
            child.start_kill().map_err(|error| format!("the holder cannot be ended: {error}"))?;
            timeout(KILLED_MAX, child.wait()).await.map_err(|_| "the holder outlives its kill".to_string())?.ok();
        }
        Ok(())
    }
}
