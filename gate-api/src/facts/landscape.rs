//! Facts about a landscape.

use super::policy::PolicyFact;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What is known of a landscape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LandscapeFact {
    /// Product name.
    pub product: String,
    /// Landscape name.
    pub landscape: String,
    /// Names of its clusters; every one needs a pass of its own. Empty: whatever was soaked.
    pub clusters: Vec<String>,
    /// Its policy.
    pub policy: PolicyFact,
    /// What runs in it now.
    pub deployed: Deployed,
}

/// What runs in a landscape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Deployed {
    /// Nobody looked yet: `stage` waits.
    Unknown,
    /// Nothing runs.
    Nothing,
    /// A tag runs.
    #[serde(rename_all = "camelCase")]
    Tag {
        /// Its name.
        tag: String,
        /// Since when it has been observed.
        observed_since: DateTime<Utc>,
        /// Whether it failed, or its soaks cannot be vouched for: to observe it further brings nothing.
        #[serde(default)]
        halted: bool,
    },
}
