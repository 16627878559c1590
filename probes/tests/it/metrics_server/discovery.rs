//! What a server says that it has: of servers that keep types, that keep none, and that are none.

use super::servers::MetricsServer;
use crate::server::Server as WebServer;
use axum::Router;
use axum::extract::RawQuery;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use probes::metrics::catalogue::{Catalogue, Family, FamilyKind};
use probes::metrics::server::{ReadLimits, Server, ServerSettings, SourceError};
use scorer::signal::Selector;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const TYPES: &str = r#"{"status":"success","data":{
    "requests":[{"type":"counter","help":"Answered.","unit":""},{"type":"unknown","help":"","unit":""}],
    "speed":[{"type":"gauge","help":"","unit":"bytes"},{"type":"counter","help":"","unit":"bytes"}]}}"#;

/// Of two replicas of one server.
const SERIES: &str = r#"{"status":"success","data":[
    {"__name__":"requests_total","job":"a","replica":"1"},{"__name__":"requests_total","job":"a","replica":"2"},
    {"__name__":"requests_total","job":"b","replica":"1"},{"__name__":"speed","job":"a","replica":"1"}]}"#;

fn json(text: &str) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text.to_owned()).into_response()
}

/// A server whose two lists are answered like this, given the number of the try.
async fn listing(
    types: impl Fn(usize) -> Response + Clone + Send + Sync + 'static,
    series: impl Fn() -> Response + Clone + Send + Sync + 'static,
) -> WebServer {
    let tries = Arc::new(AtomicUsize::new(0));
    let types = move || {
        let answer = types(tries.fetch_add(1, Ordering::SeqCst));
        async move { answer }
    };
    let series = move || {
        let answer = series();
        async move { answer }
    };
    WebServer::start(Router::new().route("/api/v1/metadata", get(types)).route("/api/v1/series", get(series))).await
}

async fn catalogue(web: &WebServer, change: impl FnOnce(&mut ServerSettings)) -> Result<Catalogue, SourceError> {
    let mut settings = ServerSettings::of(web.url("/"));
    change(&mut settings);
    Server::new(settings, ReadLimits { body_bytes: 1 << 20, ..ReadLimits::default() }).catalogue(&[]).await
}

