//! Decides. Pure: the facts, the question and the time are arguments.
//!
//! Invariant: `Status::Allow` is built in exactly two places, `release::allow` and `stage::allow`, each behind an
//! empty list of objections. Everything else denies or waits.

mod objection;
mod reason;
mod release;
mod stage;

pub(crate) use objection::duration_text;

pub(crate) use reason::dimension_word;
pub use reason::{Reason, Severity};

use crate::facts::{Changelog, EvidenceRef, Facts, GONE, Outcome, TagFact, VerdictRecord};
use crate::gate::Gate;
use crate::question::Question;
use chrono::{DateTime, Utc};
use scorer::Verdict;
use scorer::verdict::Basis;
use serde::{Deserialize, Serialize};

/// Shortest advice when to ask again, in seconds: asking is cheap, but a tight loop helps nobody.
pub const RETRY_MIN_S: u64 = 5;
/// Advice while nobody knows when the answer will be there.
pub const RETRY_DEFAULT_S: u64 = 30;
/// Longest advice: plans change, an hour is soon enough to notice.
pub const RETRY_MAX_S: u64 = 3600;

/// Status of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Go.
    Allow,
    /// Do not go; only new evidence changes it.
    Deny,
    /// Not known yet; ask again.
    Wait,
    /// It was a go, and is none any more.
    Expired,
    /// Nobody could look.
    Error,
}

impl Status {
    /// Name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Status::Allow => "allow",
            Status::Deny => "deny",
            Status::Wait => "wait",
            Status::Expired => "expired",
            Status::Error => "error",
        }
    }

    /// How bad it is; the worst cluster speaks for the landscape.
    fn rank(self) -> u8 {
        match self {
            Status::Allow => 0,
            Status::Wait => 1,
            Status::Expired => 2,
            Status::Deny => 3,
            Status::Error => 4,
        }
    }
}

/// A decision and all that explains it.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Status.
    pub status: Status,
    /// Verdict of the soak that decided.
    pub verdict: Verdict,
    /// What the verdict rests on.
    pub basis: Basis,
    /// Whether the baseline was short.
    pub provisional: bool,
    /// Score, its lower and upper limit.
    pub score: Option<[f64; 3]>,
    /// Outcome of the soak that decided.
    pub outcome: Option<Outcome>,
    /// One sentence.
    pub summary: String,
    /// Reasons, weightiest first.
    pub reasons: Vec<Reason>,
    /// Share of the evidence of the running soak, 0..=1.
    pub progress: Option<f64>,
    /// What is missing.
    pub missing: Vec<String>,
    /// Evidence of the soak that decided.
    pub evidence: Vec<EvidenceRef>,
    /// When the verdict was reached; `None`: the decision rests on facts as of now.
    pub evaluated_at: Option<DateTime<Utc>>,
    /// Until when the decision holds, for `allow`.
    pub valid_until: Option<DateTime<Utc>>,
    /// When to ask again; 0 for everything but `wait`.
    pub retry_after_s: u64,
    /// Soak that decided.
    pub soak: Option<String>,
}

impl Decision {
    /// A decision that rests on no verdict.
    fn bare(status: Status, summary: impl Into<String>, reasons: Vec<Reason>) -> Self {
        Decision {
            status,
            verdict: Verdict::None,
            basis: Basis::Baseline,
            provisional: false,
            score: None,
            outcome: None,
            summary: summary.into(),
            reasons,
            progress: None,
            missing: Vec::new(),
            evidence: Vec::new(),
            evaluated_at: None,
            valid_until: None,
            retry_after_s: 0,
            soak: None,
        }
    }

    /// `deny` for one reason.
    fn deny(reason: Reason) -> Self {
        Decision::bare(Status::Deny, reason.text.clone(), vec![reason])
    }

    /// `wait` for one reason.
    fn wait(reason: Reason, retry_after_s: u64) -> Self {
        let decision = Decision::bare(Status::Wait, reason.text.clone(), vec![reason]);
        Decision { retry_after_s: retry_after_s.clamp(RETRY_MIN_S, RETRY_MAX_S), ..decision }
    }

