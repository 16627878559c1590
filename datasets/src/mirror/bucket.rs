//! Which bucket, and who asks.

use super::error::MirrorError;
use object_store::aws::{AmazonS3, AmazonS3Builder, S3ConditionalPut};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use url::Url;

/// Tries after the first: with pauses between them, about five seconds; whoever calls comes again later.
const RETRIES: usize = 4;

/// How long one request may be tried again.
const RETRY_WITHIN: Duration = Duration::from_secs(60);

/// How long an answer may take. A part of 8 MiB gets through 1 Mbit/s in 67 s.
const ANSWER_WITHIN: Duration = Duration::from_secs(120);

/// A bucket of an S3-compatible server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// The server, `https://s3.eu-central-1.amazonaws.com`; the bucket is the first part of the path.
    pub endpoint: Url,
    /// Region that requests are signed for; many servers want `us-east-1`.
    pub region: String,
    /// Folders in the bucket, `mettle/staging`; may be empty.
    pub prefix: String,
    /// Where the key is.
    pub credentials: Credentials,
}

/// Where the access key and its secret are read, each time anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, where there is one, `AWS_SESSION_TOKEN`.
    Environment,
    /// A file with lines `aws_access_key_id = …`, `aws_secret_access_key = …` and, where there is one,
    /// `aws_session_token = …`; sections and comments are passed over.
    File(PathBuf),
}

/// Address of a copy, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    bucket: String,
    endpoint: Url,
    pub(super) prefix: Vec<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.endpoint.as_str().trim_end_matches('/'), self.bucket)?;
        self.prefix.iter().try_for_each(|part| write!(f, "/{part}"))
    }
}

/// What requests are signed with; never shown.
struct Keys {
    id: String,
    secret: String,
    token: Option<String>,
}

impl Bucket {
    /// Where the copies are.
    pub(super) fn place(&self) -> Place {
        Place {
            bucket: self.name.clone(),
            endpoint: self.endpoint.clone(),
            prefix: self.prefix.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect(),
        }
    }

    /// A client. It asks nothing of the server yet.
    pub(super) fn connect(&self) -> Result<(AmazonS3, Place), MirrorError> {
        let place = self.place();
        let keys = self.credentials.read()?;
        let options =
            ClientOptions::new().with_allow_http(self.endpoint.scheme() == "http").with_timeout(ANSWER_WITHIN);
        let retry =
            RetryConfig { max_retries: RETRIES, retry_timeout: RETRY_WITHIN, backoff: BackoffConfig::default() };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&self.name)
            .with_endpoint(self.endpoint.as_str().trim_end_matches('/'))
            .with_region(&self.region)
            .with_virtual_hosted_style_request(false)
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_client_options(options)
            .with_retry(retry)
            .with_access_key_id(keys.id)
            .with_secret_access_key(keys.secret);
        if let Some(token) = keys.token {
            builder = builder.with_token(token);
        }
        match builder.build() {
            Ok(remote) => Ok((remote, place)),
            Err(source) => Err(MirrorError::NoAddress { place: place.to_string(), source: Box::new(source) }),
        }
    }
}

impl Credentials {
    fn read(&self) -> Result<Keys, MirrorError> {
        match self {
            Credentials::Environment => keys("the environment", |name| std::env::var(name.to_uppercase()).ok()),
            Credentials::File(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|source| MirrorError::CredentialsFile { path: path.clone(), source })?;
                let found = pairs(&text);
                keys(&path_text(path), |name| found.get(name).cloned())
            }
        }
    }
}

fn path_text(path: &Path) -> String {
    path.display().to_string()
}

fn keys(place: &str, find: impl Fn(&str) -> Option<String>) -> Result<Keys, MirrorError> {
    let needed = |name: &'static str| {
        let missing = || MirrorError::NoCredentials { place: place.to_owned(), name };
        find(name).filter(|value| !value.is_empty()).ok_or_else(missing)
    };
    Ok(Keys {
        id: needed("aws_access_key_id")?,
        secret: needed("aws_secret_access_key")?,
        token: find("aws_session_token").filter(|value| !value.is_empty()),
    })
}

fn pairs(text: &str) -> BTreeMap<String, String> {
    let pair = |line: &str| {
        let (name, value) = line.split_once('=')?;
        Some((name.trim().to_lowercase(), value.trim().to_owned()))
    };
    text.lines().filter(|line| !line.trim_start().starts_with(['#', ';', '['])).filter_map(pair).collect()
}
