//! Proposals where names, labels or bounds are not what conventions expect.

use crate::signals_suggest::read;
use pipeline::documents::signals::{FormKind, SignalSpec};
use pipeline::signals::proposal::GATES;
use pipeline::signals::suggest::{Reason, Suggestion, scope, suggest, widened};
use probes::metrics::catalogue::{Catalogue, Metadata};
use probes::metrics::exposition::Format;
use scorer::signal::{Labels, Selector};
use std::collections::BTreeMap;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect()
}

/// The suggestion for series that a server lists: name and labels of each.
fn listed(series: &[(&str, &[(&str, &str)])]) -> Suggestion {
    let one = |(name, own): &(&str, &[(&str, &str)])| -> Labels {
        let named = [("__name__".to_owned(), (*name).to_owned())];
        labels(own).into_iter().chain(named).collect()
    };
    suggest(&Catalogue::from_discovery(&BTreeMap::new(), series.iter().map(one)), &[], GATES)
}

#[test]
fn what_no_selector_can_say_is_told_and_not_proposed() {
    let long = "x".repeat(5000);
    for (name, labels) in [
        ("http.server.request.duration_total", &[("job", "a"), ("code", "200")][..]),
        ("x.y_queue_depth", &[("job", "a")]),
        ("{x=\"y\"}_queue_depth", &[("job", "a")]),
        ("http_requests_total", &[("job", long.as_str()), ("code", "200")]),
    ] {
        let suggestion = listed(&[(name, labels)]);
        assert_eq!(read(&suggestion).signals.len(), 0, "{name}");
        let told: Vec<(Reason, usize)> = suggestion.passed_over.iter().map(|p| (p.reason, p.families.len())).collect();
        assert_eq!(told, [(Reason::Unwritten, 1)], "{name}");
    }
    // A name that cannot be said does not take the place of one that can, nor does one component that of another.
    let suggestion = listed(&[
        ("http.server.requests_total", &[("job", "a"), ("code", "200")]),
        ("http_requests_total", &[("job", "a"), ("code", "200")]),
        ("http_requests_total", &[("job", long.as_str()), ("code", "200")]),
    ]);
    let names: Vec<String> = read(&suggestion).signals.into_iter().map(|s| s.name).collect();
    assert_eq!(names, ["a-success", "a-throughput"]);
    let unwritten = &suggestion.passed_over[0];
    assert_eq!((unwritten.reason, unwritten.families.len()), (Reason::Unwritten, 2));
}

#[test]
fn bounds_that_are_no_times_are_no_thresholds() {
    for (bounds, threshold_ms) in [
        (&["-1", "0", "+Inf"][..], None),
        (&["1e300", "+Inf"], None),
        (&["1e-9", "+Inf"], None),
        (&["-1", "0.1", "+Inf"], Some(100)),
        (&["0.1", "0.5", "1e300"], Some(500)),
    ] {
        let own: Vec<Vec<(&str, &str)>> = bounds.iter().map(|le| vec![("job", "a"), ("le", *le)]).collect();
        let series: Vec<(&str, &[(&str, &str)])> =
            own.iter().map(|labels| ("http_request_duration_seconds_bucket", labels.as_slice())).collect();
        let signals = read(&listed(&series)).signals;
        let found = signals.iter().find(|s| s.kind == FormKind::Latency).and_then(|s| s.threshold);
        assert_eq!(found.map(|t| t.ms()), threshold_ms, "{bounds:?}");
    }
}

/// The good part of the only share among the signals for a counter with these values of a label.
fn good_of(name: &str, label: &str, values: &[&str]) -> Option<String> {
    let own: Vec<[(&str, &str); 2]> = values.iter().map(|value| [("job", "a"), (label, *value)]).collect();
    let series: Vec<(&str, &[(&str, &str)])> = own.iter().map(|labels| (name, labels.as_slice())).collect();
    let shares: Vec<SignalSpec> =
        read(&listed(&series)).signals.into_iter().filter(|s| s.kind == FormKind::Ratio).collect();
    assert!(shares.len() < 2, "{shares:?}");
    shares.into_iter().next().and_then(|share| share.good)
}

