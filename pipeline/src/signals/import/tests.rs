//! Documents in the shapes that the projects publish.

use super::{Imported, import};
use crate::documents::read_text;
use crate::documents::signals::{FormKind, SignalSpec, Signals, WorseSpec};
use proptest::prelude::*;

pub(super) fn imported(texts: &[&str]) -> Imported {
    let files: Vec<(String, String)> =
        texts.iter().enumerate().map(|(i, text)| (format!("{}.yaml", i + 1), (*text).to_owned())).collect();
    let mut imported = import(&files).unwrap_or_else(|problems| panic!("{problems}"));
    let standing = imported.seat(8);
    // Whatever is imported validates.
    let text = imported.document(&standing);
    let rules = |s: &Signals| s.signals().err().unwrap_or_default();
    read_text::<Signals>("signals.yaml", &text, rules).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    imported
}

/// The only signal of a document.
pub(super) fn only(text: &str) -> SignalSpec {
    let imported = imported(&[text]);
    assert_eq!(imported.refused, [], "nothing is refused");
    assert_eq!(imported.proposals.len(), 1);
    imported.proposals[0].spec.clone()
}

/// Reasons, by line.
fn refused(text: &str) -> Vec<(usize, String)> {
    imported(&[text]).refused.into_iter().map(|one| (one.line, one.reason)).collect()
}

/// A rule file of one recording rule.
fn rule(record: &str, expr: &str) -> String {
    format!("groups:\n  - name: g\n    rules:\n      - record: {record}\n        expr: |-\n          {expr}\n")
}

/// What becomes of an expression; `Err`: why nothing.
pub(super) fn of(expr: &str) -> Result<SignalSpec, String> {
    let mut imported = imported(&[&rule("a:b:c", expr)]);
    match imported.refused.pop() {
        Some(refused) => Err(refused.reason),
        None => Ok(imported.proposals[0].spec.clone()),
    }
}

const GENERATED: &str = r#"
groups:
  - name: sloth-slo-sli-recordings-shop-availability
    rules:
      - record: slo:sli_error:ratio_rate5m
        expr: |
          (sum(rate(http_requests_total{job="checkout",code=~"(5..|429)"}[5m])))
          /
          (sum(rate(http_requests_total{job="checkout"}[5m])))
        labels: {sloth_id: shop-availability, sloth_service: shop, sloth_slo: availability, sloth_window: 5m}
      - record: slo:sli_error:ratio_rate1h
        expr: |
          (sum(rate(http_requests_total{job="checkout",code=~"(5..|429)"}[1h])))
          /
          (sum(rate(http_requests_total{job="checkout"}[1h])))
        labels: {sloth_id: shop-availability, sloth_service: shop, sloth_slo: availability, sloth_window: 1h}
      - record: slo:sli_error:ratio_rate30d
        expr: |
          sum_over_time(slo:sli_error:ratio_rate5m{sloth_id="shop-availability"}[30d])
          / ignoring (sloth_window)
          count_over_time(slo:sli_error:ratio_rate5m{sloth_id="shop-availability"}[30d])
        labels: {sloth_window: 30d}
  - name: sloth-slo-meta-recordings-shop-availability
    rules:
      - record: slo:objective:ratio
        expr: vector(0.9990000000000001)
        labels: {sloth_id: shop-availability, sloth_service: shop, sloth_slo: availability}
      - record: slo:error_budget:ratio
        expr: vector(1-0.9990000000000001)
        labels: {sloth_id: shop-availability, sloth_service: shop, sloth_slo: availability}
  - name: sloth-slo-alerts-shop-availability
    rules:
      - alert: ShopAvailability
        expr: slo:sli_error:ratio_rate5m{sloth_id="shop-availability"} > (14.4 * 0.001)
"#;

#[test]
fn rules_that_sloth_generated_are_one_signal_with_its_objective() {
    let imported = imported(&[GENERATED]);
    let [proposal] = &imported.proposals[..] else { panic!("{:?}", imported.proposals) };
    let spec = &proposal.spec;
    assert_eq!((spec.name.as_str(), spec.component.as_deref()), ("shop-availability", Some("shop")));
    assert_eq!(spec.good.as_deref(), Some("http_requests_total{job=\"checkout\",code!~\"(5..|429)\"}"));
    assert_eq!(spec.total.as_deref(), Some("http_requests_total{job=\"checkout\"}"));
    assert_eq!((spec.objective, spec.margin.as_deref()), (Some(0.999), Some("0.05pp")));
    assert!(
        proposal.is_gate() && proposal.why.iter().any(|line| line.contains("ratio_rate1h (1.yaml:11) says the same"))
    );
    let refused: Vec<(usize, &str)> = imported.refused.iter().map(|r| (r.line, r.rule.as_str())).collect();
    let rest = [
        (17, "slo:sli_error:ratio_rate30d"),
        (25, "slo:objective:ratio"),
        (28, "slo:error_budget:ratio"),
        (33, "ShopAvailability"),
    ];
    assert_eq!(refused, rest);
}

