//! Kept connections to one peer.

use super::peer::Peer;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

/// Largest answer that is read, bytes: answers of the shop are a few kilobytes.
const MAX_ANSWER: usize = 256 * 1024;

/// Idle connections are closed after this time, before servers usually close them.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    #[error("failed to connect to {host}:{port}")]
    Connect {
        host: String,
        port: u16,
        #[source]
        source: std::io::Error,
    },
    #[error("failed to exchange a request")]
    Exchange(#[source] hyper::Error),
    #[error("failed to read the answer: {0}")]
    Read(String),
}

/// Open connections to a peer, most recently used first. How many are used at once is decided by the gate in front.
pub(crate) struct Pool {
    peer: Peer,
    idle: Mutex<Vec<Idle>>,
    max_idle: usize,
}

struct Idle {
    connection: Connection,
    since: Instant,
}

struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// Drives the connection; ends with it.
    _driver: AbortOnDropHandle<()>,
}

impl Pool {
    pub(crate) fn new(peer: Peer, max_idle: usize) -> Self {
        Pool { peer, idle: Mutex::default(), max_idle }
    }

    pub(crate) fn idle(&self) -> usize {
        self.lock().len()
    }

    /// Sends a request that may be sent twice, and reads the whole answer.
    pub(crate) async fn send(&self, request: &Request<Bytes>) -> Result<(StatusCode, Bytes), SendError> {
        // A kept connection may have been closed meanwhile: that is found out by using it.
        if let Some(connection) = self.take()
            && let Ok(answer) = self.exchange(connection, request).await
        {
            return Ok(answer);
        }
        let connection = self.connect().await?;
        self.exchange(connection, request).await
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<Connection> {
        let mut idle = self.lock();
        idle.retain(|kept| kept.since.elapsed() < IDLE_MAX && kept.connection.sender.is_ready());
        idle.pop().map(|kept| kept.connection)
    }

    fn keep(&self, connection: Connection) {
        let mut idle = self.lock();
        if idle.len() < self.max_idle {
            idle.push(Idle { connection, since: Instant::now() });
        }
    }

    async fn connect(&self) -> Result<Connection, SendError> {
        let Peer { host, port } = &self.peer;
        let failed = |source| SendError::Connect { host: host.clone(), port: *port, source };
        let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let (sender, driver) = handshake(TokioIo::new(stream)).await.map_err(SendError::Exchange)?;
        let driver = tokio::spawn(async move {
            // An error of the connection comes back to whoever sent the request.
            let _ = driver.await;
        });
        Ok(Connection { sender, _driver: AbortOnDropHandle::new(driver) })
    }

    async fn exchange(
        &self,
        mut connection: Connection,
        request: &Request<Bytes>,
    ) -> Result<(StatusCode, Bytes), SendError> {
        let mut copy = Request::new(Full::new(request.body().clone()));
        *copy.method_mut() = request.method().clone();
        *copy.uri_mut() = request.uri().clone();
        *copy.headers_mut() = request.headers().clone();
        let answer = connection.sender.send_request(copy).await.map_err(SendError::Exchange)?;
        let code = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        let body = body.map_err(|error| SendError::Read(error.to_string()))?.to_bytes();
        // The connection may be used again as soon as its driver has seen the end of the answer.
        if connection.sender.ready().await.is_ok() {
            self.keep(connection);
        }
        Ok((code, body))
    }
}
