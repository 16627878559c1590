//! The part of a landscape's policy that gates read.

use scorer::evidence::Class;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Policy as the gates see it. Durations are whole seconds (`_s`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyFact {
    /// Digest of the policy document, `sha256:...`; a verdict of another policy is expired.
    pub digest: String,
    /// Score that `scoreLow` must reach.
    pub kpi: f64,
    /// How long a tag must be observed.
    pub min_observation_s: u64,
    /// How long a pass is valid after publishing; a verdict's own `validUntil` can only be earlier.
    pub valid_for_s: u64,
    /// Whether a provisional pass counts.
    pub provisional: Provisional,
    /// Oldest allowed result of each class at the soak's end, in seconds. Classes that are not listed are not asked.
    pub classes: BTreeMap<Class, u64>,
}

/// Whether a pass with fewer than three baseline runs counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provisional {
    /// It counts.
    Allow,
    /// It does not.
    Deny,
}
