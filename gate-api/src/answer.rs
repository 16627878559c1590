//! The body of the contract, and the way from a question to it.

use crate::decide::{Decision, Status, decide};
use crate::gate::Availability;
use crate::question::Question;
use crate::store::{GateStore, StoreError};
use crate::wire::AnswerBody;
use chrono::{DateTime, Utc};
use scorer::quantity;
use scorer::verdict::{Basis, Verdict};
use serde_json::Value;

/// An answered question. Every field is always present on the wire.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What was asked.
    pub question: Question,
    /// Commit of the tag.
    pub commit: String,
    /// What was decided.
    pub decision: Decision,
    /// Id of the evaluation.
    pub id: String,
    /// Digest of the policy that was applied.
    pub policy_digest: String,
    /// Score that the policy wants.
    pub kpi: f64,
    /// When the facts were read.
    pub asked_at: DateTime<Utc>,
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// The gate, product, landscape or tag is not known here.
    #[error("{what} is not known here")]
    NotFound {
        /// What.
        what: String,
        /// What would make it known.
        hint: String,
    },
    /// The store failed: nobody could look.
    #[error("the store cannot be read")]
    Unwell(#[from] StoreError),
}

/// Answers from what is in the store. Blocking.
///
/// # Errors
/// The subject is unknown, or the store cannot be read.
pub fn answer(store: &dyn GateStore, question: &Question, now: DateTime<Utc>) -> Result<Answer, AnswerError> {
    if let Availability::NotHere = question.gate.availability() {
        let what = format!("gate `{}`", question.gate.name());
        return Err(AnswerError::NotFound {
            what,
            hint: format!("this release answers: {}", crate::gate::Gate::available().join(", ")),
        });
    }
    let facts = store.facts(&question.product, &question.landscape, &question.tag)?;
    let Some(landscape) = &facts.landscape else {
        let what = format!("product `{}` in landscape `{}`", question.product, question.landscape);
        return Err(AnswerError::NotFound {
            what,
            hint: "a worker that watches both makes them known: `mettle up --dir DIR`".into(),
        });
    };
    let Some(tag) = &facts.tag else {
        let what = format!("tag `{}` of product `{}`", question.tag, question.product);
        return Err(AnswerError::NotFound {
            what,
            hint: "push the tag to the product repository; the worker sees it within seconds".into(),
        });
    };
    let (commit, policy_digest, kpi) = (tag.commit.clone(), landscape.policy.digest.clone(), landscape.policy.kpi);
    let decision = decide(question, &facts, now);
    let id = question.identity(&commit, &policy_digest);
    Ok(Answer { question: question.clone(), commit, decision, id, policy_digest, kpi, asked_at: now })
}

impl Answer {
    /// HTTP status of the strict face.
    pub fn http_status(&self) -> u16 {
        match self.decision.status {
            Status::Allow => 200,
            Status::Wait => 425,
            Status::Deny | Status::Expired => 403,
            Status::Error => 503,
        }
    }

    /// The body as the contract has it.
    pub fn body(&self) -> Value {
        serde_json::to_value(AnswerBody::from(self)).unwrap_or(Value::Null)
    }

    /// `96 (91..99) of 100, needs 85`, or that there is none.
    pub fn score_text(&self) -> String {
        match self.decision.score {
            Some([score, low, high]) => {
                format!("{} of 100, needs {}", quantity::score_text(score, low, high), self.kpi)
            }
            None => "no score".into(),
        }
    }

    /// A paragraph for people; it names when to ask again.
    pub fn text(&self) -> String {
        let d = &self.decision;
        let mut out = format!(
            "{}: {} {} in {}: {}\n",
            d.status.name(),
            self.question.product,
            self.question.tag,
            self.question.landscape,
            d.summary
        );
        if let Basis::Baseline = d.basis
            && d.score.is_some()
        {
            out.push_str(&format!("score {}\n", self.score_text()));
        }
        for r in &d.reasons {
            out.push_str(&format!("- {} ({})\n", r.text, r.code));
        }
        match d.status {
            Status::Wait => out.push_str(&format!("ask again in {} s\n", d.retry_after_s)),
            Status::Allow => out.push_str(
                &d.valid_until
                    .map_or_else(String::new, |t| format!("valid until {}\n", t.format("%Y-%m-%d %H:%M UTC"))),
            ),
            Status::Deny | Status::Expired | Status::Error => {
                out.push_str("ask again after a new soak of this tag, or with a newer tag\n")
            }
        }
        out
    }

    /// Exit code of `gate check`.
    pub fn exit(&self) -> u8 {
        match (self.decision.status, self.decision.verdict) {
            (Status::Allow, _) => 0,
            (Status::Deny, Verdict::Insufficient) | (Status::Wait, _) => 11,
            (Status::Deny | Status::Expired, _) => 10,
            (Status::Error, _) => 1,
        }
    }
}
