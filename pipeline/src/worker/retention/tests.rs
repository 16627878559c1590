use super::*;
use crate::soak::machine::{Outcome, State};
use crate::soak::record::{Attempt, BaselineRun, Cause, PlanRecord, Subject};
use datasets::Digest;

fn at(day: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).expect("a time") + Duration::days(day)
}

fn digest(name: &str) -> Digest {
    Digest::of(name.as_bytes())
}

/// Evidence of a soak, both of one name.
fn entry(name: &str, soak: &str, day: i64) -> Entry {
    let subject = scorer::evidence::Subject { soak: soak.into(), ..Default::default() };
    Entry { digest: digest(name), subject, bytes: 1, created: at(day) }
}

fn soak(id: &str, ended: bool, baseline: &[&str]) -> Soak {
    let subject =
        Subject { product: "shop".into(), tag: "v1.0.0".into(), commit: "c".into(), landscape: "staging".into() };
    let mut soak = Soak::request(subject, Cause::Idle, at(0));
    soak.id = id.to_owned().into();
    soak.state = if ended { State::Ended { outcome: Outcome::Done } } else { State::Planned };
    let run = |name: &&str| BaselineRun { soak: "s".into(), tag: "v0.9.0".into(), evidence: digest(name).to_string() };
    soak.plan = Some(PlanRecord {
        programme: "p".into(),
        programme_path: None,
        policy: "p".into(),
        policy_document: Default::default(),
        baseline: baseline.iter().map(run).collect(),
        toggles: Default::default(),
    });
    soak.attempts = vec![Attempt { number: 1, started_at: at(0), ended_at: None, evidence: None, excluded: None }];
    soak
}

fn judgement() -> scorer::verdict::Judgement {
    scorer::verdict::Judgement {
        method: scorer::METHOD.into(),
        look: 1,
        level: 0.01,
        verdict: scorer::Verdict::Pass,
        basis: scorer::verdict::Basis::Baseline,
        provisional: false,
        baseline_runs: 3,
        score: None,
        score_low: None,
        score_high: None,
        tag_p: None,
        dimensions: vec![],
        reasons: vec![],
        metrics: vec![],
        extra_samples: None,
        missing: vec![],
    }
}

fn verdict(soak: &str, tag: &str, evidence: &str, until: i64) -> VerdictRecord {
    VerdictRecord {
        soak: soak.into(),
        product: "shop".into(),
        landscape: "staging".into(),
        tag: tag.into(),
        commit: "c".into(),
        judgement: judgement(),
        sentence: String::new(),
        policy_digest: String::new(),
        programme_digest: String::new(),
        toggles: Default::default(),
        evidence: vec![gate_api::facts::EvidenceRef {
            digest: format!("sha256:{}", digest(evidence)),
            uri: String::new(),
        }],
        report_digest: String::new(),
        classes: Default::default(),
        evaluated_at: at(0),
        valid_until: at(until),
    }
}

fn failed(soak: &str, tag: &str, evidence: &str) -> VerdictRecord {
    let mut record = verdict(soak, tag, evidence, 0);
    record.judgement.verdict = scorer::Verdict::Fail;
    record
}

fn run(evidence: &str, day: i64) -> Run {
    Run {
        soak: "s".into(),
        tag: "v0.9.0".into(),
        landscape: "staging".into(),
        programme: "p".into(),
        evidence: digest(evidence).to_string(),
        ended_at: at(day),
        adopted: None,
    }
}

#[test]
fn whatever_something_is_bound_to_stays_and_everything_else_goes_by_age() {
    let soaks = [
        soak("open", false, &["frozen"]),
        soak("live", true, &["judged-against"]),
        soak("over", true, &["forgotten"]),
        soak("fails", true, &["failed-against"]),
    ];
    let verdicts = [
        // A fail ends when it is evaluated, and the gate denies by it ever after; unless the tag passed later.
        failed("fails", "v0.6.0", "failed"),
        failed("failed-once", "v0.5.0", "overcome"),
        VerdictRecord { evaluated_at: at(1), ..verdict("passed-then", "v0.5.0", "overcame", 20) },
        verdict("live", "v1.0.0", "passed", 101),
        verdict("over", "v0.8.0", "expired", 99),
        verdict("runs", "v0.7.0", "deployed", 20),
    ];
    let runs = [run("recent-run", 80), run("old-run", 60)];
    let deployed = [("shop".to_owned(), "v0.7.0".to_owned())];
    let not_copied = [digest("only-copy"), digest("young-only-copy"), digest("passed")].into();
    let known = Known { soaks: &soaks, runs: &runs, verdicts: &verdicts, deployed: &deployed, not_copied: &not_copied };
    let cases = [
        ("failed", "fails", 0, Some(Stays::Fail { soak: "fails".into() })),
        ("failed-against", "x", 0, Some(Stays::Fail { soak: "fails".into() })),
        ("overcome", "failed-once", 0, None),
        ("overcame", "passed-then", 0, None),
        ("only-copy", "z", 0, Some(Stays::NotCopied)),
        ("young-only-copy", "z", 11, Some(Stays::Young)),
        ("own", "open", 0, Some(Stays::Running)),
        ("frozen", "x", 0, Some(Stays::BaselineOf { soak: "open".into() })),
        ("passed", "live", 0, Some(Stays::Verdict { soak: "live".into(), until: at(101) })),
        ("judged-against", "x", 0, Some(Stays::Verdict { soak: "live".into(), until: at(101) })),
        ("expired", "over", 0, None),
        ("forgotten", "x", 0, None),
        ("deployed", "runs", 0, Some(Stays::Deployed)),
        ("recent-run", "x", 0, Some(Stays::Baseline)),
        ("old-run", "x", 0, None),
        ("unknown", "y", 9, None),
        ("young", "y", 11, Some(Stays::Young)),
    ];
    let entries = cases.iter().map(|(name, soak, day, _)| entry(name, soak, *day)).collect();
    let sorted = sort(entries, &known, Duration::days(90), at(100));
    for ((name, _, _, wanted), (entry, stays)) in cases.iter().zip(&sorted) {
        assert_eq!((entry.digest, stays), (digest(name), wanted), "{name}");
        assert_ne!(stays.as_ref().map(Stays::text), Some(String::new()));
    }
}
