//! How a holder asks a sandbox for a fault: one line of JSON, an answer, and then a byte now and then. The fault is in
//! for as long as that lasts.

use super::file_fault::FileFault;
use super::name_fault::NameFault;
use super::table::{Entry, Faults};
use crate::act::Hold;
use crate::holder::RENEW;
use crate::proc_table;
use glob::Pattern;
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::Uid;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Longest line.
const MAX_LINE: u64 = 64 << 10;
/// How long a line, or its answer, may take.
const LINE_MAX: Duration = Duration::from_secs(5);
/// Connections at once; a landscape has a handful of faults.
const MAX_CONNECTIONS: usize = 64;
/// Pause after a connection that could not be taken.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// A fault, and for how long it stays without a renewal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Asked {
    /// The fault.
    pub(crate) hold: Hold,
    /// Its id.
    pub(crate) id: String,
    /// Seed of its draws.
    pub(crate) seed: u64,
    /// Time to live of the lease, milliseconds.
    pub(crate) ttl_ms: u64,
}

/// The holder's side: the fault is in until this is dropped.
#[derive(Debug)]
pub(crate) struct Connection(UnixStream);

impl Connection {
    /// Asks a sandbox of the same user whose process carries the landscape's mark.
    pub(crate) fn open(address: &str, mark: &str, asked: &Asked) -> io::Result<Self> {
        let name = SocketAddr::from_abstract_name(address)?;
        let mut stream = UnixStream::connect_addr(&name)
            .map_err(|error| io::Error::other(format!("the component has no sandbox: {error}")))?;
        let peer = getsockopt(&stream, PeerCredentials)?;
        if peer.uid() != nix::unistd::geteuid().as_raw() {
            return Err(io::Error::other(format!("the sandbox belongs to user {}", peer.uid())));
        }
        if !proc_table::environment_has(peer.pid(), &[mark.to_owned()]) {
            return Err(io::Error::other(format!("process {} is not the landscape's: no mark", peer.pid())));
        }
        stream.set_read_timeout(Some(LINE_MAX))?;
        let mut line = serde_json::to_vec(asked).map_err(io::Error::other)?;
        line.push(b'\n');
        // Whoever refuses at once may not wait for it, and has said why.
        let sent = stream.write_all(&line);
        let mut said = String::new();
        let heard = BufReader::new(&stream).read_line(&mut said);
        if said.is_empty() {
            sent.and(heard)?;
        }
        match said.trim_end() {
            "in" => Ok(Self(stream)),
            said => Err(io::Error::other(format!("the sandbox says: {said}"))),
        }
    }

    /// Renews; an error when the sandbox is gone, and the fault with it.
    pub(crate) fn renew(&mut self) -> io::Result<()> {
        self.0.write_all(&[RENEW]).map_err(|_| io::Error::other("the sandbox is gone"))
    }
}

pub(super) fn listen(address: &str) -> io::Result<UnixListener> {
    let name = SocketAddr::from_abstract_name(address)?;
    UnixListener::bind_addr(&name).map_err(|error| io::Error::other(format!("its socket {address}: {error}")))
}

/// Serves holders of this user for good.
pub(super) fn serve(listener: &UnixListener, faults: &Arc<Faults>, user: Uid) -> ! {
    let open = Arc::new(AtomicUsize::new(0));
    loop {
        let Ok((mut stream, _)) = listener.accept() else {
            // The files of the component do not depend on it.
            std::thread::sleep(ACCEPT_AGAIN);
            continue;
        };
        let is_ours = getsockopt(&stream, PeerCredentials).is_ok_and(|peer| peer.uid() == user.as_raw());
        if !is_ours {
            continue;
        }
        if open.fetch_add(1, Ordering::AcqRel) >= MAX_CONNECTIONS {
            open.fetch_sub(1, Ordering::AcqRel);
            // Whoever asked may be gone.
            let _ = writeln!(stream, "it serves {MAX_CONNECTIONS} holders already");
            continue;
        }
        let (faults, count) = (faults.clone(), open.clone());
        let served = std::thread::Builder::new().name("holder".into()).spawn(move || {
            // Whatever ends the connection ends the fault.
            let _ = hold(&stream, &faults);
            count.fetch_sub(1, Ordering::AcqRel);
        });
        if served.is_err() {
            open.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

/// Keeps what one holder asks for, as long as it renews.
fn hold(mut stream: &UnixStream, faults: &Faults) -> io::Result<()> {
    stream.set_read_timeout(Some(LINE_MAX))?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.by_ref().take(MAX_LINE).read_line(&mut line)?;
    let asked: Asked = serde_json::from_str(&line).map_err(io::Error::other)?;
    stream.set_read_timeout(Some(Duration::from_millis(asked.ttl_ms.max(1))))?;
    let _in = match In::put(faults, asked) {
        Ok(entry) => entry,
        Err(error) => return writeln!(stream, "{error}"),
    };
    writeln!(stream, "in")?;
    let mut byte = [0];
    // No byte within the time to live is an error of the read: the lease has run out.
    while reader.read(&mut byte)? == 1 && byte[0] == RENEW {}
    Ok(())
}

/// A fault in a table; dropping it takes it out.
enum In<'a> {
    Files(&'a Faults, Arc<Entry<FileFault>>),
    Names(&'a Faults, Arc<Entry<NameFault>>),
}

impl<'a> In<'a> {
    fn put(faults: &'a Faults, asked: Asked) -> io::Result<Self> {
        let by = (asked.id, asked.seed);
        match asked.hold {
            Hold::Files(fault) => {
                let patterns = patterns(fault.path.as_slice())?;
                Ok(In::Files(faults, faults.files.add(fault, patterns, by)))
            }
            Hold::Names(fault) => {
                let patterns = patterns(&fault.names)?;
                Ok(In::Names(faults, faults.names.add(fault, patterns, by)))
            }
            _ => Err(io::Error::other("a sandbox does not hold this")),
        }
    }
}

fn patterns(texts: &[String]) -> io::Result<Vec<Pattern>> {
    texts.iter().map(|text| Pattern::new(text).map_err(io::Error::other)).collect()
}

impl Drop for In<'_> {
    fn drop(&mut self) {
        match self {
            In::Files(faults, entry) => faults.files.remove(entry),
            In::Names(faults, entry) => faults.names.remove(entry),
        }
    }
}
