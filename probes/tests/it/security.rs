use crate::server::Server;
use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use probes::clock::RunClock;
use probes::security::{ScanContext, SecurityReport, scan};
use probes::suite::SecuritySuite;
use scorer::evidence::Outcome;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio_util::sync::CancellationToken;

fn suite() -> SecuritySuite {
    serde_json::from_value(json!({
        "apiVersion": "mettle/v1", "kind": "Suite", "class": "security", "name": "sec",
        "roles": ["user", "admin"], "tokens": {"user": {"value": "u"}, "admin": {"env": "ADMIN"}},
        "expiredToken": {"value": "old"},
        "endpoints": [{"component": "shop", "method": "GET", "path": "/admin", "auth": "bearer", "role": "admin"}],
    }))
    .unwrap()
}

async fn scanned(server: &Server) -> SecurityReport {
    scanned_at(server.url("/")).await
}

async fn scanned_at(base: url::Url) -> SecurityReport {
    let bases = BTreeMap::from([("shop".to_owned(), base)]);
    let admin = |name: &str| (name == "ADMIN").then(|| "a".to_owned());
    let context = ScanContext::try_new(suite(), bases, RunClock::start_now(), CancellationToken::new(), admin).unwrap();
    scan(&context).await
}

fn leaky() -> Router {
    Router::new()
        .route("/metrics", get(async || "# TYPE a counter\na{b=\"c\"} 1\n"))
        .route("/debug/pprof/", get(async || "<a>goroutine</a>"))
        .route("/.git/HEAD", get(async || "ref: refs/heads/main\n"))
        .route("/.env", get(async || "SECRET=hunter2\n"))
        .route("/", get(async || (StatusCode::INTERNAL_SERVER_ERROR, "Traceback (most recent call last)\n  x")))
        .route(
            "/admin",
            get(async |headers: HeaderMap| {
                // The planted hole: a lower role gets in.
                match headers.get("authorization").and_then(|value| value.to_str().ok()) {
                    Some("Bearer a" | "Bearer u") => StatusCode::OK,
                    _ => StatusCode::UNAUTHORIZED,
                }
            }),
        )
}

#[tokio::test]
async fn findings_are_the_same_on_another_port_and_hold_no_secret() {
    let (first, second) = (Server::start(leaky()).await, Server::start(leaky()).await);
    assert_ne!(first.address, second.address);
    let (a, b) = (scanned(&first).await, scanned(&second).await);
    assert_eq!(a.findings, b.findings);
    let mut checks: Vec<&str> = a.findings.iter().map(|found| found.check.as_str()).collect();
    checks.sort_unstable();
    let wanted =
        ["auth.matrix", "exposure.debug", "exposure.env", "exposure.git", "exposure.metrics", "exposure.stack_trace"];
    assert_eq!(checks, wanted);
    assert!(!format!("{a:?}").contains("hunter2"));
    let hole = a.findings.iter().find(|found| found.check == "auth.matrix").unwrap();
    assert_eq!(hole.title, "shop lets role user call GET /admin");
    assert!(a.findings.iter().all(|found| found.fingerprint.len() == 64));
}

#[tokio::test]
async fn a_tight_product_is_ok_and_a_start_page_for_everything_is_no_finding() {
    let refuse = async |headers: HeaderMap| match headers.get("authorization") {
        Some(token) if token == "Bearer a" => StatusCode::OK,
        _ => StatusCode::FORBIDDEN,
    };
    let page = async || "<html>\n<body>welcome = home</body></html>\n";
    let server = Server::start(Router::new().route("/admin", get(refuse)).fallback(page)).await;
    let report = scanned(&server).await;
    assert_eq!(report.findings, []);
    assert_eq!(report.checks.len(), 6);
    assert!(report.checks.iter().all(|check| check.outcome == Outcome::Ok), "{:?}", report.checks);
}

