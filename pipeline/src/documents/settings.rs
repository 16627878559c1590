//! `mettle.yaml`: one installation.

use super::Complaint;
use super::product::ApiVersion;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;
use url::Url;

/// The document.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Settings {
    /// Version of the document family.
    pub api_version: ApiVersion,
    /// Kind of the document.
    pub kind: SettingsKind,
    /// The product repository: any git URL, or a path relative to the installation.
    pub product: Repository,
    /// The landscape repository.
    pub landscape: Repository,
    /// Where `serve` and `up` listen.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// Where the worker shows its own series at `/metrics` while it observes; nowhere where absent.
    #[serde(default)]
    pub metrics_listen: Option<SocketAddr>,
    /// Whether the current tag is soaked again while nothing else waits.
    #[serde(default)]
    pub idle: Idle,
    /// A bucket that gets a copy of all evidence; without it, evidence is in the folder alone.
    #[serde(default)]
    pub evidence: Option<EvidenceBucket>,
}

impl Settings {
    /// What the schema cannot see.
    pub fn complaints(&self) -> Vec<Complaint> {
        let mut complaints = Vec::new();
        if self.metrics_listen.is_some_and(|own| own == self.listen && own.port() != 0) {
            complaints.push(Complaint::new(
                "metricsListen",
                self.listen.to_string(),
                "is where the gate listens",
                "give it another port than `listen`",
            ));
        }
        let Some(evidence) = &self.evidence else { return complaints };
        // Whatever stands before an `@` may be a secret: it is not repeated, not even where the rest is no address.
        if evidence.endpoint.contains('@') {
            complaints.push(Complaint::new(
                "evidence.endpoint",
                "…@…",
                "has a user or a password in it",
                "write https://HOST or https://HOST:PORT, and the key where `evidence.credentials` says",
            ));
        } else if !Url::parse(&evidence.endpoint)
            .is_ok_and(|url| ["http", "https"].contains(&url.scheme()) && url.has_host())
        {
            complaints.push(Complaint::new(
                "evidence.endpoint",
                &evidence.endpoint,
                "is no address of a server",
                "write https://HOST or https://HOST:PORT",
            ));
        }
        complaints
    }
}

/// A bucket of an S3-compatible server.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct EvidenceBucket {
    /// Name of the bucket, which must exist.
    pub bucket: String,
    /// Address of the server, `https://s3.eu-central-1.amazonaws.com`.
    pub endpoint: String,
    /// Region that requests are signed for; many servers want the default.
    #[serde(default = "default_region")]
    pub region: String,
    /// Folders in the bucket, `mettle/staging`.
    #[serde(default)]
    pub prefix: String,
    /// Where the access key and its secret are.
    #[serde(default)]
    pub credentials: CredentialsFrom,
}

/// Where an access key and its secret are. They are read again before every use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CredentialsFrom {
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and, where there is one, `AWS_SESSION_TOKEN`.
    #[default]
    Environment,
    /// A file in the format of `~/.aws/credentials`: any path, or one relative to the installation.
    File(PathBuf),
}

fn default_region() -> String {
    "us-east-1".into()
}

/// Kind `Installation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SettingsKind {
    /// `Installation`.
    Installation,
}

/// A git repository.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Repository {
    /// Any git URL, or a path relative to the installation.
    pub repo: String,
    /// Branch of a landscape repository.
    #[serde(default = "default_branch")]
    pub branch: String,
}

/// What a worker does when nothing waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Idle {
    /// Soak the current tag again until the baseline is full.
    #[default]
    Baseline,
    /// Soak the current tag again and again.
    Always,
    /// Wait.
    Rest,
}

fn default_branch() -> String {
    "main".into()
}

/// Default listen address: loopback, so that nothing is open by accident.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:7310";

fn default_listen() -> SocketAddr {
    DEFAULT_LISTEN.parse().expect("a literal loopback address")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::read_text;

    const PLAIN: &str = "apiVersion: mettle/v1\nkind: Installation\nproduct: {repo: p}\nlandscape: {repo: l}\n";

    fn read(evidence: &str) -> Result<Option<EvidenceBucket>, String> {
        let text = format!("{PLAIN}{evidence}");
        let read = read_text::<Settings>("mettle.yaml", &text, Settings::complaints);
        read.map(|document| document.value.evidence).map_err(|problems| problems.to_string())
    }

    #[test]
    fn a_bucket_has_an_address_and_says_where_its_key_is() {
        assert!(read("").unwrap().is_none());
        let short = read("evidence: {bucket: b, endpoint: 'https://s3.example.org'}").unwrap().unwrap();
        assert_eq!((short.region.as_str(), short.prefix.as_str()), ("us-east-1", ""));
        assert_eq!(short.credentials, CredentialsFrom::Environment);
        let file = "evidence: {bucket: b, endpoint: 'http://127.0.0.1:9000', credentials: {file: keys}}";
        assert_eq!(read(file).unwrap().unwrap().credentials, CredentialsFrom::File("keys".into()));
        let wrong = read("evidence: {bucket: b, endpoint: s3.example.org}").unwrap_err();
        assert!(wrong.contains("evidence.endpoint") && wrong.contains("https://HOST"), "{wrong}");
        for endpoint in ["https://user:hidden@host", "https://hidden@host:x"] {
            let said = read(&format!("evidence: {{bucket: b, endpoint: '{endpoint}'}}")).unwrap_err();
            assert!(said.contains("evidence.endpoint") && !said.contains("hidden"), "{said}");
        }
        let secret = read("evidence: {bucket: b, endpoint: 'https://h', secretKey: x}").unwrap_err();
        assert!(secret.contains("unknown key"), "{secret}");
    }
}
