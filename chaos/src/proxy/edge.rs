//! One edge: a listener on a loopback port chosen by the system, its upstream, its fault table, its counters.

use super::connection;
use super::edge_fault::EdgeFault;
use super::fate::Fate;
use super::share::Share;
use super::stats::{Counters, EdgeStats, add};
use super::table::{Change, Dose, EntryView, InjectError, Removal, Renewal, Table};
use super::tap::{Tap, Taps};
use crate::lease::{FaultId, Lease};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, info_span, warn};

/// Connections that one edge carries at once unless it is told otherwise; further ones are reset.
///
/// Each takes two descriptors; real pools hold tens.
pub const MAX_CONNECTIONS: u64 = 4_096;

/// Connections that the kernel keeps until they are accepted: a burst of a load engine's whole pool.
const BACKLOG: u32 = 1_024;

/// Rest after a failed accept (out of descriptors), so that the loop does not spin.
const ACCEPT_RETRY: Duration = Duration::from_millis(20);

/// Names an edge: who calls whom. The user's side is a name like any other.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EdgeName {
    /// The caller.
    pub from: String,
    /// The target.
    pub to: String,
}

impl EdgeName {
    /// The edge from `from` to `to`.
    pub fn new(from: impl Into<String>, to: impl Into<String>) -> Self {
        Self { from: from.into(), to: to.into() }
    }
}

impl fmt::Display for EdgeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}->{}", self.from, self.to)
    }
}

/// Whether an edge looks into what it carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// Requests and responses of HTTP/1.1 are followed, so that faults can act on them; other bytes pass.
    #[default]
    Http,
    /// Bytes are bytes: faults on requests do nothing.
    Bytes,
}

/// Which addresses an edge may listen on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Loopback alone.
    #[default]
    Loopback,
    /// Any, also where others can connect.
    Anywhere,
}

/// How an edge is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdgeOptions {
    /// Where to listen; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Which addresses `listen` may be.
    pub reach: Reach,
    /// Whether the edge looks into what it carries.
    pub protocol: Protocol,
    /// Connections carried at once; further ones are reset.
    pub max_connections: u64,
}

impl Default for EdgeOptions {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            reach: Reach::default(),
            protocol: Protocol::default(),
            max_connections: MAX_CONNECTIONS,
        }
    }
}

/// Why an edge could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// The address could not be had.
    #[error("failed to listen on {addr} for edge {edge}")]
    Listen {
        /// The edge.
        edge: EdgeName,
        /// Where to listen.
        addr: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The address can be reached from other hosts, and nobody allowed that.
    #[error("edge {edge} may not listen on {addr}, which is not a loopback address; set its reach to allow it")]
    NotLoopback {
        /// The edge.
        edge: EdgeName,
        /// Where to listen.
        addr: SocketAddr,
    },
    /// Edges run on a tokio runtime.
    #[error("failed to open edge {edge} outside a tokio runtime")]
    NoRuntime {
        /// The edge.
        edge: EdgeName,
        /// What the runtime said.
        #[source]
        source: tokio::runtime::TryCurrentError,
    },
}

pub(super) struct Shared {
    pub(super) name: EdgeName,
    pub(super) table: Table,
    pub(super) counters: Counters,
    pub(super) protocol: Protocol,
    max_connections: u64,
    upstream: Mutex<Option<SocketAddr>>,
    pub(super) taps: Taps,
}

impl Shared {
    pub(super) fn upstream(&self) -> Option<SocketAddr> {
        *self.upstream.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A proxy between two components. Dropping it closes the listener and every connection.
pub struct Edge {
    shared: Arc<Shared>,
    addr: SocketAddr,
    stop: CancellationToken,
    task: Mutex<Option<tokio::task::JoinHandle<()>>>,
}

impl fmt::Debug for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Edge({} at {})", self.shared.name, self.addr)
    }
}

impl Edge {
    /// Listens on 127.0.0.1 at a port chosen by the system. With no upstream, connections are reset at once.
    ///
    /// # Errors
    /// No port, or not called within a tokio runtime.
    pub fn open(name: EdgeName, upstream: Option<SocketAddr>) -> Result<Self, EdgeError> {
        Self::open_with(name, upstream, EdgeOptions::default())
    }

    /// Opens an edge with options of its own.
    ///
    /// # Errors
    /// The address is taken or not allowed, or not called within a tokio runtime.
    pub fn open_with(name: EdgeName, upstream: Option<SocketAddr>, options: EdgeOptions) -> Result<Self, EdgeError> {
        let runtime = tokio::runtime::Handle::try_current()
            .map_err(|source| EdgeError::NoRuntime { edge: name.clone(), source })?;
        let addr = options.listen;
        if options.reach == Reach::Loopback && !addr.ip().to_canonical().is_loopback() {
            return Err(EdgeError::NotLoopback { edge: name, addr });
        }
        let (addr, listener) = listen(addr).map_err(|source| EdgeError::Listen { edge: name.clone(), addr, source })?;
        let shared = Arc::new(Shared {
            name,
            table: Table::new(),
            counters: Counters::default(),
            protocol: options.protocol,
            max_connections: options.max_connections,
            upstream: Mutex::new(upstream),
            taps: Taps::default(),
        });
        let stop = CancellationToken::new();
        let span = info_span!("edge", name = %shared.name);
        let task = runtime.spawn(run(shared.clone(), listener, stop.clone()).instrument(span));
        Ok(Self { shared, addr, stop, task: Mutex::new(Some(task)) })
    }

