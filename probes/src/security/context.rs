//! What every check gets: where the components are, who may call what, and one careful way to ask.

use super::check::NotRun;
use crate::clock::RunClock;
use crate::suite::{SecuritySuite, TokenSource};
use reqwest::{Client, Method, Url};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Longest wait for an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// What is read of an answer: markers stand at its beginning.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// Everything that checks need.
#[derive(Clone, Debug)]
pub struct ScanContext {
    /// The suite.
    pub suite: SecuritySuite,
    /// Time of the run.
    pub clock: RunClock,
    /// Ends the scan between two checks.
    pub stop: CancellationToken,
    bases: BTreeMap<String, Url>,
    tokens: BTreeMap<String, String>,
    expired: Option<String>,
    client: Client,
}

/// A context that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// No HTTP client.
    #[error("failed to make an HTTP client")]
    Client(#[source] reqwest::Error),
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Status.
    pub status: u16,
    /// Beginning of the body.
    pub body: String,
}

impl ScanContext {
    /// A context for the user-side addresses `bases`; `variable` reads an environment variable.
    /// A token whose variable is not set is absent: what needs it is not run.
    ///
    /// # Errors
    /// No HTTP client.
    pub fn try_new(
        suite: SecuritySuite,
        bases: BTreeMap<String, Url>,
        clock: RunClock,
        stop: CancellationToken,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ContextError> {
        let read = |source: &TokenSource| source.value.clone().or_else(|| variable(source.env.as_deref()?));
        let tokens = suite.tokens.iter().filter_map(|(role, source)| Some((role.clone(), read(source)?))).collect();
        let expired = suite.expired_token.as_ref().and_then(read);
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(ANSWER_WITHIN)
            .user_agent("mettle-security")
            .build()
            .map_err(ContextError::Client)?;
        Ok(Self { suite, clock, stop, bases, tokens, expired, client })
    }

    /// Names of the components that are looked at.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.bases.keys().map(String::as_str)
    }

    /// Token of a role.
    pub fn token(&self, role: &str) -> Option<&str> {
        self.tokens.get(role).map(String::as_str)
    }

    /// A token that was valid once.
    pub fn expired_token(&self) -> Option<&str> {
        self.expired.as_deref()
    }

    /// Asks with no body; `path` is sent as it stands below the component's address.
    ///
    /// # Errors
    /// No answer.
    pub async fn ask(&self, component: &str, method: Method, path: &str, token: Option<&str>) -> Result<Reply, NotRun> {
        let mut request = self.request(component, method, path)?;
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        read(request).await
    }

    /// Posts a text as JSON.
    ///
    /// # Errors
    /// No answer.
    pub async fn post_text(&self, component: &str, path: &str, text: &'static str) -> Result<Reply, NotRun> {
        let request = self.request(component, Method::POST, path)?;
        read(request.header("content-type", "application/json").body(text)).await
    }

    fn request(&self, component: &str, method: Method, path: &str) -> Result<reqwest::RequestBuilder, NotRun> {
        let base = self.bases.get(component);
        let base = base.ok_or_else(|| NotRun::NotApplicable(format!("no address of component `{component}`")))?;
        let url = format!("{}{path}", base.as_str().trim_end_matches('/'));
        let url = Url::parse(&url).map_err(|error| NotRun::NotApplicable(format!("`{path}` is no path: {error}")))?;
        Ok(self.client.request(method, url))
    }
}

async fn read(request: reqwest::RequestBuilder) -> Result<Reply, NotRun> {
    let unreachable = |error: reqwest::Error| NotRun::Unreachable(error.without_url().to_string());
    let mut response = request.send().await.map_err(unreachable)?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        let room = MAX_BODY_BYTES - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == MAX_BODY_BYTES {
            break;
        }
    }
    Ok(Reply { status: response.status().as_u16(), body: String::from_utf8_lossy(&body).into_owned() })
}