#[test]
fn sloth_and_its_kubernetes_twin_say_the_same() {
    let plain = r#"
version: "prometheus/v1"
service: "shop/checkout"
labels: {owner: team}
slos:
  - name: "requests-availability"
    objective: 99.5
    sli:
      events:
        error_query: sum(rate(http_requests_total{job="checkout",code=~"5.."}[{{.window}}]))
        total_query: sum(rate(http_requests_total{job="checkout"}[{{ .window }}]))
    alerting: {name: A, page_alert: {disable: true}}
"#;
    let twin = r#"
apiVersion: sloth.slok.dev/v1
kind: PrometheusServiceLevel
metadata: {name: checkout, namespace: monitoring}
spec:
  service: "shop/checkout"
  slos:
    - name: "requests-availability"
      objective: 99.5
      sli:
        events:
          errorQuery: sum(rate(http_requests_total{job="checkout",code=~"5.."}[{{.window}}]))
          totalQuery: sum(rate(http_requests_total{job="checkout"}[{{.window}}]))
"#;
    let (plain, twin) = (only(plain), only(twin));
    assert_eq!(serde_json::to_value(&plain).unwrap(), serde_json::to_value(&twin).unwrap());
    assert_eq!(plain.component.as_deref(), Some("checkout"));
    assert_eq!((plain.objective, plain.margin.as_deref()), (Some(0.995), Some("0.25pp")));
}

#[test]
fn what_sloth_takes_from_elsewhere_and_latency_by_difference() {
    let slo = |sli: &str| {
        format!("version: prometheus/v1\nservice: s\nslos:\n  - name: a\n    objective: 99\n    sli: {sli}\n")
    };
    let plugin = slo("{plugin: {id: sloth-common/x, options: {a: b}}}");
    assert!(refused(&plugin)[0].1.contains("from a plugin"), "{:?}", refused(&plugin));
    let raw =
        only(&slo("{raw: {error_ratio_query: 'sum(rate(e_total[{{.window}}])) / sum(rate(a_total[{{.window}}]))'}}"));
    // Errors of another counter leave nothing that selects the good ones.
    assert_eq!(
        (raw.kind, raw.series.as_deref(), raw.per.as_deref()),
        (FormKind::Rate, Some("e_total"), Some("a_total"))
    );
    assert_eq!((raw.worse, raw.objective, raw.margin.as_deref()), (Some(WorseSpec::Up), Some(0.01), Some("0.5pp")));
    let h = "http_request_duration_seconds";
    let slow = only(&slo(&format!(
        "{{events: {{error_query: 'sum(rate({h}_count{{job=\"x\"}}[{{{{.window}}}}])) - sum(rate({h}_bucket{{job=\"x\",le=\"0.3\"}}[{{{{.window}}}}]))', total_query: 'sum(rate({h}_count{{job=\"x\"}}[{{{{.window}}}}]))'}}}}"
    )));
    assert_eq!((slow.kind, slow.threshold.map(|t| t.ms()), slow.objective), (FormKind::Latency, Some(300), Some(0.99)));
    assert_eq!(slow.buckets.as_deref(), Some("http_request_duration_seconds_bucket{job=\"x\"}"));
    assert!(refused(&slo("{}").replace("objective: 99", "objective: 100"))[0].1.contains("no share below one"));
}

