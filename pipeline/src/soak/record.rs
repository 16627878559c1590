//! The record of one soak as the store keeps it.

use super::machine::{Outcome, State};
use crate::documents::landscape::GatePolicy;
use chrono::{DateTime, Utc};
use scorer::assess::Ended;
use scorer::{Judgement, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use uuid::Uuid;

/// Id of a soak: a time-ordered UUID, so that ids sort by age.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SoakId(String);

impl SoakId {
    /// A new id.
    pub fn new() -> Self {
        SoakId(Uuid::now_v7().to_string())
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for SoakId {
    fn default() -> Self {
        Self::new()
    }
}

impl From<String> for SoakId {
    fn from(text: String) -> Self {
        SoakId(text)
    }
}

impl fmt::Display for SoakId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a soak was requested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "why")]
pub enum Cause {
    /// A staging trigger.
    Trigger {
        /// The trigger in words.
        rule: String,
    },
    /// Staging was idle and the current tag is observed further.
    Idle,
    /// A person.
    Person {
        /// Who or what asked.
        who: String,
    },
}

/// One attempt at observing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Number, from 1.
    pub number: u32,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// Digest of its evidence.
    pub evidence: Option<String>,
    /// Why it is not judged, for an attempt that was cut off.
    pub excluded: Option<String>,
}

/// A run that a candidate is judged against.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BaselineRun {
    /// Soak.
    pub soak: String,
    /// Its tag.
    pub tag: String,
    /// Digest of its evidence.
    pub evidence: String,
}

/// What the judge was asked, beside evidence, baseline, signals and policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JudgedAs {
    /// Passed runs of the tag itself before this one, while no other tag had any: objectives decided then.
    pub first_tag: Option<usize>,
    /// Components whose user's side the landscape had: each has a signal where a product declares none.
    pub user_sides: BTreeSet<String>,
    /// How far the soak went.
    pub ended: Extent,
}

/// How far a soak went before it was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Extent {
    /// All phases of the programme were over.
    Programme,
    /// It was stopped before.
    Early,
}

impl From<Extent> for Ended {
    fn from(extent: Extent) -> Ended {
        match extent {
            Extent::Programme => Ended::Programme,
            Extent::Early => Ended::Early,
        }
    }
}

/// What was fixed before the soak began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanRecord {
    /// Digest of the programme document.
    pub programme: String,
    /// Where the programme lies in the product repository, if the landscape named another place.
    pub programme_path: Option<String>,
    /// Digest of the policy.
    pub policy: String,
    /// The policy: a soak is judged by the one that it began with.
    pub policy_document: GatePolicy,
    /// Baseline, frozen, oldest first.
    pub baseline: Vec<BaselineRun>,
    /// Toggle vector.
    pub toggles: std::collections::BTreeMap<String, String>,
}

/// The record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Soak {
    /// Id.
    pub id: SoakId,
    /// Product.
    pub product: String,
    /// Tag.
    pub tag: String,
    /// Commit of the tag when the soak was requested.
    pub commit: String,
    /// Landscape.
    pub landscape: String,
    /// Why it was requested.
    pub cause: Cause,
    /// When.
    pub requested_at: DateTime<Utc>,
    /// State.
    pub state: State,
    /// Fencing token: rises with every worker that takes the soak.
    pub token: i64,
    /// The plan, once fixed.
    pub plan: Option<PlanRecord>,
    /// Attempts so far.
    pub attempts: Vec<Attempt>,
    /// The judgement, once there is one.
    pub judgement: Option<Judgement>,
    /// What the judge was asked; fixed with the judgement.
    #[serde(default)]
    pub judged_as: Option<JudgedAs>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// Digest of the published report.
    pub report: Option<String>,
}

impl Soak {
    /// A fresh request.
    pub fn request(subject: Subject, cause: Cause, now: DateTime<Utc>) -> Self {
        Soak {
            id: SoakId::new(),
            product: subject.product,
            tag: subject.tag,
            commit: subject.commit,
            landscape: subject.landscape,
            cause,
            requested_at: now,
            state: State::Requested,
            token: 0,
            plan: None,
            attempts: vec![],
            judgement: None,
            judged_as: None,
            ended_at: None,
            report: None,
        }
    }

    /// Fixes when it ended, once: never before it was requested, whatever the clock says meanwhile.
    pub fn end(&mut self, now: DateTime<Utc>) {
        self.ended_at.get_or_insert(now.max(self.requested_at));
    }

    /// The running or last attempt.
    pub fn attempt(&self) -> u32 {
        self.attempts.last().map_or(0, |a| a.number)
    }

    /// Evidence digest of the last attempt; what an attempt left that was cut off is not judged.
    pub fn evidence(&self) -> Option<&str> {
        self.attempts.last().filter(|a| a.excluded.is_none()).and_then(|a| a.evidence.as_deref())
    }

    /// Whether a newer tag took its place.
    pub fn superseded(&self) -> bool {
        matches!(
            &self.state,
            State::Publishing { outcome: Outcome::Superseded { .. } }
                | State::Ended { outcome: Outcome::Superseded { .. } }
        )
    }

    /// Whether it is over.
    pub fn ended(&self) -> bool {
        matches!(self.state, State::Ended { .. })
    }
}

/// A soak without its judgement, for rules that are asked at every turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The soak; it carries no judgement.
    pub soak: Soak,
    /// Verdict of its judgement, if it was judged.
    pub judged: Option<Verdict>,
}

impl From<Soak> for Line {
    fn from(mut soak: Soak) -> Self {
        let judged = soak.judgement.take().map(|judgement| judgement.verdict);
        Line { soak, judged }
    }
}

/// What is soaked, where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Product.
    pub product: String,
    /// Tag.
    pub tag: String,
    /// Commit.
    pub commit: String,
    /// Landscape.
    pub landscape: String,
}