    /// The same with what the verdict says about the tag.
    fn judged(mut self, record: &VerdictRecord) -> Self {
        let judged = &record.judgement;
        self.verdict = judged.verdict;
        self.basis = judged.basis;
        self.provisional = judged.provisional;
        self.score = record.score();
        self.evidence.clone_from(&record.evidence);
        self.evaluated_at = Some(record.evaluated_at);
        self.soak = Some(record.soak.clone());
        self
    }
}

/// Decides a question from facts at a time.
///
/// `Gate::NotHere` gates and unknown tags or landscapes are refused before (see [`crate::answer`]); asked here all
/// the same, they deny.
pub fn decide(question: &Question, facts: &Facts, now: DateTime<Utc>) -> Decision {
    let Some(tag) = facts.tag.as_ref().filter(|tag| tag.tag == question.tag && tag.product == question.product) else {
        return Decision::deny(Reason::error("tag_unknown", format!("tag {} is not known", question.tag)));
    };
    let fits = |name: &str, product: &str| name == question.landscape && product == question.product;
    let Some(landscape) = facts.landscape.as_ref().filter(|l| fits(&l.landscape, &l.product)) else {
        let text = format!("landscape {} is not known", question.landscape);
        return Decision::deny(Reason::error("landscape_unknown", text));
    };
    if let Some(reason) = moved(question, tag) {
        return Decision::deny(reason);
    }
    match question.gate {
        Gate::Release => release::decide(question, facts, (tag, landscape), now),
        Gate::Stage => stage::decide(facts, (tag, landscape), now),
        Gate::Standards
        | Gate::Labels
        | Gate::Risk
        | Gate::CiPredeploy
        | Gate::CiPostdeploy
        | Gate::Automerge
        | Gate::Canary
        | Gate::ProdStep
        | Gate::Hotfix
        | Gate::Rollback => {
            let text = format!("gate {} is not decided by this installation", question.gate);
            Decision::deny(Reason::error("gate_not_available", text))
        }
    }
}

/// The reason when the tag is not what the caller, or the first sight of it, says.
fn moved(question: &Question, tag: &TagFact) -> Option<Reason> {
    if let Some(to) = &tag.moved_to {
        let text = match to.as_str() {
            GONE => format!("the tag {} is gone from the repository; push it again at its commit", tag.tag),
            _ => format!("tag {} was moved after it was first seen; a moved tag is never released", tag.tag),
        };
        return Some(Reason::error("tag_moved", text).seen(to, &tag.commit));
    }
    match &question.commit {
        Some(asked) if *asked != tag.commit => {
            let text = format!("tag {} is another commit than the one asked about", tag.tag);
            Some(Reason::error("tag_moved", text).seen(&tag.commit, asked))
        }
        Some(_) | None => None,
    }
}

/// What stands against the tag's changelog: nothing, a wait, or a denial.
enum ChangelogSays {
    Fine,
    Wait(Reason),
    Deny(Reason),
}

fn changelog(tag: &TagFact) -> ChangelogSays {
    match &tag.changelog {
        Changelog::Complete => ChangelogSays::Fine,
        Changelog::Pending => {
            let text = format!("the changelog of {} is not computed yet", tag.tag);
            ChangelogSays::Wait(Reason::warn("changelog_pending", text).seen("pending", "complete"))
        }
        Changelog::Incomplete { missing } => {
            let text = format!("the changelog of {} is incomplete: {}", tag.tag, missing.join(", "));
            ChangelogSays::Deny(Reason::error("changelog_incomplete", text).seen("incomplete", "complete"))
        }
    }
}

/// Whole seconds from now until a moment, rounded up, at least 0.
fn seconds_until(moment: DateTime<Utc>, now: DateTime<Utc>) -> u64 {
    let ms = (moment - now).num_milliseconds().max(0).unsigned_abs();
    ms.div_ceil(1000)
}