fn family<'a>(catalogue: &'a Catalogue, name: &str) -> &'a Family {
    catalogue.families.iter().find(|family| family.name == name).unwrap_or_else(|| panic!("no {name}: {catalogue:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn types_and_series_make_a_catalogue() {
    let web = listing(|_| json(TYPES), || json(SERIES)).await;
    let found = catalogue(&web, |settings| settings.replica_labels = vec!["replica".to_owned()]).await.unwrap();
    let requests = family(&found, "requests_total");
    assert_eq!((requests.kind, requests.help.as_str(), requests.count), (FamilyKind::Counter, "Answered.", 2));
    assert_eq!(requests.labels().into_iter().collect::<Vec<_>>(), ["job"], "replicas are one");
    let speed = family(&found, "speed");
    assert_eq!((speed.kind, speed.unit.as_str()), (FamilyKind::Unknown, "bytes"), "targets contradict each other");
    assert_eq!(family(&catalogue(&web, |_| ()).await.unwrap(), "requests_total").count, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_types_is_told_by_names_and_a_busy_one_is_asked_again() {
    for status in [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED, StatusCode::NOT_IMPLEMENTED] {
        let web = listing(move |_| status.into_response(), || json(SERIES)).await;
        assert_eq!(family(&catalogue(&web, |_| ()).await.unwrap(), "requests_total").kind, FamilyKind::Counter);
    }
    // One that hides them is no server without types: names alone would look like all that is known.
    let web = listing(|_| StatusCode::FORBIDDEN.into_response(), || json(SERIES)).await;
    assert!(matches!(catalogue(&web, |_| ()).await, Err(SourceError::Status { status: 403, .. })));
    let busy = |attempt| match attempt {
        0 => (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "0")]).into_response(),
        1 => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        _ => json(TYPES),
    };
    let found = catalogue(&listing(busy, || json(SERIES)).await, |_| ()).await.unwrap();
    assert_eq!(family(&found, "requests_total").help, "Answered.", "types of a busy server are not left out");
    let always = |_| (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "0")]).into_response();
    let error = catalogue(&listing(always, || json(SERIES)).await, |_| ()).await.unwrap_err();
    assert!(matches!(error, SourceError::Status { status: 429, .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_whole_or_no_server_is_an_error() {
    let error = catalogue(&WebServer::start(Router::new()).await, |_| ()).await.unwrap_err();
    assert!(matches!(error, SourceError::Status { status: 404, .. }), "{error}");
    let of =
        async |series: fn() -> Response| catalogue(&listing(|_| json(TYPES), series).await, |_| ()).await.unwrap_err();
    let error = of(|| json(r#"{"status":"success","warnings":["store a is away"],"data":[]}"#)).await;
    assert!(matches!(&error, SourceError::Partial { warnings, .. } if warnings == &["store a is away"]), "{error}");
    let error = of(|| json(r#"{"status":"success","isPartial":true,"data":[]}"#)).await;
    assert!(matches!(error, SourceError::Partial { .. }), "{error}");
    let error = of(|| ([(header::CONTENT_TYPE, "text/html")], "<html>log in</html>").into_response()).await;
    assert!(matches!(&error, SourceError::ContentType { found, .. } if found == "text/html"), "{error}");
    let error = of(|| (StatusCode::FOUND, [(header::LOCATION, "http://127.0.0.1:1/")]).into_response()).await;
    assert!(matches!(error, SourceError::Status { status: 302, .. }), "{error}");
    assert!(error.remedy().contains("that it refers to"), "{}", error.remedy());
    let error = of(|| json(&" ".repeat((1 << 20) + 1))).await;
    assert!(matches!(error, SourceError::TooLong { .. }), "{error}");
    // Types of a part would look whole, too.
    let web = listing(|_| json(r#"{"status":"success","isPartial":true,"data":{}}"#), || json(SERIES)).await;
    assert!(matches!(catalogue(&web, |_| ()).await, Err(SourceError::Partial { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_headers_and_selectors_go_along() {
    let handler = |headers: HeaderMap, RawQuery(query): RawQuery| async move {
        let given = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        // `me:p@ss`, RFC 7617.
        let known = ["Bearer s3cret", "Basic bWU6cEBzcw=="].contains(&given("authorization").as_str());
        let narrowed = query.unwrap_or_default().contains("match%5B%5D=up%7Bjob%3D%22a%22%7D&");
        match (known, given("x-scope-orgid").as_str(), narrowed) {
            (true, "staging", true) => json(SERIES),
            (true, _, true) => json(r#"{"status":"success","data":[]}"#),
            _ => StatusCode::UNAUTHORIZED.into_response(),
        }
    };
    let types = get(|| async { StatusCode::NOT_FOUND });
    let routes = Router::new().route("/base/api/v1/metadata", types).route("/base/api/v1/series", get(handler));
    let web = WebServer::start(routes).await;
    let selectors = [Selector::parse("up{job=\"a\"}").unwrap()];
    let ask = async |settings: ServerSettings| Server::new(settings, ReadLimits::default()).catalogue(&selectors).await;

    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("token"), "s3cret\n").unwrap();
    let mut settings = ServerSettings::of(web.url("/base/"));
    settings.auth.bearer_file = Some("token".into());
    settings.headers.insert("X-Scope-OrgID".to_owned(), "staging".to_owned());
    let settings = settings.within(dir.path());
    assert_eq!(ask(settings.clone()).await.unwrap().families.len(), 2);

    let mut typed = web.url("/base?token=s3cret");
    typed.set_username("me").unwrap();
    typed.set_password(Some("p@ss")).unwrap();
    assert_eq!(ask(ServerSettings::typed(typed.clone())).await.unwrap().families.len(), 0, "another tenant");

    typed.set_password(Some("s3cret")).unwrap();
    std::fs::write(dir.path().join("token"), "s3cret of before\n").unwrap();
    for settings in [settings, ServerSettings::typed(typed)] {
        let error = ask(settings).await.unwrap_err();
        assert!(matches!(error, SourceError::Status { status: 401, .. }), "{error}");
        assert!(!format!("{error} {error:?} {}", error.told()).contains("s3cret"), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn real_servers_say_what_they_scrape() {
    let page = get(|| async { "# HELP ticks_total Of a clock.\n# TYPE ticks_total counter\nticks_total 1\n" });
    let web = WebServer::start(Router::new().route("/metrics", page)).await;
    let job = format!("- job_name: ticker\n  static_configs: [{{targets: ['{}']}}]\n", web.address);
    for of in [MetricsServer::prometheus("1s", &job), MetricsServer::victoria("1s", &job)].iter().flatten() {
        let server = Server::new(ServerSettings::of(of.url.clone()), ReadLimits::default());
        let selectors = [Selector::parse("{job=\"ticker\"}").unwrap()];
        let deadline = Instant::now() + Duration::from_secs(60);
        let found = loop {
            let found = server.catalogue(&selectors).await.unwrap();
            if found.families.iter().any(|family| family.name == "ticks_total") {
                break found;
            }
            assert!(Instant::now() < deadline, "never scraped: {found:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        assert_eq!(family(&found, "ticks_total").kind, FamilyKind::Counter);
    }
}
