//! The verdict of a soak, bound to everything that it depends on.

use chrono::{DateTime, Utc};
use scorer::Judgement;
use scorer::evidence::Class;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A judgement and what it is bound to. Written once per soak.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerdictRecord {
    /// Soak id.
    pub soak: String,
    /// Product name.
    pub product: String,
    /// Landscape name.
    pub landscape: String,
    /// Tag name.
    pub tag: String,
    /// Commit that was judged (full hash).
    pub commit: String,
    /// What the judge said.
    pub judgement: Judgement,
    /// One sentence for people: `stable: watched 9 h 40 min under load and 14 faults`.
    pub sentence: String,
    /// Digest of the policy that judged.
    pub policy_digest: String,
    /// Digest of the programme.
    pub programme_digest: String,
    /// State of every toggle during the soak.
    pub toggles: BTreeMap<String, String>,
    /// The evidence.
    pub evidence: Vec<EvidenceRef>,
    /// Digest of the report.
    pub report_digest: String,
    /// Newest result of each class that ran; measured against the soak's end.
    pub classes: BTreeMap<Class, DateTime<Utc>>,
    /// When it was judged and published.
    pub evaluated_at: DateTime<Utc>,
    /// Until when a pass counts.
    pub valid_until: DateTime<Utc>,
}

impl VerdictRecord {
    /// Score, its lower and upper limit; `None` unless all three are numbers.
    pub fn score(&self) -> Option<[f64; 3]> {
        let judged = &self.judgement;
        match [judged.score, judged.score_low, judged.score_high].map(|v| v.filter(|v| v.is_finite())) {
            [Some(score), Some(low), Some(high)] => Some([score, low, high]),
            _ => None,
        }
    }
}

/// One piece of evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EvidenceRef {
    /// `sha256:...`
    pub digest: String,
    /// Where it lies.
    pub uri: String,
}
