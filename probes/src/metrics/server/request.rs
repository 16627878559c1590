//! Asking a server: clients, limits, tries.

use super::columns::ReadLimits;
use super::error::SourceError;
use super::secrets::Secrets;
use super::settings::{ReadPath, ServerSettings};
use rand::RngExt as _;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::Instant;
use url::Url;

/// Tries of one request.
const TRIES: u32 = 4;

/// Time before the second try; it doubles from try to try, and half of it is chance.
const BACK_OFF: Duration = Duration::from_millis(250);

/// Longest pause that a server may ask for.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// How much of the answer to a refused request is repeated.
const SAYS_MAX: usize = 300;

/// A metrics server. Cheap to clone; clones share the client, the limit of queries and what is known of the server.
#[derive(Clone, Debug)]
pub struct Server {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: ServerSettings,
    limits: ReadLimits,
    permits: Semaphore,
    client: Mutex<Option<(Secrets, Client)>>,
    path: OnceCell<ReadPath>,
}

impl Server {
    /// A server; nothing is asked yet.
    pub fn new(settings: ServerSettings, limits: ReadLimits) -> Self {
        let permits = Semaphore::new(settings.concurrency.clamp(1, 64) as usize);
        let inner = Inner { settings, limits, permits, client: Mutex::default(), path: OnceCell::new() };
        Server { inner: Arc::new(inner) }
    }

    /// How it is reached.
    pub fn settings(&self) -> &ServerSettings {
        &self.inner.settings
    }

    /// Most that one read takes.
    pub fn limits(&self) -> ReadLimits {
        self.inner.limits
    }

    /// The way of reading that was found to work.
    pub(super) fn path(&self) -> &OnceCell<ReadPath> {
        &self.inner.path
    }

    /// Address of an endpoint below the base.
    pub(super) fn endpoint(&self, path: &str) -> Url {
        let mut url = self.inner.settings.url.clone();
        let joined = format!("{}/{path}", url.path().trim_end_matches('/'));
        url.set_path(&joined);
        url
    }

    /// The client, made anew when a secret changed.
    ///
    /// # Errors
    /// A file cannot be read or used.
    pub(super) fn client(&self) -> Result<Client, SourceError> {
        let secrets = Secrets::read(&self.inner.settings)?;
        let mut known = self.inner.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = known.as_ref().filter(|(used, _)| *used == secrets) {
            return Ok(client.clone());
        }
        let client = secrets.client(&self.inner.settings)?;
        *known = Some((secrets, client.clone()));
        Ok(client)
    }

    /// Does the whole of `work`, a request and the reading of its answer, again while its failure may pass: within the
    /// time limit, and never with more than the allowed queries at once.
    ///
    /// # Errors
    /// The last failure.
    pub(super) async fn tried<T, F: Future<Output = Result<T, Failure>>>(
        &self,
        work: impl Fn(Client) -> F,
    ) -> Result<T, SourceError> {
        let within = self.inner.settings.timeout.duration();
        let url = self.inner.settings.url.to_string();
        let deadline = Instant::now() + within;
        let permit = tokio::time::timeout_at(deadline, self.inner.permits.acquire()).await;
        let Ok(_permit) = permit else { return Err(SourceError::Deadline { url, within }) };
        let mut pause = BACK_OFF;
        for attempt in 1.. {
            let client = self.client()?;
            let Ok(done) = tokio::time::timeout_at(deadline, work(client)).await else {
                return Err(SourceError::Deadline { url, within });
            };
            let failure = match done {
                Ok(done) => return Ok(done),
                Err(failure) if attempt == TRIES || !failure.error.is_transient() => return Err(failure.error),
                Err(failure) => failure,
            };
            let wait = failure.pause.map_or_else(|| jittered(pause), |asked| asked.min(PAUSE_MAX));
            if Instant::now() + wait >= deadline {
                return Err(failure.error);
            }
            tracing::debug!(url, attempt, "asking again in {wait:?}: {}", failure.error);
            tokio::time::sleep(wait).await;
            pause *= 2;
        }
        unreachable!("the last try returns")
    }

    /// A request for an endpoint.
    pub(super) fn get(&self, client: Client, path: &str) -> RequestBuilder {
        client.get(self.endpoint(path))
    }

    /// The client library over the same connections.
    pub(super) fn queries(&self, client: Client) -> Result<prometheus_http_query::Client, SourceError> {
        let url = self.inner.settings.url.as_str();
        prometheus_http_query::Client::from(client, url).map_err(|source| unreachable(url, source))
    }
}

/// A failed try, and how long the server asks to wait.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: SourceError,
    pause: Option<Duration>,
}

impl<E: Into<SourceError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure { error: error.into(), pause: None }
    }
}

fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.5 + rand::rng().random_range(0.0..0.5))
}

/// Sends a request; an answer that is no success is an error.
pub(super) async fn send(url: &str, request: RequestBuilder) -> Result<Response, Failure> {
    answered(url, request.send().await).await
}

/// As [`send`], for what was sent already.
pub(super) async fn answered(url: &str, answer: reqwest::Result<Response>) -> Result<Response, Failure> {
    success(url, answer.map_err(|source| unreachable(url, plain(source)))?).await
}

/// As [`send`], for what the client library sent.
pub(super) async fn sent(
    url: &str,
    answer: Result<Response, prometheus_http_query::Error>,
) -> Result<Response, Failure> {
    success(url, answer.map_err(|source| unreachable(url, source))?).await
}

fn unreachable(url: &str, source: impl std::error::Error + Send + Sync + 'static) -> SourceError {
    SourceError::Unreachable { url: url.to_owned(), source: Box::new(source) }
}

async fn success(url: &str, answer: Response) -> Result<Response, Failure> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let asked = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let says = beginning(answer).await;
    let error = SourceError::Status { url: url.to_owned(), status: status.as_u16(), says };
    Err(Failure { error, pause: asked.map(Duration::from_secs) })
}

/// Content type of an answer, without its parameters.
pub(super) fn content_type(answer: &Response) -> String {
    let value = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_owned()
}

/// A whole body of at most `max` bytes.
pub(super) async fn body(url: &str, mut answer: Response, max: usize) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(piece) = next_piece(url, &mut answer).await? {
        if body.len() + piece.len() > max {
            return Err(SourceError::TooLong { url: url.to_owned(), max }.into());
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// The next piece of a body.
pub(super) async fn next_piece(url: &str, answer: &mut Response) -> Result<Option<bytes::Bytes>, Failure> {
    let piece = answer.chunk().await;
    Ok(piece.map_err(|source| SourceError::BrokeOff { url: url.to_owned(), source: plain(source) })?)
}

/// The address is told once, by us, without its query.
fn plain(error: reqwest::Error) -> reqwest::Error {
    error.without_url()
}

async fn beginning(mut answer: Response) -> String {
    let mut text = Vec::new();
    while let Ok(Some(piece)) = answer.chunk().await {
        text.extend_from_slice(&piece);
        if text.len() >= SAYS_MAX {
            break;
        }
    }
    let line = one_line(&String::from_utf8_lossy(&text));
    if line.is_empty() { "nothing more".to_owned() } else { line }
}

/// What a server says, as one line that is not too long for people.
pub(super) fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ").chars().take(SAYS_MAX).collect()
}
