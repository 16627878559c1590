//! Proposals from expositions as common exporters and runtimes document them.

use pipeline::documents::kind::Kind;
use pipeline::documents::read_text;
use pipeline::documents::signals::{FormKind, SignalSpec, Signals, TierSpec, WorseSpec};
use pipeline::signals::proposal::{GATES, MOST_GATES};
use pipeline::signals::suggest::{Reason, Suggestion, scope, suggest};
use probes::metrics::catalogue::Catalogue;
use probes::metrics::exposition::Format;
use scorer::signal::{Labels, Selector};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const PLACES: [&str; 17] = [
    "cadvisor",
    "envoy",
    "go_service",
    "grpc_go",
    "istio",
    "kafka",
    "kube_state_metrics",
    "nginx_ingress",
    "node_exporter",
    "nodejs",
    "opentelemetry",
    "postgres",
    "python",
    "rabbitmq",
    "redis",
    "spring_boot",
    "tokio",
];

pub(crate) fn path(place: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/expositions").join(format!("{place}.txt"))
}

fn catalogue(place: &str) -> Catalogue {
    let text = std::fs::read(path(place)).unwrap();
    let format = if text.ends_with(b"# EOF\n") { Format::OpenMetrics } else { Format::Prometheus };
    Catalogue::from_exposition(&text, format, &Labels::from([("job".into(), place.into())])).unwrap()
}

fn suggestion(place: &str) -> Suggestion {
    suggest(&catalogue(place), &[], GATES)
}

/// The signal of that name, as the document has it.
fn signal(place: &str, name: &str) -> SignalSpec {
    let all = read(&suggestion(place)).signals;
    let names: Vec<String> = all.iter().map(|s| s.name.clone()).collect();
    all.into_iter().find(|s| s.name == name).unwrap_or_else(|| panic!("no {name} among {names:?}"))
}

pub(crate) fn read(suggestion: &Suggestion) -> Signals {
    let text = suggestion.document(&["the place".to_owned()]);
    let rules = |s: &Signals| s.signals().err().unwrap_or_default();
    read_text::<Signals>("signals.yaml", &text, rules).unwrap_or_else(|problems| panic!("{problems}\n{text}")).value
}

#[test]
fn every_proposal_validates_selects_something_and_is_the_same_again() {
    for place in PLACES {
        let catalogue = catalogue(place);
        let suggestion = suggest(&catalogue, &[], GATES);
        let text = suggestion.document(&[place.to_owned()]);
        assert_eq!(Kind::Signals.problems("signals.yaml", &text).0, [], "{place}:\n{text}");
        assert_eq!(text, suggest(&catalogue, &[], GATES).document(&[place.to_owned()]), "{place}");
        assert!(!suggestion.proposals.is_empty(), "{place}");
        for line in text.lines().filter(|line| line.trim_start().starts_with('#')) {
            assert!(line.chars().count() <= 100, "{line}");
        }
        let signals = read(&suggestion).signals;
        let names: BTreeSet<&str> = signals.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names.len(), signals.len());
        for signal in &signals {
            let selectors = [&signal.good, &signal.total, &signal.buckets, &signal.series, &signal.per];
            for text in selectors.into_iter().flatten() {
                assert!(selects(&catalogue, text), "{place}: {} selects nothing: {text}", signal.name);
            }
            assert!(signal.objective.is_none(), "objectives are open");
        }
    }
}

/// Whether a selector selects a series of the catalogue, also a part of a histogram or summary. A catalogue keeps `le` apart
/// from the other labels: each bucket has its own again.
fn selects(catalogue: &Catalogue, text: &str) -> bool {
    let compiled = Selector::parse(text).unwrap().compile().unwrap();
    catalogue.families.iter().any(|family| {
        let whole = ["", "_sum", "_count"].map(|part| format!("{}{part}", family.name));
        let bucket = format!("{}_bucket", family.name);
        family.series.iter().any(|one| {
            let within = |le: &String| {
                let labels = one.labels.clone().into_iter().chain([("le".to_owned(), le.clone())]).collect();
                compiled.matches(&bucket, &labels)
            };
            whole.iter().any(|name| compiled.matches(name, &one.labels)) || one.bounds.iter().any(within)
        })
    })
}

