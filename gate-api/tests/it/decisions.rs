//! From facts to a status: the mapping of the contract.

use crate::given::{at, good, soak, verdict};
use gate_api::facts::*;
use gate_api::{Gate, Question, Status, decide};
use scorer::verdict::Verdict;

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
fn a_tag_that_was_taken_away_is_denied_in_words_that_fit() {
    let mut facts = good();
    facts.tag.as_mut().unwrap().moved_to = Some(GONE.into());
    assert_eq!(status(&facts), (Status::Deny, "tag_moved".to_owned()));
    let reason = &decide(&release(), &facts, at(20)).reasons[0];
    assert!(reason.text.contains("gone from the repository"), "{}", reason.text);
    assert!(!reason.text.contains("moved"), "{}", reason.text);
}

#[test]
fn only_a_worker_that_says_nothing_at_all_is_doubted() {
    let told = |state: SoakState, seen: Option<i64>| {
        let mut facts = good();
        facts.soaks[0] = SoakFact { state, ..soak("s1", 0, None) };
        facts.worker_seen = seen.map(at);
        // The soak itself was last written at minute 10.
        let decision = decide(&release(), &facts, at(20));
        assert_eq!(decision.status, Status::Wait);
        decision.reasons.iter().find(|r| r.code == "worker_silent").map(|r| r.observed.clone())
    };
    for state in [SoakState::Requested, soak("s1", 0, None).state] {
        assert_eq!(told(state.clone(), Some(19)), None, "it waits, or a fault is in: {state:?}");
        assert_eq!(told(state.clone(), Some(15)).as_deref(), Some("5 min"), "{state:?}");
        assert_eq!(told(state.clone(), Some(5)).as_deref(), Some("10 min"), "the soak was the last word: {state:?}");
        assert_eq!(told(state.clone(), None).as_deref(), Some("10 min"), "{state:?}");
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
fn a_further_soak_that_ends_insufficient_does_not_take_a_pass_back() {
    let mut facts = good();
    facts.soaks.push(soak("s2", 5, Some(Outcome::Done)));
    facts.verdicts.push(verdict("s2", 5, Verdict::Insufficient));
    assert_eq!(status(&facts).0, Status::Allow);
}

/// v1.0.0 asks to replace what runs; the policy wants a minute of observation.
#[test]
fn stage_waits_for_the_observation_of_what_runs_and_for_nothing_in_vain() {
    let runs = |tag: &str, seconds: i64, halted: bool| {
        let observed_since = at(20) - chrono::TimeDelta::seconds(seconds);
        Deployed::Tag { tag: tag.into(), observed_since, halted }
    };
    let cases = [
        ("landscape_unseen", Status::Wait, Deployed::Unknown),
        ("may_stage", Status::Allow, Deployed::Nothing),
        ("observing", Status::Wait, runs("v0.9.0", 59, false)),
        ("may_stage", Status::Allow, runs("v0.9.0", 60, false)),
        ("may_stage", Status::Allow, runs("v0.9.0", 1, true)),
        ("may_stage", Status::Allow, runs("v1.0.0", 1, false)),
    ];
    for (code, wanted, deployed) in cases {
        let mut facts = good();
        let what = format!("{deployed:?}");
        facts.landscape.as_mut().unwrap().deployed = deployed;
        let question = Question::new(Gate::Stage, "shop", "v1.0.0", "staging");
        let decision = decide(&question, &facts, at(20));
        assert_eq!((decision.status, decision.reasons[0].code.as_str()), (wanted, code), "{what}");
        facts.tag.as_mut().unwrap().hotfix_to = Some("v0.9.0".into());
        let decision = decide(&question, &facts, at(20));
        assert_eq!(decision.status == Status::Allow, code != "landscape_unseen", "a hotfix does not wait: {what}");
    }
}
