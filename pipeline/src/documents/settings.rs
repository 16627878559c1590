//! `mettle.yaml`: one installation.

use super::product::ApiVersion;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

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
    /// Whether the current tag is soaked again while nothing else waits.
    #[serde(default)]
    pub idle: Idle,
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