#[test]
fn a_go_service_is_judged_by_what_its_users_get() {
    let success = signal("go_service", "go-service-success");
    assert_eq!(success.good.as_deref(), Some("http_requests_total{job=\"go_service\",code!~\"5..\"}"));
    assert_eq!(success.total.as_deref(), Some("http_requests_total{job=\"go_service\"}"));
    assert_eq!((success.tier, success.margin.as_deref()), (TierSpec::Gate, Some("1pp")));
    let latency = signal("go_service", "go-service-latency");
    assert_eq!(latency.buckets.as_deref(), Some("http_request_duration_seconds_bucket{job=\"go_service\"}"));
    assert_eq!((latency.kind, latency.threshold.map(|t| t.ms())), (FormKind::Latency, Some(250)));
    let memory = signal("go_service", "go-service-memory");
    assert_eq!((memory.kind, memory.rise.as_deref(), memory.worse), (FormKind::Gauge, Some("5%"), Some(WorseSpec::Up)));
    let cost = signal("go_service", "go-service-cpu-per-request");
    assert_eq!(cost.per.as_deref(), Some("http_requests_total{job=\"go_service\"}"));
    assert_eq!(signal("go_service", "go-service-throughput").worse, Some(WorseSpec::Down));
    assert_eq!(signal("go_service", "go-goroutines").rise.as_deref(), Some("10%"));
    assert_eq!(signal("go_service", "worker-restarts").kind, FormKind::Count);
    let errors = signal("go_service", "cache-errors");
    assert_eq!((errors.per.as_deref(), errors.worse), (Some("cache_requests_total"), Some(WorseSpec::Up)));
    let jobs = signal("go_service", "go-service-jobs-processed-success");
    assert_eq!(jobs.good.as_deref(), Some("jobs_processed_total{job=\"go_service\",result=\"success\"}"));
    assert_eq!(signal("go_service", "http-requests-in-flight").worse, Some(WorseSpec::Up));
}

#[test]
fn what_is_not_proposed_is_named_by_reason() {
    let suggestion = suggestion("go_service");
    let of = |reason| {
        let found = suggestion.passed_over.iter().find(|one| one.reason == reason);
        found.map(|one| one.families.clone()).unwrap_or_default()
    };
    assert_eq!(of(Reason::Machinery), ["promhttp_metric_handler_requests_total"]);
    assert_eq!(of(Reason::Describes), ["build_info", "go_info"]);
    assert_eq!(of(Reason::Stamp), ["process_start_time_seconds"]);
    assert_eq!(of(Reason::NoFailures), ["orders_total"]);
    assert_eq!(of(Reason::Limit), ["process_max_fds"]);
    let text = suggestion.document(&["x".into()]);
    assert!(text.contains("# - 1 that count events but not which of them failed: orders_total"), "{text}");
}

#[test]
fn grpc_blames_the_server_for_some_codes_only() {
    let success = signal("grpc_go", "grpc-go-rpc-success");
    let good = success.good.unwrap();
    assert!(
        good.starts_with("grpc_server_handled_total{job=\"grpc_go\",grpc_code!~\"Unknown|DeadlineExceeded|"),
        "{good}"
    );
    let compiled = Selector::parse(&good).unwrap().compile().unwrap();
    let counts = |code: &str| {
        let labels = Labels::from([("job".into(), "grpc_go".into()), ("grpc_code".into(), code.into())]);
        compiled.matches("grpc_server_handled_total", &labels)
    };
    assert!(counts("OK") && counts("NotFound") && !counts("Unavailable") && !counts("DataLoss"));
    assert_eq!(signal("grpc_go", "grpc-go-grpc-client-handled-calls").tier, TierSpec::Watch);
}

#[test]
fn opentelemetry_names_units_and_services() {
    let catalog = signal("opentelemetry", "catalog-success");
    let counter = "http_server_request_duration_seconds_count";
    assert_eq!(catalog.total, Some(format!("{counter}{{service_name=\"catalog\"}}")));
    assert!(catalog.good.unwrap().contains("http_response_status_code!~\"5..\""));
    // Milliseconds: the bucket stands for what `threshold` cannot say.
    let payments = signal("opentelemetry", "payments-rpc-latency");
    assert_eq!(payments.kind, FormKind::Ratio);
    let good = "rpc_server_duration_milliseconds_bucket{service_name=\"payments\",le=~\"250(\\\\.0)?\"}";
    assert_eq!(payments.good.as_deref(), Some(good));
    assert_eq!(payments.total.as_deref(), Some("rpc_server_duration_milliseconds_count{service_name=\"payments\"}"));
    assert!(
        signal("opentelemetry", "payments-rpc-success")
            .good
            .unwrap()
            .contains("rpc_grpc_status_code!~\"2|4|12|13|14|15\"")
    );
    let cost = signal("opentelemetry", "catalog-cpu-per-request");
    assert_eq!(cost.per, Some(format!("{counter}{{service_name=\"catalog\"}}")));
    assert!(signal("opentelemetry", "catalog-memory").series.unwrap().starts_with("process_memory_usage_bytes"));
}