#[tokio::test]
async fn what_could_not_be_looked_at_never_counts_as_passed() {
    let router = Router::new().fallback(async || StatusCode::SERVICE_UNAVAILABLE);
    let busy = scanned(&Server::start(router).await).await;
    let undecided = busy.checks.iter().filter(|check| check.outcome == Outcome::NotRun).count();
    assert_eq!(undecided, 6, "{:?}", busy.checks);
    let report = scanned_at("http://127.0.0.1:1/".parse().unwrap()).await;
    assert!(report.checks.iter().all(|check| check.outcome == Outcome::Unreachable), "{:?}", report.checks);
}

/// A product that serves `/admin` by `admin`, scanned with `endpoint` declared.
async fn matrix(
    router: Router,
    endpoint: serde_json::Value,
    tokens: serde_json::Value,
) -> scorer::evidence::CheckResult {
    let server = Server::start(router).await;
    let mut suite = suite();
    suite.checks = vec!["auth.matrix".to_owned()];
    suite.endpoints = vec![serde_json::from_value(endpoint).unwrap()];
    suite.tokens = serde_json::from_value(tokens).unwrap();
    let bases = BTreeMap::from([("shop".to_owned(), server.url("/"))]);
    let context =
        ScanContext::try_new(suite, bases, RunClock::start_now(), CancellationToken::new(), |_| None).unwrap();
    scan(&context).await.checks.remove(0)
}

#[tokio::test]
async fn a_changing_method_goes_out_only_with_permission() {
    let changed = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&changed);
    let router = Router::new().fallback(async move || {
        count.fetch_add(1, Ordering::Relaxed);
    });
    let mut endpoint =
        json!({"component": "shop", "method": "DELETE", "path": "/admin", "auth": "bearer", "role": "admin"});
    let tokens = json!({"user": {"value": "u"}, "admin": {"value": "a"}});
    let asked = matrix(router.clone(), endpoint.clone(), tokens.clone()).await;
    assert_eq!((asked.outcome, changed.load(Ordering::Relaxed)), (Outcome::NotRun, 0));
    assert!(asked.detail.unwrap().contains("DELETE /admin was not sent"));
    endpoint["probe"] = "unsafe-ok".into();
    let asked = matrix(router, endpoint, tokens).await;
    // Anonymous, garbage, expired and the lower role; never the right one.
    assert_eq!((asked.outcome, changed.load(Ordering::Relaxed)), (Outcome::Wrong, 4));
    let detail = asked.detail.unwrap();
    assert!(
        detail.contains("lets anonymous call")
            && detail.contains("undecided: DELETE /admin was not sent as the right role"),
        "{detail}"
    );
}

#[tokio::test]
async fn a_door_shut_to_everybody_is_never_ok() {
    let shut = || Router::new().fallback(async || StatusCode::FORBIDDEN);
    let endpoint = json!({"component": "shop", "method": "GET", "path": "/admin", "auth": "bearer", "role": "admin"});
    let mut nobody = endpoint.clone();
    nobody.as_object_mut().unwrap().remove("role");
    let all = json!({"user": {"value": "u"}, "admin": {"value": "a"}});
    let few = json!({"user": {"value": "u"}});
    for (endpoint, tokens, why) in [
        (&endpoint, &all, "refuses the right role `admin` too"),
        (&endpoint, &few, "right role `admin` of GET /admin has no token"),
        (&nobody, &few, "right role `admin` of GET /admin has no token"),
    ] {
        let asked = matrix(shut(), endpoint.clone(), tokens.clone()).await;
        assert_eq!(asked.outcome, Outcome::NotRun, "{asked:?}");
        assert!(asked.detail.as_ref().unwrap().contains(why), "{asked:?}");
    }
}

#[tokio::test]
async fn a_trace_keeps_its_values_to_itself() {
    let body = "panicked at db password=hunter2\n\tat main: key hunter2";
    let router = Router::new().fallback(async move || (StatusCode::BAD_REQUEST, body));
    let report = scanned(&Server::start(router).await).await;
    let trace = report.findings.iter().find(|found| found.check == "exposure.stack_trace").unwrap();
    assert!(!format!("{report:?}").contains("hunter2"), "{trace:?}");
    let check = report.checks.iter().find(|check| check.check == "auth.matrix/shop").unwrap();
    assert_eq!(check.outcome, Outcome::NotRun, "{check:?}");
}
