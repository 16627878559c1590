//! Holders that do not do what they say: nothing, half of it, to somebody else, or to all where some were meant. The dose meter must notice.

use crate::target::idler;
use chaos::ThreadChoice;
use chaos::act::{Fill, Flip, Hold};
use chaos::holder::{self, Order};
use chaos::proc_table;
use chaos::proxy::{Direction, Share};
use chaos::sandbox::{FileEffect, NameEffect};
use chaos::setting::Scalar;
use chaos::shifted_clock;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::{Pid, dup2_stdin};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub(crate) enum Broken {
    Nothing,
    Half,
    Wrong,
    More,
}

impl Broken {
    /// How it is broken, by the name under which the program was called.
    pub(crate) fn called(name: &OsStr) -> Option<Self> {
        match Path::new(name).file_name()?.to_str()? {
            "nothing" => Some(Broken::Nothing),
            "half" => Some(Broken::Half),
            "wrong" => Some(Broken::Wrong),
            "more" => Some(Broken::More),
            _ => None,
        }
    }

    pub(crate) fn hold(self) -> ExitCode {
        let mut stdin = File::from(io::stdin().as_fd().try_clone_to_owned().expect("there is a stdin"));
        let mut line = Vec::new();
        let mut byte = [0];
        while matches!(stdin.read(&mut byte), Ok(1)) && byte[0] != b'\n' {
            line.push(byte[0]);
        }
        let order: Order = serde_json::from_slice(&line).expect("the executor writes an order");
        let (order, _alive) = match self {
            Broken::Nothing => {
                println!("in");
                let _ = stdin.read_to_end(&mut Vec::new());
                return ExitCode::SUCCESS;
            }
            Broken::Half => (halved(order), None),
            Broken::Wrong => wrong(order),
            Broken::More => (Order { hold: Hold::Pause, ..order }, None),
        };
        run(&order, stdin).expect("the sound holder starts")
    }
}

/// Gives the sound holder another order in place of the one that came, and then what comes.
fn run(order: &Order, mut rest: File) -> io::Result<ExitCode> {
    let (theirs, mut ours) = io::pipe()?;
    dup2_stdin(theirs)?;
    let mut line = serde_json::to_vec(order).map_err(io::Error::other)?;
    line.push(b'\n');
    std::thread::spawn(move || ours.write_all(&line).and_then(|()| io::copy(&mut rest, &mut ours)));
    Ok(holder::main(std::iter::empty()))
}

fn halved(mut order: Order) -> Order {
    match &mut order.hold {
        Hold::Cpu { load, .. } => *load /= 2.0,
        Hold::Memory { bytes } | Hold::Disk { fill: Fill::Bytes(bytes) | Fill::AllBut(bytes) } => *bytes /= 2,
        Hold::Io { bytes_per_second } => *bytes_per_second /= 2,
        Hold::Threads(ThreadChoice { count, .. }) | Hold::Inodes { count } | Hold::Connections { count } => *count /= 2,
        Hold::Clock { offset_ms, gain_ms_per_s } => (*offset_ms, *gain_ms_per_s) = (*offset_ms / 2, *gain_ms_per_s / 2),
        Hold::Files(fault) => match &mut fault.effect {
            FileEffect::Delay { delay, jitter } => (*delay, *jitter) = (*delay / 2, *jitter / 2),
            FileEffect::Error(_) | FileEffect::Tear(_) => fault.share /= 2.0,
        },
        Hold::Names(fault) => match &mut fault.effect {
            NameEffect::Delay { delay, jitter } => (*delay, *jitter) = (*delay / 2, *jitter / 2),
            NameEffect::Error(_) | NameEffect::Address(_) => fault.share /= 2.0,
        },
        Hold::Packets(fault) => {
            let half = Share::try_new(fault.effect.share().value() / 2.0).expect("half of a share is one");
            fault.effect = fault.effect.with_share(half);
        }
        Hold::Toggle(Flip { value: Scalar::Text(text), .. }) => text.truncate(text.len() / 2),
        Hold::Toggle(flip) => flip.value = Scalar::Text(String::new()),
        Hold::File { content, .. } => content.truncate(content.len() / 2),
        // The last process is the child: the component itself is left alone.
        Hold::Pause | Hold::Fds { .. } => order.processes = order.processes.split_off(1),
    }
    order
}

/// The page of a component that nobody asks for the time.
fn somebody_elses_clock(folder: &Path) -> Option<PathBuf> {
    let folder = folder.join("elsewhere");
    shifted_clock::prepare(&folder, "decoy").expect("the folder can be written");
    Some(shifted_clock::page(&folder, "decoy"))
}

/// Whatever must live as long as the wrong target is held.
type Alive = Option<(std::process::Child, TcpListener)>;

/// A sandbox of nobody: it says that every fault is in.
fn decoy() -> io::Result<String> {
    let address = format!("decoy-{}", std::process::id());
    let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&address)?)?;
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept()?;
        writeln!(stream, "in")?;
        stream.read_to_end(&mut Vec::new())
    });
    Ok(address)
}

fn wrong(mut order: Order) -> (Order, Alive) {
    let child = idler().arg("workers").env_remove(holder::MARK).spawn().expect("a decoy starts");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a port");
    let pid = i32::try_from(child.id()).expect("process ids are positive 32-bit numbers");
    let mut first = CpuSet::new();
    first.set(0).expect("there is a first processor");
    sched_setaffinity(Pid::from_raw(pid), &first).expect("the decoy is ours");
    order.processes = proc_table::entry(pid).into_iter().collect();
    order.address = listener.local_addr().ok();
    order.clock = order.folder.as_ref().and_then(|folder| somebody_elses_clock(folder.parent()?));
    if matches!(order.hold, Hold::Files(_) | Hold::Names(_)) {
        // Where it is looked at everything is as it should be, but nobody does anything.
        order.sandbox = Some(decoy().expect("a socket"));
        return (order, Some((child, listener)));
    }
    if let Hold::Packets(fault) = &mut order.hold {
        fault.direction = if fault.direction == Direction::To { Direction::From } else { Direction::To };
    }
    order.folder = order.folder.map(|folder| folder.with_file_name("elsewhere"));
    (order, Some((child, listener)))
}
