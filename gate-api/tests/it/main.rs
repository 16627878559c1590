//! Decisions over stored facts.

use chrono::{DateTime, TimeDelta, Utc};
use gate_api::facts::*;
use gate_api::store::{Act, AuditCheck};
use gate_api::{Gate, GateStore, Question, SqliteStore, Status, StoreError, decide};
use scorer::evidence::Class;
use scorer::verdict::{Basis, Judgement, Verdict};
use std::collections::BTreeMap;

fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::minutes(minutes)
}

fn tag() -> TagFact {
    let (product, tag, commit) = ("shop".into(), "v1.0.0".into(), "9f3c".into());
    let changelog = Changelog::Complete;
    TagFact { product, tag, commit, moved_to: None, tagged_at: at(0), changelog, note: None, hotfix_to: None }
}

fn landscape() -> LandscapeFact {
    let classes = BTreeMap::from([(Class::Business, 7200)]);
    let (digest, provisional) = ("sha256:p".into(), Provisional::Deny);
    let policy = PolicyFact { digest, kpi: 85.0, min_observation_s: 60, valid_for_s: 604_800, provisional, classes };
    let clusters = vec!["a".into()];
    LandscapeFact { product: "shop".into(), landscape: "staging".into(), clusters, policy, deployed: Deployed::Unknown }
}

fn soak(id: &str, minute: i64, outcome: Option<Outcome>) -> SoakFact {
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

fn verdict(id: &str, minute: i64, verdict: Verdict) -> VerdictRecord {
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

fn good() -> Facts {
    Facts {
        landscape: Some(landscape()),
        tag: Some(tag()),
        schedule: None,
        soaks: vec![soak("s1", 0, Some(Outcome::Done))],
        verdicts: vec![verdict("s1", 0, Verdict::Pass)],
    }
}

fn release() -> Question {
    Question::new(Gate::Release, "shop", "v1.0.0", "staging")
}

fn status(facts: &Facts) -> (Status, String) {
    let decision = decide(&release(), facts, at(20));
    (decision.status, decision.reasons[0].code.clone())
}

#[test]
fn a_valid_fresh_pass_allows() {
    assert_eq!(status(&good()), (Status::Allow, "score_met".to_owned()));
}

/// Each case takes one thing away from a pass or spoils it.
#[test]
fn whatever_is_missing_never_allows() {
    type Spoil = fn(&mut Facts);
    let cases: &[(&str, Status, Spoil)] = &[
        ("tag_unknown", Status::Deny, |f| f.tag = None),
        ("landscape_unknown", Status::Deny, |f| f.landscape = None),
        ("tag_moved", Status::Deny, |f| f.tag.as_mut().unwrap().moved_to = Some("0000".into())),
        ("changelog_pending", Status::Wait, |f| f.tag.as_mut().unwrap().changelog = Changelog::Pending),
        ("changelog_incomplete", Status::Deny, |f| {
            f.tag.as_mut().unwrap().changelog = Changelog::Incomplete { missing: vec!["checkout".into()] };
        }),
        ("judging", Status::Wait, |f| f.verdicts.clear()),
        ("schedule_unknown", Status::Wait, |f| f.soaks.clear()),
        ("schedule_unknown", Status::Wait, |f| f.soaks[0].commit = "0000".into()),
        ("schedule_unknown", Status::Wait, |f| f.soaks[0].cluster = "b".into()),
        ("schedule_unknown", Status::Wait, |f| f.landscape.as_mut().unwrap().clusters.push("b".into())),
        ("no_evidence", Status::Deny, |f| f.verdicts[0].evidence.clear()),
        ("verdict_inconsistent", Status::Deny, |f| f.verdicts[0].commit = "0000".into()),
        ("score_below", Status::Deny, |f| f.verdicts[0].judgement.score_low = Some(84.9)),
        ("score_below", Status::Deny, |f| f.verdicts[0].judgement.score_low = Some(f64::NAN)),
        ("score_below", Status::Deny, |f| f.verdicts[0].judgement.score_low = None),
        ("provisional", Status::Deny, |f| f.verdicts[0].judgement.provisional = true),
        ("class_stale", Status::Deny, |f| f.verdicts[0].classes.clear()),
        ("window_short", Status::Deny, |f| f.soaks[0].observed_since = None),
        ("policy_changed", Status::Expired, |f| f.verdicts[0].policy_digest = "sha256:q".into()),
        ("verdict_expired", Status::Expired, |f| f.verdicts[0].valid_until = at(20)),
        ("verdict_expired", Status::Expired, |f| f.landscape.as_mut().unwrap().policy.valid_for_s = 60),
        ("failed", Status::Deny, |f| f.verdicts[0].judgement.verdict = Verdict::Fail),
        ("insufficient", Status::Deny, |f| f.verdicts[0].judgement.verdict = Verdict::Insufficient),
        ("tainted", Status::Wait, |f| f.soaks[0] = soak("s1", 0, Some(Outcome::Tainted))),
        ("aborted", Status::Deny, |f| f.soaks[0] = soak("s1", 0, Some(Outcome::Aborted))),
        ("superseded", Status::Deny, |f| f.soaks[0] = soak("s1", 0, Some(Outcome::Superseded))),
        ("not_deployable", Status::Deny, |f| f.soaks[0] = soak("s1", 0, Some(Outcome::NotDeployable))),
        ("observing", Status::Wait, |f| f.soaks[0] = soak("s1", 0, None)),
    ];
    for (code, wanted, spoil) in cases {
        let mut facts = good();
        spoil(&mut facts);
        assert_eq!(status(&facts), (*wanted, (*code).to_owned()), "case {code}");
    }
}

#[test]
fn a_further_soak_takes_a_pass_back_only_by_failing() {
    for outcome in [None, Some(Outcome::Aborted), Some(Outcome::Superseded)] {
        let mut facts = good();
        facts.soaks.push(soak("s2", 5, outcome));
        assert_eq!(status(&facts).0, Status::Allow, "{outcome:?}");
    }
    let mut facts = good();
    facts.soaks.push(soak("s2", 5, Some(Outcome::Done)));
    facts.verdicts.push(verdict("s2", 5, Verdict::Fail));
    assert_eq!(status(&facts).0, Status::Deny);
}

#[test]
fn facts_survive_reopening_and_the_chain_shows_tampering() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let act = Act { by: "worker", at: at(0) };
    let facts = good();
    {
        let store = SqliteStore::open(&path).unwrap();
        store.put_landscape(facts.landscape.as_ref().unwrap(), act).unwrap();
        store.put_tag(facts.tag.as_ref().unwrap(), act).unwrap();
        store.put_soak(&facts.soaks[0], act).unwrap();
        store.put_verdict(&facts.verdicts[0], act).unwrap();
        store.put_verdict(&facts.verdicts[0], act).unwrap();
        let other = VerdictRecord { report_digest: "sha256:x".into(), ..facts.verdicts[0].clone() };
        assert!(matches!(store.put_verdict(&other, act), Err(StoreError::Conflict { .. })));
    }
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.facts("shop", "staging", "v1.0.0").unwrap(), facts);
    assert_eq!(store.check_audit().unwrap(), AuditCheck::Intact { rows: 4 });
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.execute("UPDATE gate_audit SET actor = 'mallory' WHERE seq = 2", []).unwrap();
    assert_eq!(store.check_audit().unwrap(), AuditCheck::Broken { at: 2 });
}
