//! One request through an edge, or straight to its target, whose response is read to its end.

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

/// Field that makes a request longer; nobody knows it.
const PADDING: &str = "x-mettle-padding";

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Response {
    pub(super) status: StatusCode,
    pub(super) fields: HeaderMap,
    pub(super) body: Vec<u8>,
    /// Whether the body ended as its framing says.
    pub(super) is_whole: bool,
    /// Time from the request to the first field of the response.
    pub(super) to_head: Duration,
    /// Time from the request to the end of the body.
    pub(super) to_end: Duration,
}

impl Response {
    /// Bytes on the wire, near enough.
    pub(super) fn length(&self) -> usize {
        let fields = self.fields.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
        fields.sum::<usize>() + "HTTP/1.1 200 OK\r\n\r\n".len() + self.body.len()
    }
}

/// A connection that can be asked again and again while both sides keep it.
pub(super) struct Line {
    sender: SendRequest<Empty<Bytes>>,
    /// Drives the connection; ends with it.
    _driver: JoinSet<()>,
    host: String,
}

impl Line {
    /// Connects.
    pub(super) async fn open(addr: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        let mut driver = JoinSet::new();
        driver.spawn(async {
            // How it ended shows in the response.
            let _ = connection.await;
        });
        Ok(Self { sender, _driver: driver, host: addr.to_string() })
    }

    /// Length of a request with so many bytes of padding, near enough.
    pub(super) fn request_length(path: &str, padding: usize) -> usize {
        let rest = format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1:65535\r\nuser-agent: mettle-probe\r\n\r\n");
        let field = if padding > 0 { PADDING.len() + ": \r\n".len() + padding } else { 0 };
        rest.len() + field
    }

    /// Asks for `path`, with so many bytes of padding, and reads the body for `most`.
    pub(super) async fn ask(&mut self, path: &str, padding: usize, most: Duration) -> io::Result<Response> {
        let mut request = Request::get(path).header(header::HOST, &self.host).header("user-agent", "mettle-probe");
        if padding > 0 {
            request = request.header(PADDING, "x".repeat(padding));
        }
        let request = request.body(Empty::new()).map_err(io::Error::other)?;
        let start = Instant::now();
        self.sender.ready().await.map_err(io::Error::other)?;
        let response = self.sender.send_request(request).await.map_err(io::Error::other)?;
        let to_head = start.elapsed();
        let (head, mut rest) = response.into_parts();
        let (mut body, mut is_whole) = (Vec::new(), true);
        let end = Instant::now() + most;
        loop {
            match timeout_at(end, rest.frame()).await {
                Ok(None) => break,
                Ok(Some(Ok(frame))) => body.extend_from_slice(frame.data_ref().map_or(&[][..], Bytes::as_ref)),
                Ok(Some(Err(_))) | Err(_) => {
                    is_whole = false;
                    break;
                }
            }
        }
        Ok(Response { status: head.status, fields: head.headers, body, is_whole, to_head, to_end: start.elapsed() })
    }
}

/// Asks once on a connection of its own; none when nothing sensible came in time.
pub(super) async fn ask(addr: SocketAddr, path: &str, limit: Duration) -> Option<Response> {
    let once = async { Line::open(addr).await?.ask(path, 0, limit).await };
    timeout(limit, once).await.ok()?.ok()
}

/// Asks so many times, each on a connection of its own, a few at once; reads each body for `most`.
pub(super) async fn ask_many(
    addr: SocketAddr,
    path: &str,
    (count, limit): (u32, Duration),
    most: Duration,
) -> Vec<Option<Response>> {
    let once = || {
        let path = path.to_owned();
        async move {
            let once = async { Line::open(addr).await?.ask(&path, 0, most).await };
            timeout(limit, once).await.ok()?.ok()
        }
    };
    super::repeat(count, once).await
}
