//! The load engine against real servers on loopback.

use axum::Router;
use axum::routing::{get, post};
use probes::load::{Engine, Load, LoadError, LoadReport, Targets};
use probes::metrics::registry::Registry;
use scorer::signal::Labels;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;

struct Server {
    address: SocketAddr,
    seen: Arc<AtomicU64>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn server() -> Server {
    let seen = Arc::new(AtomicU64::new(0));
    let count = seen.clone();
    let ok = move || async move { count.fetch_add(1, Ordering::Relaxed).to_string() };
    let slow = || async { std::future::pending::<&'static str>().await };
    let echo = |body: String| async move { body };
    let bad = || async { (axum::http::StatusCode::INTERNAL_SERVER_ERROR, "no") };
    let app = Router::new()
        .route("/ok", get(ok))
        .route("/never", get(slow))
        .route("/echo", post(echo))
        .route("/bad", get(bad));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let task = tokio::spawn(async move { axum::serve(listener, app).await.expect("serves") });
    Server { address, seen, task }
}

fn load(requests: &str, extra: &str) -> Load {
    serde_json::from_str(&format!("{{\"rate\":\"400/s\"{extra},\"requests\":[{requests}]}}")).expect("a load document")
}

/// Runs until `scheduled` requests were on schedule.
async fn run(load: &Load, server: &Server, scheduled: f64) -> LoadReport {
    let registry = Registry::new();
    let targets = Targets::from([("web".to_owned(), server.address)]);
    let engine = Engine::start("s", load, None, &targets, &registry).expect("starts");
    let count = registry.counter("mettle_load_scheduled_total", &[("suite", "s")]);
    tokio::time::timeout(Duration::from_secs(60), async {
        while count.value() < scheduled {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("the schedule goes on");
    engine.stop().await.expect("reports")
}

const OK: &str = r#"{"name":"ok","component":"web","path":"/ok?n={{n}}"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn every_scheduled_request_is_accounted_for() {
    let server = server().await;
    let report = run(&load(OK, ""), &server, 500.0).await;
    assert!(report.scheduled >= 500);
    assert_eq!(report.scheduled, report.sent + report.dropped, "{report:?}");
    let ended: u64 = report.ended.values().sum();
    assert!(ended <= report.sent && report.sent - ended <= 64, "only what was under way is not counted: {report:?}");
    assert_eq!(report.ended.keys().collect::<Vec<_>>(), ["ok"]);
    assert!(server.seen.load(Ordering::Relaxed) >= ended);
    assert!(report.response.p50_ms >= report.service.p50_ms, "response counts from the intended start");
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_it_counts_is_known_while_it_runs_and_not_at_once() {
    let server = server().await;
    let targets = Targets::from([("web".to_owned(), server.address)]);
    let engine = Engine::start("s", &load(OK, ""), None, &targets, &Registry::new()).expect("starts");
    assert_eq!(engine.validity().await, None, "it has hardly begun");
    let known = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            match engine.validity().await {
                Some(known) => return known,
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    });
    let known = known.await.expect("after a while it is known");
    assert!(!format!("{known:?}").contains("ran "), "a run that is too short is not known, not invalid: {known:?}");
    let report = engine.stop().await.expect("reports");
    assert!(report.seconds >= 1.0 && report.sent > 0, "being asked ends nothing: {report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_server_does_not_stop_the_schedule() {
    let server = server().await;
    let never = r#"{"name":"never","component":"web","path":"/never"}"#;
    let report = run(&load(never, r#","connections":2,"timeoutMs":100"#), &server, 400.0).await;
    assert_eq!(report.scheduled, report.sent + report.dropped, "{report:?}");
    assert!(report.dropped > report.sent, "two connections take a few, the rest stays in the queue: {report:?}");
    assert_eq!(report.ended.keys().collect::<Vec<_>>(), ["timeout"]);
    assert!(report.late > 0, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stalled_product_keeps_from_being_sent_is_bad_and_late() {
    let server = server().await;
    let never = r#"{"name":"never","component":"web","path":"/never"}"#;
    let mut stalled = load(never, r#","connections":1,"timeoutMs":250,"limitMs":200"#);
    stalled.rate = serde_json::from_str("\"8000/s\"").expect("a rate");
    let registry = Registry::new();
    let targets = Targets::from([("web".to_owned(), server.address)]);
    let engine = Engine::start("s", &stalled, None, &targets, &registry).expect("starts");
    let ended =
        |how| registry.counter("mettle_load_requests_total", &[("suite", "s"), ("step", "never"), ("outcome", how)]);
    let reached = |outcome: &'static str, count: f64| {
        let counter = ended(outcome);
        tokio::time::timeout(Duration::from_secs(60), async move {
            while counter.value() < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
    };
    // 8,000/s fill the queue of 2,000 within a quarter of a second.
    reached("dropped", 4_000.0).await.expect("a full queue drops");
    // The queue stays full at a rate that the product could have kept up with: the drops go on.
    engine.set_rate(40.0);
    let before = ended("dropped").value();
    reached("dropped", before + 20.0).await.expect("a smaller queue drops as well");
    let report = engine.stop().await.expect("reports");
    assert_eq!(report.scheduled, report.sent + report.dropped, "{report:?}");
    assert_eq!(ended("ok").value(), 0.0);
    let text = registry.render(&Labels::new());
    let count = |le: &str| -> f64 {
        let series = format!("mettle_load_response_seconds_bucket{{le=\"{le}\",step=\"never\",suite=\"s\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&series)?.parse().ok()).expect(&series)
    };
    assert_eq!(count("0.1"), 0.0, "no response is faster than the time limit");
    assert!(count("+Inf") >= ended("dropped").value(), "{text}");
    assert!(report.response.p50_ms >= 249.0, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_told_apart_and_bodies_are_sent() {
    let server = server().await;
    let mix = format!(
        r#"{OK},{{"name":"bad","component":"web","path":"/bad"}},{{"name":"gone","component":"web","path":"/gone"}},
           {{"name":"echo","component":"web","method":"POST","path":"/echo","json":{{"n":"{{{{n}}}}"}}}}"#
    );
    let report = run(&load(&mix, ""), &server, 400.0).await;
    let kinds: Vec<&str> = report.ended.keys().map(String::as_str).collect();
    assert_eq!(kinds, ["ok", "status_4xx", "status_5xx"], "{report:?}");
    let (ok, bad) = (report.ended["ok"], report.ended["status_5xx"]);
    assert!(ok.abs_diff(2 * bad) <= 66, "half of the mix is right: {report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_is_counted_as_connect() {
    let server = server().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let gone = Server { address, seen: Arc::default(), task: tokio::spawn(async {}) };
    let report = run(&load(OK, ""), &gone, 100.0).await;
    assert_eq!(report.ended.keys().collect::<Vec<_>>(), ["connect"], "{report:?}");
    drop(server);
}

#[test]
fn an_unknown_component_is_refused_before_anything_is_sent() {
    let targets = Targets::from([("shop".to_owned(), SocketAddr::from(([127, 0, 0, 1], 9)))]);
    let error = Engine::start("s", &load(OK, ""), None, &targets, &Registry::new()).expect_err("no such component");
    assert!(
        matches!(&error, LoadError::UnknownComponent { component, known, .. } if component == "web" && known == "shop"),
        "{error}"
    );
}
