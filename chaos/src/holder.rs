//! The holder: one small process for each fault that is held on processes, memory, disks or files.
//!
//! The executor starts it with an [`Order`] as the first line of its stdin and renews the lease by one byte a second;
//! stdout tells `in`, or `refused REASON`, and `out` at the end. Whatever happens, the fault ends:
//! - stdin ends (the executor is gone), or no byte comes for the time to live: it undoes and exits;
//! - the holder is killed: the kernel undoes (traced threads run on, memory, files without names, connections and
//!   threads go with the process), and what the kernel does not undo, a [`guard`] does;
//! - the holder hangs or is stopped: a kernel timer kills it soon after the lease has run out.

mod burn;
mod clock;
mod connections;
mod detach;
mod fds;
mod file;
mod guard;
mod nameless;
mod packets;
mod pause;
mod privileges;
mod refuse;
mod sandboxed;
mod space;
mod thread;
mod timer;
mod writer;

pub use fds::{open_files_left, open_files_limit};
pub(crate) use file::ours_below;
pub use file::restore_kept;
pub(crate) use sandboxed::{PROBE_SIZE, let_go, make_anew, probes, seen_by};

use crate::act::Hold;
use crate::digest;
use crate::lease::LEASE_TTL;
use crate::proc_table::Entry;
use crate::sandbox::KEY_DIGITS;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Name of the hidden subcommand of `mettle`.
pub const SUBCOMMAND: &str = "holder";
/// Environment variable that carries the fault's id, so that a scan finds a holder.
pub const MARK: &str = "METTLE_FAULT";
/// The byte that renews the lease.
pub const RENEW: u8 = b'.';
/// The byte that asks for the end.
pub const END: u8 = b'!';

/// Longest order: a content of one MiB, escaped.
const MAX_ORDER: usize = 8 << 20;
/// How often the holder looks after what it holds.
const TURN: Duration = Duration::from_millis(100);
/// What the kernel's timer grants beyond the time to live, so that an orderly end comes first.
const TIMER_MARGIN: Duration = Duration::from_millis(500);
/// Exit code of an order that was refused.
const EXIT_REFUSED: u8 = 3;

/// What a holder is to keep in place, and on what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// The fault.
    pub hold: Hold,
    /// Time to live of the lease, milliseconds.
    pub ttl_ms: u64,
    /// Processes of the chosen replicas with everything that they started.
    pub processes: Vec<Entry>,
    /// `NAME=value` in the environment of every process of the landscape; others are refused.
    pub mark: String,
    /// Folder of the component; nothing outside it is touched.
    pub folder: Option<PathBuf>,
    /// Where the component listens.
    pub address: Option<SocketAddr>,
    /// Page of the component's wall clock.
    pub clock: Option<PathBuf>,
    /// Where the component's sandbox is asked for faults.
    #[serde(default)]
    pub sandbox: Option<String>,
    /// Seed of the draws of the fault.
    #[serde(default)]
    pub seed: u64,
}

impl Order {
    /// An order for what is held for edges: it acts on nothing of the component.
    pub fn of_edges(hold: Hold, mark: String, seed: u64) -> Self {
        let ttl_ms = LEASE_TTL.as_millis() as u64;
        let (folder, address, clock, sandbox) = (None, None, None, None);
        Self { hold, ttl_ms, processes: Vec::new(), mark, folder, address, clock, sandbox, seed }
    }

    /// Part of the names of the files on which the dose is measured: equal for all who have the order.
    pub(crate) fn probe_key(&self) -> String {
        digest::hex(format!("{}\n{}", self.mark, self.seed))[..KEY_DIGITS].to_owned()
    }
}

/// Something that is held.
trait Held {
    /// Looks after it: called every turn, with what is left of the lease. An error ends the fault.
    fn turn(&mut self, _left: Duration) -> io::Result<()> {
        Ok(())
    }

    /// Undoes it.
    fn out(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs the holder, or its guard, with the arguments after the subcommand. To be called before any thread starts.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<_> = arguments.into_iter().collect();
    let ended = match arguments.as_slice() {
        [] => hold(),
        [only] if only == guard::ARGUMENT => guard::main(),
        _ => Err(io::Error::other("usage: started by Mettle, not by hand")),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("refused {error}"));
            ExitCode::from(EXIT_REFUSED)
        }
    }
}

fn hold() -> io::Result<()> {
    // First of all: whoever starts us may be stopped before it has written the order.
    let mut lease = Kept::begin()?;
    let mut order = read_order()?;
    lease.ttl = Duration::from_millis(order.ttl_ms);
    lease.renew()?;
    refuse::check(&mut order)?;
    privileges::drop_all_but(privileges::needed(&order.hold))?;
    let mut held = take(&order, &mut lease)?;
    say("in");
    while lease.goes_on(TURN)? {
        if let Err(error) = held.turn(lease.left()) {
            say(&format!("lost {error}"));
            break;
        }
    }
    held.out()?;
    say("out");
    Ok(())
}

