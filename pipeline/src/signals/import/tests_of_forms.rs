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

#[test]
fn a_quantile_below_a_bound_says_that_its_bound_may_be_another_and_needs_buckets() {
    let quantile = |name: &str| below(&format!("histogram_quantile(0.95, sum by (le) (rate({name}[5m])))"));
    let shares = imported(&[&quantile("d_seconds_bucket")]);
    let why = &shares.proposals[0].why;
    assert!(why.iter().any(|line| line.contains("none at 0.5 s, the next one above it is judged")), "{why:?}");
    for (name, reason) in [("d_seconds", "no buckets"), ("d_ms_bucket", "not said to be seconds")] {
        let refused = imported(&[&quantile(name)]).refused;
        assert!(refused[0].reason.contains(reason), "{name}: {refused:?}");
    }
}
