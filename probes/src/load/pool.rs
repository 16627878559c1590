//! The bounded pool: one task per connection takes jobs out of the queue of its component.

use super::tally::{Ended, Tally};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::timeout;

/// A request on its way.
pub(super) struct Job {
    pub(super) step: usize,
    pub(super) intended: Instant,
    pub(super) number: u64,
}

/// A request as the document declares it, ready to be built.
pub(super) struct Template {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<String>,
}

impl Template {
    fn build(&self, number: u64) -> Result<Request<Full<Bytes>>, http::Error> {
        let fill = |text: &str| {
            if text.contains("{{n}}") { text.replace("{{n}}", &number.to_string()) } else { text.to_owned() }
        };
        let body = self.body.as_deref().map(fill).unwrap_or_default();
        let mut request =
            Request::builder().method(&self.method).uri(fill(&self.path)).body(Full::new(Bytes::from(body)))?;
        *request.headers_mut() = self.headers.clone();
        Ok(request)
    }
}

/// One component's queue and pool.
pub(super) struct Host {
    pub(super) address: SocketAddr,
    queue: RefCell<VecDeque<Job>>,
    wake: Notify,
    room: Cell<usize>,
}

/// Whether a job found room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Queued {
    Yes,
    Full,
}

impl Host {
    pub(super) fn new(address: SocketAddr, room: usize) -> Self {
        Self { address, queue: RefCell::default(), wake: Notify::new(), room: Cell::new(room) }
    }

    /// Changes how many jobs may wait; those that wait already stay.
    pub(super) fn set_room(&self, room: usize) {
        self.room.set(room);
    }

    pub(super) fn push(&self, job: Job) -> Queued {
        let mut queue = self.queue.borrow_mut();
        if queue.len() >= self.room.get() {
            return Queued::Full;
        }
        queue.push_back(job);
        self.wake.notify_one();
        Queued::Yes
    }

    /// Takes the jobs that nobody took.
    pub(super) fn drain(&self) -> VecDeque<Job> {
        self.queue.take()
    }

    async fn pop(&self) -> Job {
        loop {
            if let Some(job) = self.queue.borrow_mut().pop_front() {
                return job;
            }
            self.wake.notified().await;
        }
    }
}

/// What every connection shares.
pub(super) struct Shared {
    pub(super) tally: RefCell<Tally>,
    pub(super) templates: Vec<Template>,
    pub(super) timeout: Duration,
}

/// Serves one connection's share of the queue, forever; the engine aborts it at the end.
pub(super) async fn serve(host: Rc<Host>, shared: Rc<Shared>) {
    let mut connection: Option<Connection> = None;
    loop {
        let job = host.pop().await;
        let sent = Instant::now();
        shared.tally.borrow_mut().send(sent - job.intended);
        let template = &shared.templates[job.step];
        let ended = match timeout(shared.timeout, exchange(&mut connection, host.address, template, job.number)).await {
            Ok(ended) => ended,
            Err(_elapsed) => Ended::Timeout,
        };
        if !matches!(ended, Ended::Ok | Ended::Status4xx | Ended::Status5xx) {
            connection = None;
        }
        let now = Instant::now();
        shared.tally.borrow_mut().end(job.step, ended, now - job.intended, now - sent);
    }
}

/// An open connection and the task that drives it.
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

async fn exchange(slot: &mut Option<Connection>, address: SocketAddr, template: &Template, number: u64) -> Ended {
    let usable = match slot {
        Some(connection) => connection.sender.ready().await.is_ok(),
        None => false,
    };
    if !usable {
        *slot = connect(address).await;
    }
    let Some(connection) = slot else { return Ended::Connect };
    let Ok(request) = template.build(number) else { return Ended::Closed };
    let Ok(response) = connection.sender.send_request(request).await else { return Ended::Closed };
    let status = response.status();
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        if frame.is_err() {
            return Ended::Closed;
        }
    }
    classify(status)
}

fn classify(status: StatusCode) -> Ended {
    match status.as_u16() {
        500.. => Ended::Status5xx,
        400..=499 => Ended::Status4xx,
        _ => Ended::Ok,
    }
}

async fn connect(address: SocketAddr) -> Option<Connection> {
    let stream = TcpStream::connect(address).await.ok()?;
    stream.set_nodelay(true).ok()?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await.ok()?;
    // An error of the connection shows at the sender; the driver has nothing to add.
    let driver = spawn_local(async move { drop(connection.await) });
    Some(Connection { sender, driver })
}

/// Headers of a request: the declared ones, the host, a content type for JSON.
pub(super) fn headers(
    declared: &std::collections::BTreeMap<String, String>,
    address: SocketAddr,
    json: bool,
) -> Result<HeaderMap, http::Error> {
    let mut headers = HeaderMap::new();
    headers.insert(http::header::HOST, HeaderValue::from_str(&address.to_string())?);
    headers.insert(http::header::USER_AGENT, HeaderValue::from_static("mettle-load"));
    if json {
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    for (name, value) in declared {
        headers.insert(http::HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_str(value)?);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_of_a_queue_follows_the_rate() {
        let host = Host::new(SocketAddr::from(([127, 0, 0, 1], 9)), 2);
        let mut number = 0;
        let mut push = || {
            number += 1;
            host.push(Job { step: 0, intended: Instant::now(), number })
        };
        assert_eq!([push(), push(), push()], [Queued::Yes, Queued::Yes, Queued::Full]);
        host.set_room(3);
        assert_eq!([push(), push()], [Queued::Yes, Queued::Full]);
        host.set_room(1);
        assert_eq!(push(), Queued::Full);
        assert_eq!(host.drain().len(), 3, "those that wait already stay");
        assert_eq!(push(), Queued::Yes);
    }
}
