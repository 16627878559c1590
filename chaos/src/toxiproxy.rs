//! Toxiproxy's HTTP API (version 2) over the edges of this crate: its client libraries and tests work against it.
//!
//! Invariants: a toxic is a leased entry that lives no longer than this server; without a setting that says otherwise
//! nothing is listened on, and nothing connected to, but loopback.
//!
//! What differs, on purpose: toxics of one way act in a fixed order (bit flips, slices, delay, rate, limit) and not in
//! the order in which they were added; `timeout` counts from when a connection meets it, not from its last bytes;
//! `reset_peer` also resets connections that were open before it; a negative `rate` is an error; a connection whose
//! target cannot be reached is reset instead of closed; without a host, `listen` means loopback unless other addresses
//! are allowed.

mod address;
mod api;
mod body;
mod error;
mod link;
mod links;
mod metrics;
mod toxic;

use crate::lease::LEASE_RENEW_EVERY;
use crate::proxy::{MAX_CONNECTIONS, Reach};
use address::Book;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use links::Links;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

/// Where clients look for the API unless they are told otherwise.
pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8474);

/// What `GET /version` says: the version of the API that is served, and by whom.
pub const VERSION: &str = "2.12.0+mettle";

/// First part of the ids of all entries that this server makes.
const FAULT_RUN: &str = "toxiproxy";

/// Rest after a failed accept (out of descriptors), so that the loop does not spin.
const ACCEPT_RETRY: Duration = Duration::from_millis(20);

/// How a server is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where the API listens; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Which addresses the API and its proxies may listen on, and proxies connect to.
    pub reach: Reach,
    /// Seed of all draws: which connections a toxicity below 1 hits, jitter, sizes of slices.
    pub seed: u64,
    /// Connections that one proxy carries at once; further ones are reset.
    pub max_connections: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { listen: DEFAULT_LISTEN, reach: Reach::Loopback, seed: 0, max_connections: MAX_CONNECTIONS }
    }
}

/// Why a server does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address can be reached from other hosts, and nobody allowed that.
    #[error("the API may not listen on {addr}, which is not a loopback address; set its reach to allow it")]
    NotLoopback {
        /// Where to listen.
        addr: SocketAddr,
    },
    /// The address could not be had.
    #[error("failed to listen on {addr}")]
    Listen {
        /// Where to listen.
        addr: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// A server that listens already. Dropping it, or the future of [`Toxiproxy::run`], ends every proxy and toxic.
#[derive(Debug)]
pub struct Toxiproxy {
    listener: TcpListener,
    addr: SocketAddr,
    links: Arc<Mutex<Links>>,
}

impl Toxiproxy {
    /// Listens.
    ///
    /// # Errors
    /// The address is taken or not allowed.
    pub async fn bind(settings: Settings) -> Result<Self, ServeError> {
        let addr = settings.listen;
        if settings.reach == Reach::Loopback && !addr.ip().to_canonical().is_loopback() {
            return Err(ServeError::NotLoopback { addr });
        }
        let failed = |source| ServeError::Listen { addr, source };
        let listener = TcpListener::bind(addr).await.map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, addr, links: Arc::new(Mutex::new(Links::new(settings))) })
    }

    /// Where the API is.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Answers requests and renews leases until `stop`, then closes every proxy.
    pub async fn run(self, stop: CancellationToken) {
        let mut connections = JoinSet::new();
        let mut renew = tokio::time::interval(LEASE_RENEW_EVERY);
        renew.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = renew.tick() => {
                    if let Some(upstream) = self.links.lock().await.renew() {
                        connections.spawn(look_for(self.links.clone(), upstream));
                    }
                }
                Some(_) = connections.join_next() => (),
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(converse(self.links.clone(), stream));
                    }
                    Err(error) => {
                        warn!(%error, "the Toxiproxy API could not accept");
                        tokio::time::sleep(ACCEPT_RETRY).await;
                    }
                },
            }
        }
        drop(self.listener);
        connections.shutdown().await;
        self.links.lock().await.stop().await;
    }
}

/// Serves the API on `listen`, a loopback address, until `stop`.
///
/// # Errors
/// The address is taken or not loopback.
pub async fn serve(listen: SocketAddr, stop: CancellationToken) -> Result<(), ServeError> {
    Toxiproxy::bind(Settings { listen, ..Settings::default() }).await?.run(stop).await;
    Ok(())
}

/// Looks for a target that is still unknown.
async fn look_for(links: Arc<Mutex<Links>>, upstream: String) {
    let mut book = Book::default();
    book.look_up([upstream.clone()].into()).await;
    links.lock().await.point(&upstream, &book);
}

async fn converse(links: Arc<Mutex<Links>>, stream: TcpStream) {
    let answer = service_fn(|request| {
        let links = links.clone();
        // A change goes on to its end even when the client hangs up in the midst of it.
        let work = tokio::spawn(async move { api::handle(&links, request).await });
        async { Ok::<_, Infallible>(work.await.expect("a handler neither panics nor is aborted")) }
    });
    let mut server = hyper::server::conn::http1::Builder::new();
    let served = server.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), answer).await;
    if let Err(error) = served {
        debug!(%error, "a client of the Toxiproxy API left");
    }
}