    /// Who calls whom.
    pub fn name(&self) -> &EdgeName {
        &self.shared.name
    }

    /// Where the caller connects to. Stays the same for the life of the edge.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where new connections go; `None` while the target has no instance.
    pub fn upstream(&self) -> Option<SocketAddr> {
        self.shared.upstream()
    }

    /// Points new connections elsewhere (an upgrade). Open ones keep the instance that they talk to.
    pub fn set_upstream(&self, upstream: Option<SocketAddr>) {
        *self.shared.upstream.lock().unwrap_or_else(PoisonError::into_inner) = upstream;
    }

    /// Lets connections of `caller` go to `to` instead of the target while the tap lives. Faults act on them as on all.
    pub fn tap(&self, caller: SocketAddr, to: SocketAddr) -> Tap {
        Tap::new(self.shared.clone(), caller, to)
    }

    /// Counters since the edge was opened.
    pub fn stats(&self) -> EdgeStats {
        self.shared.counters.snapshot()
    }

    /// Puts a fault into the table; it takes effect on open connections too, and lives as long as its lease.
    ///
    /// # Errors
    /// The id of the lease is in the table already.
    pub fn inject(&self, lease: &Lease, fault: EdgeFault, seed: u64) -> Result<(), InjectError> {
        self.inject_dose(lease, Dose { fault, seed, connections: Share::ALL })
    }

    /// Like [`Edge::inject`], for a share of the connections.
    ///
    /// # Errors
    /// The id of the lease is in the table already.
    pub fn inject_dose(&self, lease: &Lease, dose: Dose) -> Result<(), InjectError> {
        let in_use = |id| InjectError::IdInUse { edge: self.shared.name.to_string(), id };
        self.shared.table.insert(lease, dose).map_err(in_use)
    }

    /// Changes the dose of the fault with this id at one stroke; its lease runs as before. The kind must stay the same.
    pub fn set_dose(&self, id: &FaultId, dose: Dose) -> Change {
        self.shared.table.set(id, dose)
    }

    /// Renews the lease of a fault for another time to live.
    pub fn renew(&self, id: &FaultId) -> Renewal {
        self.shared.table.renew(id)
    }

    /// Removes the fault with this id and no other. Bytes that it held back are released at once.
    pub fn remove(&self, id: &FaultId) -> Removal {
        self.shared.table.remove(id)
    }

    /// The fault table.
    pub fn entries(&self) -> Vec<EntryView> {
        self.shared.table.views()
    }

    /// Closes the listener and every connection, and waits until all are gone.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            warn!(%error, "edge {} ended early", self.shared.name);
        }
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn listen(addr: SocketAddr) -> io::Result<(SocketAddr, TcpListener)> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // An edge that is opened again at its port must not wait for connections that were just closed.
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    let listener = socket.listen(BACKLOG)?;
    Ok((listener.local_addr()?, listener))
}

/// Counts one open connection for as long as it lives.
pub(super) struct Active(pub(super) Arc<Shared>);

impl Drop for Active {
    fn drop(&mut self) {
        self.0.counters.active.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Owns every connection of the edge; also lets lapsed faults go, with no executor needed.
async fn run(shared: Arc<Shared>, listener: TcpListener, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    let mut changes = shared.table.subscribe();
    loop {
        let lapse = shared.table.drop_lapsed();
        changes.borrow_and_update();
        tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => admit(&shared, client, &mut connections),
                Err(error) => {
                    warn!(%error, "edge {} could not accept", shared.name);
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            },
            Some(_) = connections.join_next() => (),
            _ = changes.changed() => (),
            () = tokio::time::sleep_until(lapse.unwrap_or_else(tokio::time::Instant::now)), if lapse.is_some() => (),
        }
    }
    drop(listener);
    connections.shutdown().await;
}

fn admit(shared: &Arc<Shared>, client: TcpStream, connections: &mut JoinSet<()>) {
    let counters = &shared.counters;
    let number = counters.connections.fetch_add(1, Ordering::Relaxed);
    let open = counters.active.fetch_add(1, Ordering::Relaxed) + 1;
    let active = Active(shared.clone());
    if open > shared.max_connections {
        add(&counters.refused, 1);
        connection::reset(&client);
    } else if !Fate::new(&shared.table, number).admits(open) {
        add(&counters.resets_injected, 1);
        connection::reset(&client);
    } else {
        connections.spawn(connection::serve(active, client, number).in_current_span());
    }
}