#[test]
fn pyrra_has_ratios_latencies_and_kinds_that_are_none() {
    let slo = |indicator: &str| {
        format!(
            "apiVersion: pyrra.dev/v1alpha1\nkind: ServiceLevelObjective\nmetadata: {{name: api, namespace: m}}\nspec:\n  target: \"99\"\n  window: 2w\n  indicator:\n    {indicator}\n"
        )
    };
    let ratio = only(&slo(
        "ratio: {errors: {metric: 'r_total{job=\"api\",code=~\"5..\"}'}, total: {metric: 'r_total{job=\"api\"}'}}",
    ));
    assert_eq!(ratio.good.as_deref(), Some("r_total{job=\"api\",code!~\"5..\"}"));
    assert_eq!((ratio.component.as_deref(), ratio.objective), (Some("api"), Some(0.99)));
    let latency = only(&slo(
        "latency: {success: {metric: 'd_seconds_bucket{job=\"api\",le=\"0.5\"}'}, total: {metric: 'd_seconds_count{job=\"api\"}'}}",
    ));
    assert_eq!((latency.kind, latency.threshold.map(|t| t.ms())), (FormKind::Latency, Some(500)));
    // Groups have no ratio, but failures for each event say the same of every group.
    let grouped =
        only(&slo("ratio: {errors: {metric: 'r_total{code=~\"5..\"}'}, total: {metric: r_total}, grouping: [route]}"));
    assert_eq!((grouped.kind, grouped.group_by.as_slice()), (FormKind::Rate, &["route".to_owned()][..]));
    assert_eq!((grouped.worse, grouped.objective), (Some(WorseSpec::Up), Some(0.01)));
    for (indicator, why) in [
        ("latencyNative: {latency: 1s, total: {metric: d_seconds}}", "native histogram"),
        ("bool_gauge: {metric: 'up{job=\"api\"}'}", "share of time in which a gauge was one"),
        ("ratio: {errors: {metric: 'sum(a_total)'}, total: {metric: 'b_total'}, grouping: [x", ""),
        ("{}", "has none of"),
    ] {
        let text = slo(indicator);
        match import(&[("f".to_owned(), text.clone())]) {
            Ok(imported) => assert!(imported.refused[0].reason.contains(why), "{:?}", imported.refused),
            Err(problems) => assert!(problems.to_string().contains("not readable as YAML"), "{problems}"),
        }
    }
}

const OPENSLO: &str = r#"
- apiVersion: openslo/v1
  kind: SLO
  metadata: {name: web-availability, displayName: Web}
  spec:
    service: web
    indicator:
      metadata: {name: web-ratio}
      spec:
        ratioMetric:
          counter: true
          good:
            metricSource: {type: Prometheus, spec: {query: 'sum(http_requests{component="web",code=~"2xx|4xx"})'}}
          total:
            metricSource: {type: Prometheus, spec: {query: 'sum(http_requests{component="web"})'}}
    timeWindow: [{duration: 28d, isRolling: true}]
    budgetingMethod: Timeslices
    objectives:
      - {displayName: Good, target: 0.995, timeSliceTarget: 0.95, timeSliceWindow: 1m}
- apiVersion: openslo/v1
  kind: SLO
  metadata: {name: web-latency}
  spec:
    service: web
    indicatorRef: p95
    objectives:
      - {op: lte, value: 0.5, target: 0.99}
      - {displayName: strict, op: lte, value: 0.25, targetPercent: 95}
- apiVersion: openslo/v1
  kind: SLI
  metadata: {name: p95}
  spec:
    thresholdMetric:
      metricSource:
        type: Prometheus
        spec: {query: 'histogram_quantile(0.95, sum by (le) (rate(d_seconds_bucket{job="web"}[5m])))'}
- apiVersion: openslo/v1
  kind: SLO
  metadata: {name: lag}
  spec:
    service: annotator
    indicator:
      spec:
        thresholdMetric:
          metricSource: {type: Prometheus, spec: {query: 'sum(kafka_consumergroup_lag{consumergroup="annotator"})'}}
    objectives: [{op: lt, value: 1000, target: 0.99}]
- apiVersion: openslo/v1
  kind: SLI
  metadata: {name: nobody-promised}
  spec:
    ratioMetric:
      bad:
        metricSource: {type: Prometheus, spec: {query: 'sum(rate(m_total{result="error"}[{{.window}}]))'}}
      total:
        metricSource: {type: Prometheus, spec: {query: 'sum(rate(m_total[{{.window}}]))'}}
- apiVersion: openslo/v1
  kind: Service
  metadata: {name: web}
  spec: {description: The web.}
- apiVersion: openslo/v1
  kind: SLO
  metadata: {name: elsewhere}
  spec:
    indicator:
      spec:
        ratioMetric:
          good: {metricSource: {type: Datadog, spec: {query: 'sum:x'}}}
          total: {metricSource: {type: Datadog, spec: {query: 'sum:y'}}}
    objectives: [{target: 0.9}]
