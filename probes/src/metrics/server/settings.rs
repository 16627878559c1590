//! How a metrics server is reached: a part of the landscape document.

use crate::suite::Span;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use percent_encoding::percent_decode_str;
use schemars::JsonSchema;
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use url::Url;

/// Queries that one server answers for us at once, where nothing else is said. Prometheus runs at most 20 for everybody.
const CONCURRENCY: u32 = 4;

/// How long one read may take, where nothing else is said: Prometheus gives up after two minutes by itself.
const TIMEOUT: Span = Span::from_millis(60_000);

/// A server that speaks the HTTP API of Prometheus.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ServerSettings {
    /// Base address, up to where `/api/v1` follows. Credentials go to `auth`.
    #[serde(deserialize_with = "address")]
    #[schemars(with = "String")]
    pub url: Url,
    /// How samples are read.
    #[serde(default)]
    pub read: ReadPath,
    /// Who we are.
    #[serde(default)]
    pub auth: Auth,
    /// Certificates.
    #[serde(default)]
    pub tls: Tls,
    /// Headers of every request, for instance of a tenant: `X-Scope-OrgID: staging`.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Labels that tell replicas of one Prometheus apart: series that differ in nothing else are one.
    #[serde(default)]
    pub replica_labels: Vec<String>,
    /// Queries at once, 1 to 64; 4 where absent.
    #[serde(default = "concurrency")]
    #[schemars(range(min = 1, max = 64))]
    pub concurrency: u32,
    /// How long one read may take; 60s where absent.
    #[serde(default = "timeout")]
    pub timeout: Span,
}

/// How samples are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ReadPath {
    /// Remote read, or where the server has none what its answers say that it has.
    #[default]
    Auto,
    /// Remote read with streamed chunks (Prometheus, Mimir).
    RemoteRead,
    /// Instant queries over a range (any server, Thanos).
    Json,
    /// The export of VictoriaMetrics.
    Export,
}

/// Who we are. Secrets lie in files, which are read again for every request; a path that is not absolute begins at the
/// folder of the installation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Auth {
    /// File with a bearer token.
    #[serde(default)]
    pub bearer_file: Option<PathBuf>,
    /// User of basic authentication.
    #[serde(default)]
    pub user: Option<String>,
    /// File with the password of that user.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
}

/// Certificates, as PEM files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Tls {
    /// Authority that signed the server's certificate; the system's where absent.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Our certificate and those above it.
    #[serde(default)]
    pub cert_file: Option<PathBuf>,
    /// Its key.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
}

/// An address that is none may hold a password all the same: it is not repeated.
fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = |error| D::Error::custom(format!("`url` of a metrics server is no address: {error}"));
    text.parse().map_err(wrong)
}

fn concurrency() -> u32 {
    CONCURRENCY
}

fn timeout() -> Span {
    TIMEOUT
}

/// What is wrong with one key of the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsProblem {
    /// Key, below the settings.
    pub key: &'static str,
    /// Value.
    pub value: String,
    /// What is wrong.
    pub message: String,
    /// What to write.
    pub remedy: &'static str,
}

/// Values of headers may be secrets.
impl fmt::Debug for ServerSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&String> = self.headers.keys().collect();
        f.debug_struct("ServerSettings")
            .field("url", &self.url.as_str())
            .field("headers", &headers)
            .finish_non_exhaustive()
    }
}

impl ServerSettings {
    /// Settings of a server that asks for nothing.
    pub fn of(url: Url) -> Self {
        ServerSettings {
            url,
            read: ReadPath::default(),
            auth: Auth::default(),
            tls: Tls::default(),
            headers: BTreeMap::new(),
            replica_labels: Vec::new(),
            concurrency: CONCURRENCY,
            timeout: TIMEOUT,
        }
    }

    /// Settings of a server whose address somebody typed. Its user and password move into a header, where nothing shows
    /// them; what stands behind the path is no part of a base.
    pub fn typed(mut address: Url) -> Self {
        let (user, password) = (address.username(), address.password().unwrap_or_default());
        let pair: Vec<u8> = percent_decode_str(&format!("{user}:{password}")).collect();
        // These fail only for addresses that cannot have a user.
        let _ = (address.set_password(None), address.set_username(""));
        address.set_query(None);
        address.set_fragment(None);
        let mut settings = Self::of(address);
        if pair != b":" {
            settings.headers.insert("Authorization".to_owned(), format!("Basic {}", BASE64_STANDARD.encode(pair)));
        }
        settings
    }

