//! What reasons say of metrics that got worse.

use crate::assess::{Case, case, critical, judged, soak};
use scorer::verdict::{Reason, ReasonSeverity};
use scorer::{Judgement, Verdict};

const ALONE: &str = "Without this metric the tag would not have failed.";

/// What is told of the latency that got worse.
fn latency(judgement: &Judgement) -> &Reason {
    let about = |r: &&Reason| r.code == "worse_than_baseline" && r.metric.as_deref() == Some("latency");
    judgement.reasons.iter().find(about).unwrap_or_else(|| panic!("latency got worse: {judgement:#?}"))
}

/// Severity of that reason, and whether the tag is said to have failed by it alone.
fn told(case: &Case) -> (ReasonSeverity, bool) {
    let judgement = judged(case);
    assert_eq!(judgement.verdict, Verdict::Fail, "{judgement:#?}");
    let reason = latency(&judgement);
    (reason.severity, reason.text.contains(ALONE))
}

#[test]
fn a_metric_is_not_blamed_for_what_a_hard_rule_did() {
    let mildly = |touch: fn(&mut Case)| {
        let mut case = Case { candidate: soak("v2", 9, 0.051), ..case() };
        // The latency is worse for certain enough to be listed, and not for certain enough to fail the tag.
        case.policy.alpha = 0.001;
        touch(&mut case);
        case
    };
    let finding = mildly(|case| case.candidate.findings = vec![critical()]);
    let objective = mildly(|case| case.signals[1].objective = Some(0.999));
    for case in [finding, objective] {
        assert_eq!(told(&case), (ReasonSeverity::Warn, false));
    }
    // With too few runs the statistics only warn, however clear they are.
    let mut few = Case { candidate: soak("v2", 9, 0.12), ..case() };
    few.runs.truncate(2);
    few.candidate.findings = vec![critical()];
    assert_eq!(told(&few), (ReasonSeverity::Warn, false));
}

#[test]
fn a_metric_that_failed_the_tag_is_told_apart_from_one_that_did_it_alone() {
    let mut case = Case { candidate: soak("v2", 9, 0.12), ..case() };
    assert_eq!(told(&case), (ReasonSeverity::Error, true));
    case.candidate.findings = vec![critical()];
    assert_eq!(told(&case), (ReasonSeverity::Error, false));
}

#[test]
fn too_few_runs_find_no_change_however_large() {
    let mut case = Case { candidate: soak("v2", 9, 0.047), ..case() };
    let found = |case: &Case| {
        let judgement = judged(case);
        assert_eq!(judgement.verdict, Verdict::Insufficient, "{judgement:#?}");
        let told = judgement.reasons.iter().any(|r| r.text.contains("A soak of this length finds a change of"));
        (told, judgement.metrics.iter().any(|m| m.smallest_change.is_some()))
    };
    assert_eq!(found(&case), (true, true));
    case.runs.truncate(2);
    assert_eq!(found(&case), (false, false));
}