"#;

#[test]
fn openslo_has_ratios_bounds_and_references() {
    let imported = imported(&[OPENSLO]);
    let specs: Vec<&SignalSpec> = imported.proposals.iter().map(|p| &p.spec).collect();
    let names: Vec<&str> = specs.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["web-availability", "web-latency-1", "web-latency-strict", "lag", "nobody-promised"]);
    assert_eq!(specs[0].good.as_deref(), Some("http_requests{component=\"web\",code=~\"2xx|4xx\"}"));
    assert_eq!((specs[0].objective, specs[0].component.as_deref()), (Some(0.995), Some("web")));
    assert!(imported.proposals[0].why.iter().any(|line| line.contains("(Timeslices)")));
    // The quantile stays below a bound as long as that share is within it.
    for (spec, ms) in [(specs[1], 500), (specs[2], 250)] {
        assert_eq!(
            (spec.kind, spec.threshold.map(|t| t.ms()), spec.objective),
            (FormKind::Latency, Some(ms), Some(0.95))
        );
    }
    assert_eq!(
        (specs[3].kind, specs[3].worse, specs[3].objective),
        (FormKind::Gauge, Some(WorseSpec::Up), Some(1000.0))
    );
    assert_eq!((specs[4].good.as_deref(), specs[4].objective), (Some("m_total{result!=\"error\"}"), None));
    let refused: Vec<(&str, &str)> = imported.refused.iter().map(|r| (r.rule.as_str(), r.reason.as_str())).collect();
    assert_eq!(refused[0], ("Service web", "declares neither an indicator nor an objective"));
    assert_eq!(refused[1], ("SLO elsewhere", "asks Datadog; signals read series of Prometheus"));
}