    /// The same with files that are not absolute below `dir`.
    pub fn within(mut self, dir: &Path) -> Self {
        let (auth, tls) = (&mut self.auth, &mut self.tls);
        let files =
            [&mut auth.bearer_file, &mut auth.password_file, &mut tls.ca_file, &mut tls.cert_file, &mut tls.key_file];
        for file in files.into_iter().flatten() {
            *file = dir.join(&*file);
        }
        self
    }

    /// Everything that the schema cannot say. Values that may be secrets are not repeated.
    pub fn problems(&self) -> Vec<SettingsProblem> {
        let mut problems = Vec::new();
        let mut say = |key, value: &str, message: &str, remedy| {
            problems.push(SettingsProblem { key, value: value.to_owned(), message: message.to_owned(), remedy });
        };
        if !matches!(self.url.scheme(), "http" | "https") || !self.url.has_host() {
            say("url", self.url.scheme(), "is no address of a web server", "write http://HOST:PORT or https://HOST");
        }
        if !self.url.username().is_empty() || self.url.password().is_some() {
            let remedy = "write the user into `auth.user` and the password into a file that `auth.passwordFile` names";
            say("url", "", "has credentials in it, which would show in logs", remedy);
        }
        if self.url.query().is_some() || self.url.fragment().is_some() {
            say("url", "", "has more than a path", "end it before `?` or `#`");
        }
        if self.auth.bearer_file.is_some() && self.auth.user.is_some() {
            say("auth", "", "has a bearer token and a user", "keep one of `bearerFile` and `user`");
        }
        if self.auth.user.is_some() != self.auth.password_file.is_some() {
            say("auth", "", "has half of a user and password", "give both `user` and `passwordFile`");
        }
        if self.tls.cert_file.is_some() != self.tls.key_file.is_some() {
            say("tls", "", "has half of a certificate and key", "give both `certFile` and `keyFile`");
        }
        if self.timeout.duration().is_zero() {
            say("timeout", "0", "leaves no time to read", "write `timeout: 60s`");
        }
        for (name, value) in &self.headers {
            if name.parse::<http::HeaderName>().is_err() || value.parse::<http::HeaderValue>().is_err() {
                say("headers", name, "is no header", "use letters, digits and `-`, and a value without line ends");
            }
            if name.eq_ignore_ascii_case("authorization") {
                say("headers", name, "would lie in git", "use `auth`, which reads it from a file");
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(change: impl FnOnce(&mut ServerSettings)) -> Vec<&'static str> {
        let mut settings = ServerSettings::of("http://prometheus:9090".parse().unwrap());
        change(&mut settings);
        settings.problems().into_iter().map(|problem| problem.key).collect()
    }

    #[test]
    fn what_is_typed_with_an_address_is_used_and_not_shown() {
        let typed = |text: &str| ServerSettings::typed(text.parse().unwrap());
        let settings = typed("http://me:p%40ss@there/base?token=s3cret#s3cret");
        assert_eq!(settings.url.as_str(), "http://there/base");
        // `me:p@ss`, RFC 7617.
        assert_eq!(settings.headers["Authorization"], "Basic bWU6cEBzcw==");
        assert!(!format!("{settings:?}").contains("bWU6"), "{settings:?}");
        assert_eq!(typed("http://there/"), ServerSettings::of("http://there/".parse().unwrap()));
    }

    #[test]
    fn an_address_that_is_none_is_not_repeated() {
        let read = serde_json::from_str::<ServerSettings>(r#"{"url": "http://me:s3cret@there:port"}"#);
        let error = read.unwrap_err().to_string();
        assert!(error.contains("no address: invalid port") && !error.contains("s3cret"), "{error}");
    }

    #[test]
    fn every_problem_is_named_and_no_secret_is_repeated() {
        assert_eq!(keys(|_| {}), [""; 0]);
        assert_eq!(keys(|s| s.url = "ftp://there/".parse().unwrap()), ["url"]);
        assert_eq!(keys(|s| s.auth.user = Some("me".into())), ["auth"]);
        assert_eq!(keys(|s| s.tls.key_file = Some("key.pem".into())), ["tls"]);
        assert_eq!(keys(|s| drop(s.headers.insert("Authorization".into(), "Bearer x".into()))), ["headers"]);
        assert_eq!(keys(|s| drop(s.headers.insert("a b".into(), "x".into()))), ["headers"]);
        let mut settings = ServerSettings::of("http://me:s3cret@there/?x=s3cret".parse().unwrap());
        settings.timeout = Span::from_millis(0);
        let problems = settings.problems();
        assert_eq!(problems.len(), 3);
        assert!(!format!("{problems:?}").contains("s3cret"));
    }
}
