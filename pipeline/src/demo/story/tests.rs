//! What the story lets pass, on judgements made by hand.

use super::*;
use scorer::verdict::Reason;

fn reason(code: &str, severity: ReasonSeverity, dimension: Dimension) -> Reason {
    Reason {
        code: code.into(),
        severity,
        text: code.into(),
        observed: String::new(),
        wanted: String::new(),
        metric: None,
        component: None,
        dimension: Some(dimension),
    }
}

/// A fail that was stopped early: what was not injected any more is told for information.
fn judgement(basis: Basis, reasons: &[(&str, Dimension)]) -> Judgement {
    let mut reasons: Vec<Reason> = reasons.iter().map(|(c, d)| reason(c, ReasonSeverity::Error, *d)).collect();
    reasons.push(reason("not_injected", ReasonSeverity::Info, Dimension::Resilience));
    Judgement {
        method: "mettle-2".into(),
        look: 20,
        level: 0.01,
        verdict: Verdict::Fail,
        basis,
        provisional: false,
        baseline_runs: 5,
        score: None,
        score_low: None,
        score_high: None,
        tag_p: None,
        dimensions: vec![],
        reasons,
        metrics: vec![],
        extra_samples: None,
        missing: vec![],
    }
}

fn otherwise(tag: &str, judgements: &[Judgement]) -> Option<String> {
    let chapter = TOLD.iter().find(|c| c.tag == tag).expect("a tag of the story");
    chapter.otherwise(&judgements.iter().collect::<Vec<_>>())
}

#[test]
fn the_weightiest_error_names_the_dimension() {
    use Dimension::{Business, Performance, Resilience};
    let by = |reasons: &[(&str, Dimension)]| [judgement(Basis::Baseline, reasons)];
    let slower = [("worse_than_baseline", Performance), ("worse_than_baseline", Business)];
    assert_eq!(otherwise("v1.1.0", &by(&slower)), None);
    let late = [("recovery_late", Resilience), ("worse_than_baseline", Performance)];
    assert_eq!(otherwise("v1.2.0", &by(&late)), None);
    assert_eq!(otherwise("v1.2.0", &by(&[("worse_than_baseline", Resilience)])), None);

    let told = otherwise("v1.2.0", &by(&slower)).expect("information is no reason");
    assert!(told.contains("should fail by Resilience and fails by worse_than_baseline (Some(Performance))"), "{told}");
    assert!(otherwise("v1.2.0", &by(&[])).is_some_and(|told| told.contains("names nothing")));
    let last = [slower[1], slower[0]];
    assert!(otherwise("v1.1.0", &by(&last)).is_some(), "the wanted dimension comes second");
    let broken = [("objective_broken", Performance), slower[0]];
    assert!(otherwise("v1.1.0", &by(&broken)).is_some_and(|told| told.contains("objective_broken")));
}

#[test]
fn the_first_tag_is_judged_by_objectives_and_no_other() {
    let [baseline, objectives] = [Basis::Baseline, Basis::Objectives].map(|basis| judgement(basis, &[]));
    assert_eq!(otherwise("v1.0.0", &[objectives.clone(), baseline.clone()]), None);
    assert!(otherwise("v1.0.0", &[baseline, objectives.clone()]).is_some());
    assert!(otherwise("v1.1.1", &[objectives]).is_some());
    assert!(otherwise("v1.1.1", &[]).is_some_and(|told| told.contains("never judged")));
}