#[test]
fn exporters_do_not_decide_and_aggregates_are_left_out() {
    for place in ["node_exporter", "postgres", "redis", "kafka", "kube_state_metrics"] {
        assert!(suggestion(place).proposals.iter().all(|p| !p.is_gate()), "{place}");
    }
    let memory = signal("cadvisor", "checkout-memory");
    assert_eq!(memory.series.as_deref(), Some("container_memory_working_set_bytes{container=\"checkout\"}"));
    let cpu = signal("cadvisor", "container-cpu-usage-seconds");
    assert_eq!(cpu.series.as_deref(), Some("container_cpu_usage_seconds_total{container!=\"\",container!=\"POD\"}"));
    assert_eq!(cpu.group_by, ["namespace", "container"]);
    let throttled = signal("cadvisor", "container-cpu-cfs-throttled-periods");
    assert!(throttled.per.unwrap().starts_with("container_cpu_cfs_periods_total{"));
    assert_eq!(signal("node_exporter", "node-vmstat-oom-kill").kind, FormKind::Count);
    assert!(signal("node_exporter", "node-filesystem-avail-bytes").series.unwrap().contains("fstype!~"));
    assert_eq!(signal("redis", "redis-keyspace-misses").per.as_deref(), Some("redis_keyspace_hits_total"));
    assert_eq!(
        signal("postgres", "pg-stat-database-xact-rollback").per.as_deref(),
        Some("pg_stat_database_xact_commit")
    );
    assert_eq!(signal("kafka", "kafka-consumergroup-lag").group_by, ["consumergroup", "topic"]);
}

#[test]
fn meshes_and_ingresses_speak_for_the_services_behind_them() {
    let checkout = signal("istio", "checkout-success");
    let all = "destination_service_name=\"checkout\",reporter=\"destination\"";
    assert_eq!(checkout.total, Some(format!("istio_requests_total{{{all}}}")));
    assert_eq!(checkout.good, Some(format!("istio_requests_total{{{all},response_code!~\"5..\"}}")));
    assert!(signal("nginx_ingress", "catalog-success").total.unwrap().contains("service=\"catalog\""));
    let calls = signal("envoy", "payments-envoy-cluster-upstream-rq-xx-calls");
    assert!(calls.good.unwrap().contains("envoy_response_code_class!=\"5\""));
}

#[test]
fn what_narrowed_the_look_narrows_the_signals() {
    let selectors = ["{namespace=\"shop\"}", "container_threads{namespace=\"shop\",pod=\"a\"}"];
    let selectors: Vec<Selector> = selectors.iter().map(|text| Selector::parse(text).unwrap()).collect();
    let narrowed = scope(&selectors);
    assert_eq!(narrowed, selectors[0].matchers);
    let compiled: Vec<_> = selectors.iter().map(|selector| selector.compile().unwrap()).collect();
    let catalogue = catalogue("cadvisor").only(&compiled);
    let signals = read(&suggest(&catalogue, &narrowed, GATES)).signals;
    let memory = signals.iter().find(|s| s.name == "checkout-memory").unwrap();
    let series = "container_memory_working_set_bytes{container=\"checkout\",namespace=\"shop\"}";
    assert_eq!(memory.series.as_deref(), Some(series));
    let throttled = signals.iter().find(|s| s.name.contains("throttled")).unwrap();
    assert!(throttled.per.as_ref().unwrap().contains("namespace=\"shop\""));
    let other = Selector::parse("{namespace=\"other\"}").unwrap().compile().unwrap();
    assert_eq!(catalogue.only(&[other]).families, []);
}

#[test]
fn runtimes_are_watched_for_leaks_and_queues() {
    for (place, names) in [
        (
            "spring_boot",
            &[
                "spring-boot-success",
                "spring-boot-mean-latency",
                "spring-boot-memory",
                "hikaricp-connections-pending",
                "logback-events",
            ][..],
        ),
        ("nodejs", &["nodejs-latency", "nodejs-eventloop-lag-p99-seconds", "nodejs-active-handles"]),
        ("python", &["python-success", "python-latency", "celery-queue-length", "python-gc-objects-uncollectable"]),
        (
            "tokio",
            &[
                "tokio-success",
                "app-tokio-global-queue-depth",
                "app-tokio-num-alive-tasks",
                "axum-http-requests-pending",
            ],
        ),
        ("rabbitmq", &["rabbitmq-queue-messages-ready", "rabbitmq-global-messages-redelivered"]),
    ] {
        names.iter().for_each(|name| drop(signal(place, name)));
    }
    let thrown = signal("spring_boot", "spring-boot-success");
    assert_eq!(thrown.good.as_deref(), Some("http_server_requests_seconds_count{job=\"spring_boot\",status!~\"5..\"}"));
}