#[test]
fn expressions_that_a_signal_can_say() {
    let ratio = of(r#"1 - (sum(rate(r_total{code=~"5.."}[5m])) / sum(rate(r_total[5m])))"#).unwrap();
    assert_eq!((ratio.good.as_deref(), ratio.total.as_deref()), (Some("r_total{code!~\"5..\"}"), Some("r_total")));
    let zero = of(r#"(sum(rate(r_total{code=~"5.."}[5m])) or vector(0)) / sum(rate(r_total[5m]))"#).unwrap();
    assert_eq!(zero.good, ratio.good);
    let pinned =
        of(r#"sum by (job) (rate(r_total{job="a",code!~"5.."}[5m])) / sum by (job) (rate(r_total{job="a"}[5m]))"#)
            .unwrap();
    assert_eq!((pinned.kind, pinned.component.as_deref()), (FormKind::Ratio, Some("a")));
    let groups = of("sum by (job) (rate(cpu_seconds_total[5m])) / sum by (job) (rate(r_total[5m]))").unwrap();
    assert_eq!(
        (groups.kind, groups.group_by, groups.worse),
        (FormKind::Rate, vec!["job".to_owned()], Some(WorseSpec::Either))
    );
    let rate = of("sum(rate(r_total[5m])) by (job)").unwrap();
    assert_eq!((rate.kind, rate.series.as_deref(), rate.objective), (FormKind::Rate, Some("r_total"), None));
    assert_eq!(of("sum(increase(restarts_total[1h]))").unwrap().kind, FormKind::Count);
    let gauge = of("sum by (job) (process_resident_memory_bytes)").unwrap();
    assert_eq!((gauge.kind, gauge.group_by), (FormKind::Gauge, vec!["job".to_owned()]));
    // A name that contradicts the condition says nothing.
    let lies = rule("job:errors:ratio", r#"sum(rate(r_total{code!~"5.."}[5m])) / sum(rate(r_total[5m]))"#);
    assert_eq!((only(&lies).kind, only(&lies).worse), (FormKind::Rate, Some(WorseSpec::Either)));
    let named = rule("job:availability", "1 - sum(rate(a_total[5m])) / sum(rate(b_total[5m]))");
    assert_eq!((only(&named).kind, only(&named).worse), (FormKind::Rate, Some(WorseSpec::Up)));
    let raw = of(r#"sum(rate(d_ms_bucket{le="250"}[5m])) / sum(rate(d_ms_count[5m]))"#).unwrap();
    assert_eq!((raw.kind, raw.good.as_deref()), (FormKind::Ratio, Some("d_ms_bucket{le=\"250\"}")));
}

#[test]
fn expressions_that_no_signal_says_are_told_why() {
    for (expr, why) in [
        ("sum(", "is no PromQL"),
        ("rate(r_total[5m])", "has a value for each series"),
        ("sum without (instance) (rate(r_total[5m]))", "which remain only the data know"),
        ("avg(x)", "aggregates with `avg`"),
        ("sum(irate(r_total[5m]))", "calls `irate`"),
        ("sum(rate(a_total[5m])) + sum(rate(b_total[5m]))", "adds several series"),
        ("sum(rate(a_total[5m])) * 100", "calculates with `*`"),
        ("sum(rate(a_total[5m] offset 1h))", "looks at another time"),
        ("sum(rate(a_total[5m])) / sum(rate(b_total[1h]))", "two different windows"),
        ("sum(rate(a_total[5m])) > 3", "compares, as alerts do"),
        ("max_over_time(x[1h])", "calls `max_over_time`"),
        ("sum(x_total)", "by its name is a counter"),
        ("sum({__name__=~\"a|b\"})", "selects several metric names"),
        ("histogram_quantile(0.9, sum(rate(x_bucket[5m])))", "summed over `le`"),
        ("sum(rate(other:recorded:total[5m]))", "of a recorded series"),
        ("other:recorded:ratio", "reads the recorded series `other:recorded:ratio`"),
        ("a:b:c", "refer to each other without end"),
        ("a:b:c{x=\"1\" or y=\"2\"}", "`or` between conditions"),
        ("vector(1)", "is a constant"),
        ("predict_linear(x[1h], 3600)", "calls `predict_linear`"),
        ("sum(rate(a_total[5m:1m]))", "calls `rate`"),
    ] {
        match of(expr) {
            Err(told) => assert!(told.contains(why), "{expr}: {told}"),
            Ok(spec) => panic!("{expr} became {spec:?}"),
        }
    }
    assert!(of(&format!("{}x{}", "(".repeat(500), ")".repeat(500))).unwrap_err().contains("nested deeper"));
}

#[test]
fn recorded_series_stand_for_their_rules_also_of_other_files() {
    let rates = rule("job:errors:rate5m", r#"sum by (job) (rate(r_total{code=~"5.."}[5m]))"#)
        + "      - record: job:requests:rate5m\n        expr: sum by (job) (rate(r_total[5m]))\n";
    let ratio = rule("job:errors:ratio_rate5m", "sum(job:errors:rate5m) / sum(job:requests:rate5m)");
    let imported = imported(&[&ratio, &rates]);
    assert_eq!(imported.refused, []);
    let spec = &imported.proposals[0].spec;
    assert_eq!((spec.name.as_str(), spec.good.as_deref()), ("job-errors-ratio", Some("r_total{code!~\"5..\"}")));
    assert!(imported.gave("1.yaml") && imported.gave("2.yaml") && !imported.gave("3.yaml"));
    let operator = format!(
        "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {{name: r}}\nspec:\n{}",
        rates.lines().map(|line| format!("  {line}\n")).collect::<String>()
    );
    assert_eq!(super::tests::imported(&[&operator]).proposals.len(), 2);
}

#[test]
fn a_file_that_is_none_is_told_with_a_remedy() {
    let problems = import(&[("a".into(), "kind: X".into()), ("b".into(), "a: [".into())]).unwrap_err().to_string();
    assert!(problems.contains("2 problems") && problems.contains("`groups:`"), "{problems}");
    assert!(import(&[("a".into(), String::new())]).unwrap().proposals.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_expression_panics_and_what_is_made_validates(
        words in prop::collection::vec(prop::sample::select(vec![
            "sum", "(", ")", "rate", "a_total", "[5m]", "/", "-", "1", "by", "(job)", "{code=~\"5..\"}", "or", "vector(0)",
            "histogram_quantile", ",", "0.9", "b_bucket", "{le=\"1\"}", "increase", "a:b:c", "offset 5m", "'", "\\", "é",
        ]), 0..16),
    ) {
        let text = serde_json::to_string(&words.join(" ")).unwrap();
        imported(&[&format!("groups: [{{name: g, rules: [{{record: x, expr: {text}}}]}}]")]);
    }

    #[test]
    fn no_file_panics(text in r#"[a-zA-Z:{}\[\]\-" \n/.&*!%#'|>]{0,200}"#) {
        let _ = import(&[("f".to_owned(), text)]);
    }
}