#[test]
fn words_that_nobody_understands_are_no_share_that_cannot_fail() {
    for (name, label, values, good) in [
        ("cache_requests_total", "result", &["hit", "miss"][..], None),
        ("cache_requests_total", "result", &["hit"], None),
        ("jobs_total", "result", &["ok", "odd"], None),
        ("jobs_total", "result", &["ok"], Some("result=\"ok\"")),
        ("jobs_total", "result", &["ok", "failed"], Some("result=\"ok\"")),
        ("jobs_total", "result", &["odd", "failed"], Some("result!=\"failed\"")),
        ("jobs_total", "state", &["done", "open"], None),
        // Of what failed alone nothing went well.
        ("jobs_failed_total", "result", &["timeout", "failed"], None),
        ("client_request_errors_total", "status", &["404", "500"], None),
    ] {
        let good = good.map(|good| format!("{name}{{job=\"a\",{good}}}"));
        assert_eq!(good_of(name, label, values), good, "{name} {label} {values:?}");
    }
}

#[test]
fn usual_names_speak_for_the_answers_and_caches_do_not() {
    let http = "http_server_request_duration_seconds_bucket";
    for (other, labels) in [
        ("cache_requests_total", &[("job", "a"), ("result", "error")][..]),
        ("db_requests_total", &[("job", "a"), ("status", "error")]),
        ("mysql_requests_total", &[("job", "a"), ("status", "error")]),
        ("messages_handled_total", &[("job", "a"), ("result", "error")]),
        ("a_requests_total", &[("job", "a"), ("code", "500")]),
    ] {
        let answers = [("job", "a"), ("http_response_status_code", "200"), ("le", "0.5")];
        let signals = read(&listed(&[(other, labels), (http, &answers)])).signals;
        let total = |name: &str| signals.iter().find(|s| s.name == name).and_then(|s| s.total.clone());
        let counted = "http_server_request_duration_seconds_count{job=\"a\"}";
        assert_eq!(total("a-success").as_deref(), Some(counted), "{other}");
    }
    // Alone, what a cache is asked is no answer of the component, but its failures are watched.
    let alone = listed(&[("cache_requests_total", &[("job", "a"), ("result", "error")])]);
    assert!(alone.proposals.iter().all(|p| !p.is_gate()) && alone.proposals.len() == 1, "{:?}", alone.proposals);
    let named = listed(&[("cache_http_requests_total", &[("job", "cache"), ("code", "200")])]);
    assert!(named.proposals.iter().any(|p| p.is_gate() && p.spec.name == "cache-success"), "{:?}", named.proposals);
}

#[test]
fn conditions_that_no_series_fulfils_are_no_signal() {
    for (name, labels, proposed) in [
        ("jvm_memory_used_bytes", &[("job", "a"), ("area", "nonheap")][..], None),
        ("jvm_memory_used_bytes", &[("job", "a")], None),
        ("jvm_memory_used_bytes", &[("job", "a"), ("area", "heap")], Some("{job=\"a\",area=\"heap\"}")),
        ("container_memory_working_set_bytes", &[("name", "a")], None),
        ("container_memory_working_set_bytes", &[("container", "a")], Some("{container=\"a\"}")),
    ] {
        let found = listed(&[(name, labels)]).proposals.into_iter().find(|p| p.spec.name == "a-memory");
        let series = found.and_then(|p| p.spec.series);
        assert_eq!(series, proposed.map(|own| format!("{name}{own}")), "{labels:?}");
    }
    // Where the heap is not told, the next one that is there is.
    let heap = [("job", "a"), ("area", "nonheap")];
    let both = listed(&[("jvm_memory_used_bytes", &heap), ("go_memstats_heap_inuse_bytes", &[("job", "a")])]);
    assert!(both.proposals.iter().any(|p| p.spec.series.as_deref() == Some("go_memstats_heap_inuse_bytes{job=\"a\"}")));
    // A mesh that sees only what leaves says that.
    let source = [("destination_service_name", "a"), ("reporter", "source"), ("response_code", "200")];
    let other = [("destination_service_name", "b"), ("reporter", "destination"), ("response_code", "200")];
    let mesh = read(&listed(&[("istio_requests_total", &source), ("istio_requests_total", &other)])).signals;
    let total = |name: &str| mesh.iter().find(|s| s.name == name).and_then(|s| s.total.clone());
    let own = "istio_requests_total{destination_service_name=\"b\",reporter=\"destination\"}";
    assert_eq!(total("a-success").as_deref(), Some("istio_requests_total{destination_service_name=\"a\"}"));
    assert_eq!(total("b-success").as_deref(), Some(own));
}

