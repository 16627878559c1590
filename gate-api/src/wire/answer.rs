//! The body of an answer. No field is ever missing.

use super::API_VERSION;
use crate::answer::Answer;
use crate::decide::{Reason, Status};
use crate::facts::{EvidenceRef, Outcome};
use crate::gate::Gate;
use chrono::{DateTime, Utc};
use scorer::verdict::{Basis, Verdict};
use serde::Serialize;
use utoipa::ToSchema;

/// An answered question.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AnswerBody {
    /// `mettle/v1`.
    pub api_version: String,
    /// Id of the evaluation: the same question about the same commit and policy has the same id.
    pub id: String,
    /// The gate.
    pub gate: Gate,
    /// Product name.
    pub product: String,
    /// What was decided about.
    pub subject: SubjectBody,
    /// Landscape name.
    pub landscape: String,
    /// Cluster that was asked about; null: the worst of all.
    #[schema(required = true)]
    pub cluster: Option<String>,
    /// Wave that was asked about.
    #[schema(required = true)]
    pub wave: Option<u32>,
    /// The decision, always a string.
    pub status: Status,
    /// True for exactly `status: allow`.
    pub allow: bool,
    /// Verdict of the soak that decided.
    pub verdict: VerdictWord,
    /// What the verdict rests on.
    pub basis: BasisWord,
    /// Whether the baseline was short.
    pub provisional: bool,
    /// Score of 100; null where there is no baseline.
    #[schema(required = true)]
    pub score: Option<f64>,
    /// Its lower limit, which must reach what the policy wants.
    #[schema(required = true)]
    pub score_low: Option<f64>,
    /// Its upper limit.
    #[schema(required = true)]
    pub score_high: Option<f64>,
    /// The score for people, `96 (91..99) of 100, needs 85`.
    pub score_text: String,
    /// How the soak that decided ended; null while none has.
    #[schema(required = true)]
    pub outcome: Option<Outcome>,
    /// One sentence.
    pub summary: String,
    /// Reasons, weightiest first.
    pub reasons: Vec<Reason>,
    /// How far a running soak is, `97 % of the evidence`; empty when none runs.
    pub progress: String,
    /// What is missing, short.
    pub missing: Vec<String>,
    /// Evidence of the soak that decided.
    pub evidence: Vec<EvidenceRef>,
    /// Digest of the policy that was applied.
    pub policy_digest: String,
    /// When the verdict was reached, or when the facts were read where no verdict decided.
    pub evaluated_at: DateTime<Utc>,
    /// Until when an allow holds; null for everything else.
    #[schema(required = true)]
    pub valid_until: Option<DateTime<Utc>>,
    /// When to ask again; 0 for everything but `wait`.
    pub retry_after_seconds: u64,
    /// Override in force; this release has none.
    #[serde(rename = "override")]
    #[schema(required = true)]
    pub overridden: Option<String>,
    /// Evaluation that this one takes the place of; this release keeps none.
    #[schema(required = true)]
    pub supersedes: Option<String>,
    /// Page that explains it, relative to the gate.
    pub explain_url: String,
}

/// What was decided about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubjectBody {
    /// Product tag.
    pub tag: String,
    /// Its commit (full hash).
    pub commit: String,
}

/// Verdict on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum VerdictWord {
    /// Shown not worse.
    Pass,
    /// Shown worse, or a hard rule was broken.
    Fail,
    /// Neither could be shown.
    Insufficient,
    /// Nothing was judged.
    None,
}

/// Basis on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum BasisWord {
    /// Comparison with earlier good runs.
    Baseline,
    /// Declared objectives only: the first tag.
    Objectives,
}

impl From<Verdict> for VerdictWord {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass => VerdictWord::Pass,
            Verdict::Fail => VerdictWord::Fail,
            Verdict::Insufficient => VerdictWord::Insufficient,
            Verdict::None => VerdictWord::None,
        }
    }
}

impl From<Basis> for BasisWord {
    fn from(basis: Basis) -> Self {
        match basis {
            Basis::Baseline => BasisWord::Baseline,
            Basis::Objectives => BasisWord::Objectives,
        }
    }
}

impl From<&Answer> for AnswerBody {
    fn from(answer: &Answer) -> Self {
        let (q, d) = (&answer.question, &answer.decision);
        let [score, score_low, score_high] = d.score.map_or([None; 3], |score| score.map(Some));
        AnswerBody {
            api_version: API_VERSION.to_owned(),
            id: answer.id.clone(),
            gate: q.gate,
            product: q.product.clone(),
            subject: SubjectBody { tag: q.tag.clone(), commit: answer.commit.clone() },
            landscape: q.landscape.clone(),
            cluster: q.cluster.clone(),
            wave: q.wave,
            status: d.status,
            allow: d.status == Status::Allow,
            verdict: d.verdict.into(),
            basis: d.basis.into(),
            provisional: d.provisional,
            score,
            score_low,
            score_high,
            score_text: answer.score_text(),
            outcome: d.outcome,
            summary: d.summary.clone(),
            reasons: d.reasons.clone(),
            progress: d.progress.map_or_else(String::new, |p| format!("{:.0} % of the evidence", (p * 100.0).floor())),
            missing: d.missing.clone(),
            evidence: d.evidence.clone(),
            policy_digest: answer.policy_digest.clone(),
            evaluated_at: d.evaluated_at.unwrap_or(answer.asked_at),
            valid_until: d.valid_until,
            retry_after_seconds: d.retry_after_s,
            overridden: None,
            supersedes: None,
            explain_url: crate::page::tag_link(&q.product, &q.tag, &q.landscape),
        }
    }
}
