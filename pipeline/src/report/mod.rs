//! The report of one soak: what the ledger keeps, what the release note and the pages are made of.

pub mod canonical;

use crate::changelog::Changelog;
use crate::documents::landscape::GatePolicy;
use crate::soak::machine::Outcome;
use crate::soak::record::{BaselineRun, JudgedAs};
use chrono::{DateTime, Utc};
use scorer::evidence::{Class, Exposure, PhaseLabel};
use scorer::{Judgement, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of the published documents.
pub const API_VERSION: &str = "mettle/v1";

/// How a soak ended. Not a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SoakOutcome {
    /// The programme is complete, or a look decided early.
    Done,
    /// The tag did not become healthy.
    NotDeployable,
    /// Stopped by a person or a limit.
    Aborted,
    /// We cannot vouch for the environment.
    Tainted,
    /// A newer tag took its place.
    Superseded,
}

impl SoakOutcome {
    /// The verdict of a soak that ended so: an outcome may be worse than the judgement, never better.
    pub fn verdict(self, judged: Option<Verdict>) -> Verdict {
        match self {
            SoakOutcome::Done => judged.unwrap_or(Verdict::None),
            SoakOutcome::NotDeployable => Verdict::Fail,
            SoakOutcome::Aborted | SoakOutcome::Tainted => judged.map_or(Verdict::None, |_| Verdict::Insufficient),
            SoakOutcome::Superseded => Verdict::None,
        }
    }
}

impl From<&Outcome> for SoakOutcome {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Done => SoakOutcome::Done,
            Outcome::NotDeployable { .. } => SoakOutcome::NotDeployable,
            Outcome::Aborted { .. } => SoakOutcome::Aborted,
            Outcome::Tainted { .. } => SoakOutcome::Tainted,
            Outcome::Superseded { .. } => SoakOutcome::Superseded,
        }
    }
}

/// One phase as it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PhaseSummary {
    /// Name in the programme.
    pub name: String,
    /// Label.
    pub label: PhaseLabel,
    /// Start.
    pub started_at: DateTime<Utc>,
    /// End.
    pub ended_at: DateTime<Utc>,
    /// Samples that counted.
    pub samples: u32,
}

/// What the suites of one class did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClassSummary {
    /// Class.
    pub class: Class,
    /// Checks that ran.
    pub ran: u64,
    /// Of those, checks that were not ok.
    pub failed: u64,
    /// When the class was last measured: the end of the soak.
    pub measured_at: DateTime<Utc>,
}

/// Evidence by digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EvidenceRef {
    /// `sha256:...`.
    pub digest: String,
    /// Where it lies.
    pub uri: String,
}

/// Where to go back to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WayBack {
    /// Last tag with a pass.
    pub tag: String,
    /// How long a deployment took when it was last measured, in milliseconds.
    pub takes_ms: Option<u64>,
}

/// The report of one soak.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Report {
    /// [`API_VERSION`].
    pub api_version: String,
    /// `Report`.
    pub kind: String,
    /// Product.
    pub product: String,
    /// Tag.
    pub tag: String,
    /// Commit of the tag, full.
    pub commit: String,
    /// Landscape.
    pub landscape: String,
    /// Cluster.
    pub cluster: String,
    /// Soak id.
    pub soak: String,
    /// Attempt that decided, from 1.
    pub attempt: u32,
    /// How it ended.
    pub outcome: SoakOutcome,
    /// Why, where the outcome does not say it all: the component that did not get healthy, the tag that took its place.
    pub outcome_detail: Option<String>,
    /// The judgement; none when nothing was judged.
    pub judgement: Option<Judgement>,
    /// Verdict; may be worse than the judgement's (`not_deployable` brings `fail`).
    pub verdict: Verdict,
    /// Start.
    pub started_at: DateTime<Utc>,
    /// End.
    pub ended_at: DateTime<Utc>,
    /// Phases, in order of time.
    pub phases: Vec<PhaseSummary>,
    /// Classes that ran.
    pub classes: Vec<ClassSummary>,
    /// Faults as they were.
    pub exposures: Vec<Exposure>,
    /// Digest of the policy.
    pub policy_digest: String,
    /// Digest of the programme.
    pub programme_digest: String,
    /// State of every toggle.
    pub toggles: BTreeMap<String, String>,
    /// Risk, when it was computed.
    pub risk: Option<String>,
    /// Overrides in force, one sentence each.
    pub overrides: Vec<String>,
    /// Evidence.
    pub evidence: Vec<EvidenceRef>,
    /// Until when a pass may be used.
    pub valid_until: Option<DateTime<Utc>>,
    /// Tags of the baseline runs, or the tag in production.
    pub against: Vec<String>,
    /// Where to go back to.
    pub way_back: Option<WayBack>,
    /// Method of the scorer.
    pub method: String,
    /// Changelog against the last tag.
    pub changelog: Changelog,
    /// What the judgement rests on beside the evidence; none in reports of older programs, or where nothing was judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Terms>,
}