#[test]
fn gates_are_few_and_the_most_telling_first() {
    let places = PLACES.map(catalogue);
    let many = suggest(&Catalogue::joined(places.clone()), &[], GATES);
    let gates: Vec<&str> = many.proposals.iter().filter(|p| p.is_gate()).map(|p| p.spec.name.as_str()).collect();
    assert_eq!(gates.len(), GATES);
    assert!(gates.iter().all(|name| name.ends_with("-success")), "{gates:?}");
    assert!(!many.standing.is_empty() && many.document(&["x".into()]).contains("Would decide as well"));
    let most = suggest(&Catalogue::joined(places), &[], MOST_GATES);
    assert_eq!(most.proposals.iter().filter(|p| p.is_gate()).count(), MOST_GATES.min(GATES + many.standing.len()));
    read(&most);
}

#[test]
fn a_place_whose_labels_are_hostile_gives_a_document_that_validates() {
    let values = ["a\"b\\c", "line\\nfeed", "日本 🚀", "'; drop", "{x=\\\"y\\\"}", "#", "- a: b", "\u{85}\u{2028}"];
    let lines: Vec<String> = values
        .iter()
        .flat_map(|v| ["200", "500"].map(|code| format!("http_requests_total{{app=\"{v}\",code=\"{code}\"}} 1")))
        .collect();
    let text = format!("# TYPE http_requests_total counter\n{}\n", lines.join("\n").replace("a\"b\\c", "a\\\"b\\\\c"));
    let catalogue = Catalogue::from_exposition(text.as_bytes(), Format::Prometheus, &Labels::new()).unwrap();
    let suggestion = suggest(&catalogue, &[], GATES);
    assert_eq!(read(&suggestion).signals.len(), suggestion.proposals.len());
    assert_eq!(suggestion.proposals.iter().filter(|p| p.spec.kind == FormKind::Ratio).count(), values.len());
}

#[test]
fn nothing_that_is_known_is_an_empty_document_that_says_why() {
    let suggestion = suggest(&Catalogue::default(), &[], GATES);
    let text = suggestion.document(&["an empty place".to_owned()]);
    assert!(text.contains("signals: []") && text.contains("Nothing here is a signal"), "{text}");
    assert_eq!(Kind::Signals.problems("signals.yaml", &text).0, []);
}

#[test]
fn a_component_that_a_mesh_counts_too_decides_once() {
    let text = "# TYPE http_requests_total counter\nhttp_requests_total{job=\"checkout\",code=\"200\"} 1\n\
        # TYPE istio_requests_total counter\n\
        istio_requests_total{job=\"mesh\",destination_service_name=\"checkout\",reporter=\"destination\",response_code=\"200\"} 1\n\
        # TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes{job=\"checkout\"} 1\n\
        # TYPE container_memory_working_set_bytes gauge\ncontainer_memory_working_set_bytes{job=\"kubelet\",container=\"checkout\"} 1\n";
    let catalogue = Catalogue::from_exposition(text.as_bytes(), Format::Prometheus, &Labels::new()).unwrap();
    let suggestion = suggest(&catalogue, &[], GATES);
    let gates: Vec<&str> = suggestion.proposals.iter().filter(|p| p.is_gate()).map(|p| p.spec.name.as_str()).collect();
    assert_eq!(gates, ["checkout-success", "checkout-memory", "checkout-throughput"]);
    assert!(suggestion.proposals.iter().any(|p| p.spec.name == "checkout-success-2"), "the mesh watches");
    assert!(suggestion.proposals.iter().any(|p| p.spec.name == "container-memory-working-set-bytes"));
}

#[test]
fn more_components_than_anybody_reads_are_told() {
    let lines: Vec<String> =
        (0..31).map(|i| format!("http_requests_total{{job=\"c{i:02}\",code=\"200\"}} 1")).collect();
    let text = format!("# TYPE http_requests_total counter\n{}\n", lines.join("\n"));
    let catalogue = Catalogue::from_exposition(text.as_bytes(), Format::Prometheus, &Labels::new()).unwrap();
    let suggestion = suggest(&catalogue, &[], GATES);
    assert_eq!(suggestion.passed_over[0].reason, Reason::TooMany);
    assert!(suggestion.document(&["x".into()]).contains("narrow the look with --match"));
}