/// The lease on the holder's side, with the kernel's timer behind it.
struct Kept {
    ttl: Duration,
    deadline: Instant,
    timer: timer::DeadMan,
}

impl Kept {
    fn begin() -> io::Result<Self> {
        let timer = timer::DeadMan::arm(LEASE_TTL + TIMER_MARGIN)?;
        Ok(Self { ttl: LEASE_TTL, deadline: Instant::now() + LEASE_TTL, timer })
    }

    fn renew(&mut self) -> io::Result<()> {
        self.deadline = Instant::now() + self.ttl;
        self.timer.renew(self.ttl + TIMER_MARGIN)
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Waits at most `wait` for a renewal; false when the fault is to end.
    fn goes_on(&mut self, wait: Duration) -> io::Result<bool> {
        match next_byte(wait)? {
            Next::Byte(RENEW) => self.renew()?,
            Next::Byte(_) | Next::Ended => return Ok(false),
            Next::Nothing => (),
        }
        Ok(Instant::now() < self.deadline)
    }
}

fn take(order: &Order, lease: &mut Kept) -> io::Result<Box<dyn Held>> {
    Ok(match &order.hold {
        Hold::Pause => Box::new(pause::Paused::take(&order.processes)?),
        Hold::Threads(choice) => Box::new(thread::take(&order.processes, choice, order.seed)?),
        Hold::Cpu { cores, load } => Box::new(burn::Burners::start(*cores, *load, &order.processes)?),
        Hold::Memory { bytes } => Box::new(space::Memory::take(*bytes, lease)?),
        Hold::Io { bytes_per_second } => Box::new(writer::Writer::start(folder(order)?, *bytes_per_second)?),
        Hold::Disk { fill } => Box::new(space::Disk::fill(folder(order)?, *fill)?),
        Hold::Inodes { count } => Box::new(space::Inodes::fill(folder(order)?, *count)?),
        Hold::Fds { leave } => Box::new(fds::Lowered::lower(&order.processes, *leave, &order.mark)?),
        Hold::Connections { count } => {
            let address = order.address.ok_or_else(|| io::Error::other("the component has no address"))?;
            Box::new(connections::Connections::open(address, *count)?)
        }
        Hold::Clock { offset_ms, gain_ms_per_s } => {
            let page = order.clock.clone().ok_or_else(|| io::Error::other("the component has no clock of its own"))?;
            Box::new(clock::Shifted::shift(page, *offset_ms, *gain_ms_per_s)?)
        }
        Hold::Files(fault) => Box::new(sandboxed::Sandboxed::files(order, fault)?),
        Hold::Names(_) => Box::new(sandboxed::Sandboxed::names(order)?),
        Hold::Packets(fault) => Box::new(packets::Packets::lay(order, *fault)?),
        Hold::Toggle(flip) => Box::new(file::Changed::flip(order, flip)?),
        Hold::File { path, content } => Box::new(file::Changed::change(order, path, content)?),
    })
}

fn folder(order: &Order) -> io::Result<&PathBuf> {
    order.folder.as_ref().ok_or_else(|| io::Error::other("the component has no folder"))
}

/// Reads up to the first line feed and not a byte further: what follows are renewals.
fn read_order() -> io::Result<Order> {
    let mut line = Vec::new();
    let mut byte = [0];
    let mut stdin = unbuffered_stdin()?;
    while stdin.read(&mut byte)? == 1 && byte[0] != b'\n' {
        if line.len() >= MAX_ORDER {
            return Err(io::Error::other("the order is too long"));
        }
        line.push(byte[0]);
    }
    serde_json::from_slice(&line).map_err(io::Error::other)
}

/// The standard library's own stdin reads ahead, and a poll would not see what it has taken.
fn unbuffered_stdin() -> io::Result<std::fs::File> {
    Ok(io::stdin().as_fd().try_clone_to_owned()?.into())
}

enum Next {
    Byte(u8),
    Ended,
    Nothing,
}

fn next_byte(wait: Duration) -> io::Result<Next> {
    let mut stdin = unbuffered_stdin()?;
    let ready = {
        let mut fds = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::try_from(wait).unwrap_or(PollTimeout::MAX)) {
            Ok(count) => count > 0,
            Err(nix::errno::Errno::EINTR) => false,
            Err(error) => return Err(error.into()),
        }
    };
    let mut byte = [0];
    Ok(match ready {
        false => Next::Nothing,
        true if stdin.read(&mut byte)? == 1 => Next::Byte(byte[0]),
        true => Next::Ended,
    })
}

/// One line for the executor; when nobody reads any more, the end of stdin tells.
fn say(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
