//! Which form an expression becomes, where several could be meant.

use super::tests::{imported, of};
use crate::documents::signals::{FormKind, WorseSpec};

#[test]
fn only_increases_of_trouble_are_counts() {
    for (series, form) in [
        ("http_requests_total", (FormKind::Rate, Some(WorseSpec::Either))),
        ("orders_total{state=\"paid\"}", (FormKind::Rate, Some(WorseSpec::Either))),
        ("http_requests_total{code!~\"5..\"}", (FormKind::Rate, Some(WorseSpec::Either))),
        ("http_requests_total{code=~\"5..\"}", (FormKind::Count, None)),
        ("jobs_total{result=\"failed\"}", (FormKind::Count, None)),
        ("jobs_failed_total", (FormKind::Count, None)),
        ("restarts_total", (FormKind::Count, None)),
    ] {
        let spec = of(&format!("sum(increase({series}[5m]))")).unwrap();
        assert_eq!((spec.kind, spec.worse), form, "{series}");
        assert_eq!(spec.series.as_deref(), Some(series));
    }
}

/// An OpenSLO document that wants a query below half a second.
fn below(query: &str) -> String {
    format!(
        "apiVersion: openslo/v1\nkind: SLO\nmetadata: {{name: a}}\nspec:\n  service: web\n  indicator:\n    spec:\n      \
         thresholdMetric:\n        metricSource: {{type: Prometheus, spec: {{query: '{query}'}}}}\n  objectives: [{{op: lt, \
         value: 0.5, target: 0.99}}]\n"
    )
}

#[test]
fn a_bound_of_an_increase_is_no_bound_of_a_rate() {
    for series in ["http_requests_total", "restarts_total"] {
        let imported = imported(&[&below(&format!("sum(increase({series}[5m]))"))]);
        assert!(imported.proposals.is_empty(), "{:?}", imported.proposals);
        assert!(imported.refused[0].reason.contains("an increase in a window"), "{:?}", imported.refused);
    }
}
