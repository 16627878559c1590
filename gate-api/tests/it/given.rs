//! Facts as the worker writes them.

use chrono::{DateTime, TimeDelta, Utc};
use gate_api::facts::*;
use scorer::evidence::Class;
use scorer::verdict::{Basis, Judgement, Verdict};
use std::collections::BTreeMap;

/// A moment, minutes after the story began.
pub fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::minutes(minutes)
}

/// The tag that the tests ask about.
pub fn tag() -> TagFact {
    let (product, tag, commit) = ("shop".into(), "v1.0.0".into(), "9f3c".into());
    let changelog = Changelog::Complete;
    TagFact { product, tag, commit, moved_to: None, tagged_at: at(0), changelog, note: None, hotfix_to: None }
}

/// Its landscape.
pub fn landscape() -> LandscapeFact {
    let classes = BTreeMap::from([(Class::Business, 7200)]);
    let (digest, provisional) = ("sha256:p".into(), Provisional::Deny);
    let policy = PolicyFact { digest, kpi: 85.0, min_observation_s: 60, valid_for_s: 604_800, provisional, classes };
    let clusters = vec!["a".into()];
    LandscapeFact { product: "shop".into(), landscape: "staging".into(), clusters, policy, deployed: Deployed::Unknown }
}

/// A soak of it; running without an outcome.
pub fn soak(id: &str, minute: i64, outcome: Option<Outcome>) -> SoakFact {
    let running =
        Running { phase: "steady".into(), progress: 0.5, missing: vec![], eta: Some(at(minute + 3)), look: None };
    let ended = |outcome| Ended { outcome, at: at(minute + 10), superseded_by: Some("v1.0.1".into()), detail: None };
    SoakFact {
        id: id.into(),
        product: "shop".into(),
        landscape: "staging".into(),
        cluster: "a".into(),
        tag: "v1.0.0".into(),
        commit: "9f3c".into(),
        triggered: None,
        requested_at: at(minute),
        observed_since: Some(at(minute)),
        state: outcome.map_or(SoakState::Running(running), |outcome| SoakState::Ended(ended(outcome))),
        taint_resolved: None,
        updated_at: at(minute + 10),
    }
}

/// A verdict of a soak.
pub fn verdict(id: &str, minute: i64, verdict: Verdict) -> VerdictRecord {
    let judgement = Judgement {
        method: scorer::METHOD.into(),
        look: 60,
        level: 0.01,
        verdict,
        basis: Basis::Baseline,
        provisional: false,
        baseline_runs: 5,
        score: Some(96.4),
        score_low: Some(90.9),
        score_high: Some(99.0),
        tag_p: Some(0.5),
        dimensions: vec![],
        reasons: vec![],
        metrics: vec![],
        extra_samples: None,
        missing: vec![],
    };
    VerdictRecord {
        soak: id.into(),
        product: "shop".into(),
        landscape: "staging".into(),
        tag: "v1.0.0".into(),
        commit: "9f3c".into(),
        judgement,
        sentence: "watched".into(),
        policy_digest: "sha256:p".into(),
        programme_digest: "sha256:g".into(),
        toggles: BTreeMap::new(),
        evidence: vec![EvidenceRef { digest: "sha256:e".into(), uri: "evidence/e".into() }],
        report_digest: "sha256:r".into(),
        classes: BTreeMap::from([(Class::Business, at(minute + 9))]),
        evaluated_at: at(minute + 11),
        valid_until: at(minute + 11) + TimeDelta::days(7),
    }
}

/// Facts that allow a release.
pub fn good() -> Facts {
    Facts {
        worker_seen: None,
        landscape: Some(landscape()),
        tag: Some(tag()),
        schedule: None,
        soaks: vec![soak("s1", 0, Some(Outcome::Done))],
        verdicts: vec![verdict("s1", 0, Verdict::Pass)],
    }
}