#[test]
fn codes_of_grpc_count_in_both_spellings_and_beside_those_of_http() {
    let both = |http, grpc| vec![("response_code", http), ("grpc_response_status", grpc)];
    for (seen, other, is_good) in [
        (vec![("grpc_code", "OK")], vec![("grpc_code", "Unavailable")], false),
        (vec![("grpc_code", "OK")], vec![("grpc_code", "UNAVAILABLE")], false),
        (vec![("grpc_code", "OK")], vec![("grpc_code", "DEADLINE_EXCEEDED")], false),
        (vec![("grpc_code", "NOT_FOUND")], vec![("grpc_code", "NotFound")], true),
        (vec![("grpc_status", "0")], vec![("grpc_status", "14")], false),
        (vec![("grpc_status", "0")], vec![("grpc_status", "5")], true),
        (both("200", "0"), both("200", "14"), false),
        (both("200", "0"), both("503", ""), false),
        (both("200", "0"), both("404", ""), true),
        // Where no call of gRPC was seen, the codes of HTTP alone decide.
        (both("200", ""), both("503", ""), false),
    ] {
        let with_job = |own: &[(&'static str, &'static str)]| [&[("job", "a")][..], own].concat();
        let own = with_job(&seen);
        let signals = read(&listed(&[("api_requests_total", own.as_slice())])).signals;
        let good = signals.iter().find(|s| s.name == "a-success").and_then(|s| s.good.clone()).unwrap();
        let labels: Labels = with_job(&other).iter().map(|(l, v)| ((*l).to_owned(), (*v).to_owned())).collect();
        let compiled = Selector::parse(&good).unwrap().compile().unwrap();
        assert_eq!(compiled.matches("api_requests_total", &labels), is_good, "{good} {labels:?}");
    }
}

#[test]
fn several_looks_narrow_the_signals_to_all_of_them_or_say_that_they_do_not() {
    for (looks, conditions, is_widened) in [
        (&["{job=\"a\"}"][..], "job=\"a\"", false),
        (&["{job=\"a\"}", "{job=\"b.c\"}"], "job=~\"a|b\\\\.c\"", false),
        (&["{job=\"a\",ns=\"x\"}", "{ns=\"x\",job=\"b\"}"], "job=~\"a|b\",ns=\"x\"", false),
        (&["{job=\"a\",ns=\"x\"}", "{job=\"b\",ns=\"y\"}"], "job=~\"a|b\",ns=~\"x|y\"", true),
        (&["{job=\"a\"}", "{job=~\"b.*\"}"], "", true),
        (&["{job=\"a\"}", "{ns=\"x\"}"], "", true),
        (&["{job=\"a\"}", "{job=\"a\",ns=\"x\"}"], "job=\"a\"", false),
        (&["up_total{job=\"a\"}", "down_total{job=\"b\"}"], "job=~\"a|b\"", true),
        (&["up_total", "down_total"], "", false),
    ] {
        let selectors: Vec<Selector> = looks.iter().map(|look| Selector::parse(look).unwrap()).collect();
        let own: Vec<String> = scope(&selectors).iter().map(ToString::to_string).collect();
        assert_eq!((own.join(",").as_str(), widened(&selectors).is_some()), (conditions, is_widened), "{looks:?}");
    }
    let mut suggestion = listed(&[("http_requests_total", &[("job", "a"), ("code", "200")])]);
    suggestion.remarks.push("Remarks stand in the head.".to_owned());
    assert!(suggestion.document(&[]).lines().take(9).any(|line| line == "# Remarks stand in the head."));
}

#[test]
fn calls_without_a_counter_are_counted_by_their_histogram() {
    let durations = [("job", "a"), ("http_response_status_code", "200"), ("le", "0.5")];
    let histogram = ("http_client_request_duration_seconds_bucket", &durations[..]);
    let of = |series: &[(&str, &[(&str, &str)])]| {
        let suggestion = listed(series);
        assert!(suggestion.proposals.iter().all(|proposal| !proposal.is_gate()));
        read(&suggestion).signals
    };
    let signals = of(&[histogram]);
    let calls = signals.iter().find(|s| s.kind == FormKind::Ratio).unwrap();
    assert_eq!(calls.name, "a-http-client-request-duration-calls");
    assert_eq!(
        calls.good.as_deref(),
        Some("http_client_request_duration_seconds_count{job=\"a\",http_response_status_code!~\"5..\"}")
    );
    assert!(signals.iter().any(|s| s.kind == FormKind::Distribution), "{signals:?}");
    // A counter of the same calls is enough.
    let both = of(&[histogram, ("http_client_requests_total", &[("job", "a"), ("code", "200")])]);
    let shares: Vec<&str> = both.iter().filter(|s| s.kind == FormKind::Ratio).map(|s| s.name.as_str()).collect();
    assert_eq!(shares, ["a-http-client-requests-calls"]);
}

