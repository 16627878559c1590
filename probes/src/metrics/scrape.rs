//! One scrape over a kept-alive HTTP/1.1 connection.

use super::exposition::Format;
use bytes::{Bytes, BytesMut};
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

/// What we can read, the text format first: it is cheaper for most targets.
const ACCEPT: &str = "text/plain;version=0.0.4;q=1,application/openmetrics-text;version=1.0.0;q=0.8,*/*;q=0.1";

/// Why a scrape brought nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum ScrapeError {
    #[error("{url} is not an http URL with a host")]
    Address { url: Url },
    #[error("no connection to {address}")]
    Connect { address: String, source: std::io::Error },
    #[error("the connection to {address} broke")]
    Exchange { address: String, source: hyper::Error },
    #[error("the answer is {status}, not 200")]
    Status { status: StatusCode },
    #[error("the answer is longer than {max} bytes")]
    TooLong { max: usize },
    #[error("the answer ends within a line and says nowhere how long it is: it may have been cut")]
    Cut,
    #[error("no whole answer within {ms} ms")]
    Deadline { ms: u128 },
    #[error("unreadable answer")]
    Parse(#[from] super::exposition::ExpositionError),
}

impl ScrapeError {
    /// The error and its causes in one line.
    pub(super) fn line(&self) -> String {
        let mut line = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            line = format!("{line}: {error}");
            cause = error.source();
        }
        line
    }
}

/// An open connection; dropping it ends its driver.
#[derive(Debug)]
pub(super) struct Connection {
    url: Url,
    send: SendRequest<Empty<Bytes>>,
    _driver: AbortOnDropHandle<()>,
}

/// A whole response.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) body: Bytes,
    pub(super) format: Format,
}

/// Asks once, over `kept` where it still fits. A kept connection that the target closed in between is replaced once.
pub(super) async fn scrape(
    url: &Url,
    kept: Option<Connection>,
    max_bytes: usize,
) -> Result<(Response, Connection), ScrapeError> {
    if let Some(mut kept) = kept.filter(|kept| kept.url == *url && !kept.send.is_closed()) {
        match ask(&mut kept, max_bytes).await {
            Ok(response) => return Ok((response, kept)),
            // Idle connections may be closed at any time; only then a second try is right.
            Err(ScrapeError::Exchange { source, .. }) if source.is_canceled() || source.is_incomplete_message() => {}
            Err(error) => return Err(error),
        }
    }
    let mut fresh = connect(url).await?;
    let response = ask(&mut fresh, max_bytes).await?;
    Ok((response, fresh))
}

async fn connect(url: &Url) -> Result<Connection, ScrapeError> {
    let bad_address = || ScrapeError::Address { url: url.clone() };
    if url.scheme() != "http" {
        return Err(bad_address());
    }
    let port = url.port_or_known_default().ok_or_else(bad_address)?;
    let host = url.host_str().ok_or_else(bad_address)?.trim_matches(['[', ']']);
    let address = format!("{host}:{port}");
    let stream = TcpStream::connect((host, port))
        .await
        .map_err(|source| ScrapeError::Connect { address: address.clone(), source })?;
    let (send, driver) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|source| ScrapeError::Exchange { address, source })?;
    let driver = AbortOnDropHandle::new(tokio::spawn(async move {
        // Its error also reaches the request that was under way.
        let _ = driver.await;
    }));
    Ok(Connection { url: url.clone(), send, _driver: driver })
}

async fn ask(connection: &mut Connection, max_bytes: usize) -> Result<Response, ScrapeError> {
    let url = &connection.url;
    let broke = |source| ScrapeError::Exchange { address: url.authority().to_owned(), source };
    let path = url[url::Position::BeforePath..url::Position::AfterQuery].to_owned();
    let request = Request::get(path)
        .header(header::HOST, url.authority())
        .header(header::ACCEPT, ACCEPT)
        .header(header::USER_AGENT, "mettle-recorder")
        .body(Empty::new())
        .map_err(|_| ScrapeError::Address { url: url.clone() })?;
    connection.send.ready().await.map_err(broke)?;
    let response = connection.send.send_request(request).await.map_err(broke)?;
    if response.status() != StatusCode::OK {
        return Err(ScrapeError::Status { status: response.status() });
    }
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let format = Format::of_content_type(kind.unwrap_or(""));
    let framed = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING].iter().any(|h| response.headers().contains_key(h));
    let mut body = response.into_body();
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(broke)?.into_data() else {
            continue;
        };
        if whole.len() + data.len() > max_bytes {
            return Err(ScrapeError::TooLong { max: max_bytes });
        }
        whole.extend_from_slice(&data);
    }
    // Where the end of the connection is the end of the answer, a number that was cut reads as a smaller one.
    if !framed && whole.last().is_some_and(|last| *last != b'\n') {
        return Err(ScrapeError::Cut);
    }
    Ok(Response { body: whole.freeze(), format })
}
