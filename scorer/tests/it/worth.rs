//! Evidence that says nothing, in either direction.

use crate::assess::{Case, Removal, case, codes, critical, judged, late_recovery, soak};
use scorer::Verdict;
use scorer::assess::Ended;
use scorer::signal::{Form, Selector, Signal, Tier};
use scorer::verdict::ReasonSeverity;

/// Everything by which a tag can fail while its load is on.
const WORSENINGS: &[Removal] = &[
    ("slower", |c| c.candidate = soak("v2", 9, 0.12)),
    ("objective broken", |c| c.signals[1].objective = Some(0.999)),
    ("recovery late", late_recovery),
];

#[test]
fn a_late_load_generator_proves_nothing_in_either_direction() {
    for first in [false, true] {
        for (what, worsen) in WORSENINGS {
            let mut case = Case { first, ..case() };
            worsen(&mut case);
            // Without a baseline only rules can fail.
            let fails = if first && *what == "slower" { Verdict::Pass } else { Verdict::Fail };
            assert_eq!(judged(&case).verdict, fails, "{what} (first tag: {first})");
            case.candidate.context.load_valid = None;
            let unknown = judged(&case).verdict;
            assert_eq!(unknown == Verdict::Fail, fails == Verdict::Fail, "{what}: not known yet is no excuse");
            case.candidate.context.load_valid = Some(false);
            for ended in [Ended::Running, Ended::Early, Ended::Programme] {
                case.ended = ended;
                let judgement = judged(&case);
                assert_eq!(judgement.verdict, Verdict::Insufficient, "{what} (first tag: {first}): {judgement:#?}");
                assert_eq!(codes(&judgement)[0], "not_comparable", "{what} (first tag: {first}): {judgement:#?}");
            }
            case.candidate.findings = vec![critical()];
            let judgement = judged(&case);
            assert_eq!((judgement.verdict, codes(&judgement)[0]), (Verdict::Fail, "finding_open"), "{what}");
            let errors = judgement.reasons.iter().filter(|r| r.severity == ReasonSeverity::Error);
            assert!(errors.map(|r| r.code.as_str()).all(|code| code == "finding_open"), "{what}: {judgement:#?}");
        }
    }
}

#[test]
fn an_objective_that_nothing_was_measured_for_is_no_pass_of_a_first_tag() {
    for tier in [Tier::Gate, Tier::Watch] {
        let mut case = Case { first: true, ..case() };
        let form = Form::Gauge { series: Selector::parse("queue_depth").expect("legal"), group_by: vec![] };
        case.signals.push(Signal { name: "queue".into(), tier, form, margin: None, ..case.signals[2].clone() });
        let judgement = judged(&case);
        assert_eq!(judgement.verdict, Verdict::Insufficient, "{tier:?}: {judgement:#?}");
        let gaps = judgement.reasons.iter().filter(|r| r.metric.as_deref() == Some("queue"));
        assert_eq!(gaps.map(|r| r.code.as_str()).collect::<Vec<_>>(), ["no_evidence"], "{tier:?}");
        case.signals[3].objective = None;
        assert_eq!(judged(&case).verdict == Verdict::Pass, tier == Tier::Watch, "a watch signal alone is not needed");
    }
}