#[test]
fn native_histograms_count_answers_and_have_no_bound() {
    let declared = |kind: &str| Metadata { kind: kind.to_owned(), unit: "seconds".to_owned(), ..Metadata::default() };
    let metadata: BTreeMap<String, Metadata> = ["http_request_duration_seconds", "job_duration_seconds"]
        .map(|name| (name.to_owned(), declared("histogram")))
        .into();
    let series = [
        labels(&[("__name__", "http_request_duration_seconds"), ("job", "a"), ("code", "200")]),
        labels(&[("__name__", "job_duration_seconds"), ("job", "a")]),
    ];
    let suggestion = suggest(&Catalogue::from_discovery(&metadata, series), &[], GATES);
    let signals = read(&suggestion).signals;
    let of = |name: &str| signals.iter().find(|s| s.name == name).unwrap_or_else(|| panic!("no {name}: {signals:?}"));
    let counted = "http_request_duration_seconds_count{job=\"a\"}";
    assert_eq!(of("a-success").total.as_deref(), Some(counted));
    assert_eq!(of("a-throughput").series.as_deref(), Some(counted));
    for stem in ["http_request_duration", "job_duration"] {
        let whole = of(&format!("{}-distribution", stem.replace('_', "-")));
        assert_eq!(whole.buckets, Some(format!("{stem}_seconds_bucket")));
        assert_eq!((whole.kind, whole.group_by.as_slice()), (FormKind::Distribution, &["job".to_owned()][..]));
    }
    assert!(signals.iter().all(|s| s.kind != FormKind::Latency));
    assert!(suggestion.passed_over.is_empty(), "{:?}", suggestion.passed_over);
}

#[test]
fn buckets_of_what_is_there_now_are_not_watched() {
    let text = "# TYPE work_queue gaugehistogram\nwork_queue_bucket{le=\"1\"} 1\nwork_queue_gcount 1\n";
    let catalogue = Catalogue::from_exposition(text.as_bytes(), Format::Prometheus, &Labels::new()).unwrap();
    let signals = read(&suggest(&catalogue, &[], GATES)).signals;
    let series: Vec<Option<&str>> = signals.iter().map(|s| s.series.as_deref()).collect();
    assert_eq!(series, [Some("work_queue_gcount")]);
}

#[test]
fn maxima_are_not_summed() {
    let age = "pg_stat_activity_max_tx_duration";
    let rows: Vec<Vec<(&str, &str)>> =
        ["active", "idle"].map(|state| vec![("datname", "shop"), ("state", state)]).into();
    let series: Vec<(&str, &[(&str, &str)])> = rows.iter().map(|row| (age, row.as_slice())).collect();
    let signals = read(&listed(&series)).signals;
    assert_eq!(signals[0].group_by, ["datname", "state"]);
    // More groups than anybody reads are no reason to sum them.
    let names: Vec<String> = (0..60).map(|i| i.to_string()).collect();
    let rows: Vec<[(&str, &str); 2]> =
        names.iter().map(|name| [("datname", name.as_str()), ("state", "idle")]).collect();
    let series: Vec<(&str, &[(&str, &str)])> = rows.iter().map(|row| (age, row.as_slice())).collect();
    assert!(listed(&series).proposals.is_empty());
}

#[test]
fn failures_say_why_they_are_not_set_against_all_events() {
    let failed = ("jobs_failed_total", &[("job", "a")][..]);
    for (total, per, why) in [
        (&[("job", "a")][..], Some("jobs_total"), "Failures for each of jobs_total."),
        (&[("queue", "x")], None, "Failures a second; jobs_total has not the labels that they are grouped by: job."),
    ] {
        let suggestion = listed(&[failed, ("jobs_total", total)]);
        let proposal = suggestion.proposals.iter().find(|p| p.spec.name == "jobs-failed").unwrap();
        assert_eq!((proposal.spec.per.as_deref(), proposal.why[0].as_str()), (per, why));
    }
}