/// What a judgement rests on beside the evidence: whoever has these, the evidence and the product repository can judge
/// again, on any machine, years later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Terms {
    /// The policy; the report has its digest.
    pub policy: GatePolicy,
    /// Where the programme lies in the product repository, if the landscape named another place.
    pub programme_path: Option<String>,
    /// Runs that it was judged against, frozen, oldest first.
    pub baseline: Vec<BaselineRun>,
    /// What the judge was asked.
    pub judged_as: JudgedAs,
}

/// Why a report has no bytes.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A number is NaN or infinite.
    #[error("report of soak {soak}: {key} is not a finite number")]
    NotFinite {
        /// Soak id.
        soak: String,
        /// Where.
        key: String,
    },
    /// JSON cannot hold it.
    #[error("failed to write the report of soak {soak} as JSON")]
    Json {
        /// Soak id.
        soak: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

impl Report {
    /// Canonical JSON: the same report gives the same bytes on any machine.
    ///
    /// # Errors
    /// A number that is not finite, or JSON cannot hold the value.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ReportError> {
        if let Some(key) = self.not_finite() {
            return Err(ReportError::NotFinite { soak: self.soak.clone(), key });
        }
        canonical::to_bytes(self).map_err(|source| ReportError::Json { soak: self.soak.clone(), source })
    }

    /// SHA-256 of [`Report::to_bytes`].
    ///
    /// # Errors
    /// As [`Report::to_bytes`].
    pub fn digest(&self) -> Result<String, ReportError> {
        Ok(canonical::digest(&self.to_bytes()?))
    }

    fn not_finite(&self) -> Option<String> {
        let mut numbers: Vec<(String, f64)> = Vec::new();
        for (at, exposure) in self.exposures.iter().enumerate() {
            numbers.extend(
                exposure.achieved.iter().map(|(name, value)| (format!("exposures[{at}].achieved.{name}"), *value)),
            );
        }
        if let Some(judgement) = &self.judgement {
            collect(judgement, &mut numbers);
        }
        numbers.into_iter().find(|(_, value)| !value.is_finite()).map(|(key, _)| key)
    }
}

fn collect(judgement: &Judgement, numbers: &mut Vec<(String, f64)>) {
    let Judgement { level, score, score_low, score_high, tag_p, .. } = judgement;
    let tops = [
        ("level", Some(*level)),
        ("score", *score),
        ("scoreLow", *score_low),
        ("scoreHigh", *score_high),
        ("tagP", *tag_p),
    ];
    numbers.extend(tops.into_iter().filter_map(|(name, value)| Some((format!("judgement.{name}"), value?))));
    for (at, dimension) in judgement.dimensions.iter().enumerate() {
        let values = [("score", dimension.score), ("low", dimension.low), ("high", dimension.high)];
        numbers.extend(values.map(|(name, value)| (format!("judgement.dimensions[{at}].{name}"), value)));
    }
    for metric in &judgement.metrics {
        let values = [
            ("effect", metric.effect),
            ("effectLow", metric.effect_low),
            ("effectHigh", metric.effect_high),
            ("nStar", metric.n_star),
            ("margin", Some(metric.margin)),
            ("score", Some(metric.score)),
            ("scoreLow", Some(metric.score_low)),
            ("scoreHigh", Some(metric.score_high)),
            ("pFail", Some(metric.p_fail)),
            ("pPeak", Some(metric.p_peak)),
            ("pPass", Some(metric.p_pass)),
            ("nEff", Some(metric.n_eff)),
        ];
        numbers.extend(
            values
                .into_iter()
                .filter_map(|(name, value)| Some((format!("judgement.metrics[{}].{name}", metric.name), value?))),
        );
    }
}
