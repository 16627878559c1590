use crate::server::{Server, eventually};
use axum::http::StatusCode;
use axum::routing::{delete, get};
use axum::{Json, Router};
use probes::business::{BusinessConfig, compile, run};
use probes::clock::RunClock;
use probes::metrics::Registry;
use probes::suite::BusinessSuite;
use scorer::evidence::{CheckResult, Outcome};
use scorer::signal::Labels;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

fn suite(steps: Value, cleanup: Value) -> BusinessSuite {
    serde_json::from_value(json!({
        "apiVersion": "mettle/v1", "kind": "Suite", "class": "business", "name": "s", "every": "100ms",
        "journeys": [{"name": "j", "steps": steps, "cleanup": cleanup}],
    }))
    .unwrap()
}

fn step(path: &str, asserts: Value) -> Value {
    json!({"name": "n", "request": {"component": "shop", "path": path}, "asserts": asserts, "timeLimit": "300ms"})
}

struct Shop {
    server: Server,
    deleted: Arc<AtomicU64>,
    hanging: Arc<AtomicU64>,
}

async fn shop() -> Shop {
    let deleted = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&deleted);
    let hanging = Arc::new(AtomicU64::new(0));
    let hangs = Arc::clone(&hanging);
    let router = Router::new()
        .route("/item", get(async || Json(json!({"id": 7, "tags": ["a", "b"]}))).post(async |body: Json<Value>| body))
        .route("/late", get(async || tokio::time::sleep(Duration::from_millis(400)).await))
        .route(
            "/never",
            get(async move || {
                hangs.fetch_add(1, Ordering::Relaxed);
                std::future::pending::<()>().await
            }),
        )
        .route(
            "/item/7",
            delete(async move || {
                count.fetch_add(1, Ordering::Relaxed);
                StatusCode::NO_CONTENT
            }),
        );
    Shop { server: Server::start(router).await, deleted, hanging }
}

fn config(suite: &BusinessSuite, base: &str) -> (BusinessConfig, mpsc::Receiver<CheckResult>) {
    let (results, receiver) = mpsc::channel(256);
    let config = BusinessConfig {
        suite: Arc::new(compile(suite).unwrap()),
        bases: BTreeMap::from([("shop".to_owned(), base.parse().unwrap())]),
        clock: RunClock::start_now(),
        registry: Registry::new(),
        results,
    };
    (config, receiver)
}

async fn first(suite: &BusinessSuite, base: &str) -> CheckResult {
    let (config, mut results) = config(suite, base);
    let (registry, stop) = (config.registry.clone(), CancellationToken::new());
    let task = tokio::spawn(run(config, stop.clone()));
    let result = tokio::time::timeout(Duration::from_secs(20), results.recv()).await.unwrap().unwrap();
    stop.cancel();
    task.await.unwrap().unwrap();
    assert!(registry.render(&Labels::new()).contains("mettle_journey_runs_total{"));
    result
}

#[tokio::test]
async fn journeys_end_ok_wrong_slow_or_unreachable() {
    let shop = shop().await;
    let base = shop.server.url("/").to_string();
    let mut take = step(
        "/item",
        json!([
            "status == 200",
            "jsonpath \"$.tags\" count == 2",
            "jsonpath \"$.id\" isInteger",
            "header \"content-type\" contains \"json\"",
            "header \"x\" not exists",
            "body matches \"id.*7\"",
            "regex \"id\\\":(\\d+)\" == \"7\"",
            "duration < 60000"
        ]),
    );
    take["captures"] = json!({"id": "jsonpath \"$.id\""});
    let mut echo = step("/item", json!(["jsonpath \"$.id\" == {{id}}", "jsonpath \"$.u\" matches /^[0-9a-f-]{36}$/"]));
    echo["request"]["method"] = "POST".into();
    echo["request"]["json"] = json!({"id": "{{id}}", "u": "{{uuid}}"});
    take["timeLimit"] = "10s".into();
    echo["timeLimit"] = "10s".into();
    let ok = first(&suite(json!([take, echo]), json!([])), &base).await;
    assert_eq!((ok.outcome, ok.detail), (Outcome::Ok, None));
    let wrong = first(&suite(json!([step("/item", json!(["jsonpath \"$.id\" == 8"]))]), json!([])), &base).await;
    assert_eq!(wrong.outcome, Outcome::Wrong);
    assert_eq!(wrong.detail.unwrap(), "step `n`: `jsonpath \"$.id\" == 8` does not hold: observed 7");
    let slow = first(&suite(json!([step("/late", json!(["status == 200"]))]), json!([])), &base).await;
    assert_eq!(slow.outcome, Outcome::Slow, "{slow:?}");
    let never = first(&suite(json!([step("/never", json!([]))]), json!([])), &base).await;
    assert_eq!(never.outcome, Outcome::Unreachable, "{never:?}");
    let gone = first(&suite(json!([step("/item", json!([]))]), json!([])), "http://127.0.0.1:1/").await;
    assert_eq!(gone.outcome, Outcome::Unreachable, "{gone:?}");
}

#[tokio::test]
async fn a_stopped_journey_is_cleaned_up_and_says_not_run() {
    let shop = shop().await;
    let mut take = step("/item", json!([]));
    take["captures"] = json!({"id": "jsonpath \"$.id\""});
    let mut wipe = step("/item/{{id}}", json!(["status == 204"]));
    wipe["request"]["method"] = "DELETE".into();
    let mut never = step("/never", json!([]));
    never["timeLimit"] = "20s".into();
    let mut document = suite(json!([take, never]), json!([wipe]));
    document.every = "1h".parse().unwrap();
    let (config, mut results) = config(&document, shop.server.url("/").as_str());
    let stop = CancellationToken::new();
    let task = tokio::spawn(run(config, stop.clone()));
    // The only run hangs in its second step: nothing can be deleted before the stop.
    eventually("the hanging step", || (shop.hanging.load(Ordering::Relaxed) == 1).then_some(())).await;
    assert_eq!(shop.deleted.load(Ordering::Relaxed), 0);
    stop.cancel();
    task.await.unwrap().unwrap();
    assert_eq!(shop.deleted.load(Ordering::Relaxed), 1);
    let result = eventually("the result", || results.try_recv().ok()).await;
    assert_eq!((result.outcome, result.detail.as_deref()), (Outcome::NotRun, Some("stopped before its end")));
}

#[test]
fn all_problems_are_told_at_once() {
    let mut bad = step("item/{{nope}}", json!(["status = 200", "jsonpath \"$[\" exists"]));
    bad["request"]["component"] = "shpo".into();
    let keys: Vec<String> =
        suite(json!([bad]), json!([])).problems(&["shop".to_owned()]).into_iter().map(|p| p.key).collect();
    let at = |key: &str| format!("journeys[0].steps[0].{key}");
    assert_eq!(
        keys,
        [at("request.path"), at("request.path"), at("asserts[0]"), at("asserts[1]"), at("request.component")]
    );
}

#[tokio::test]
async fn a_full_channel_stops_new_runs_and_counters_begin_at_zero() {
    let served = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&served);
    let item = async move || {
        count.fetch_add(1, Ordering::Relaxed);
    };
    let server = Server::start(Router::new().route("/item", get(item))).await;
    let mut document = suite(json!([step("/item", json!([]))]), json!([]));
    document.every = "1ms".parse().unwrap();
    let (mut config, _unused) = config(&document, server.url("/").as_str());
    let (results, mut receiver) = mpsc::channel(1);
    config.results = results;
    let (registry, stop) = (config.registry.clone(), CancellationToken::new());
    let mut running = Box::pin(run(config, stop.clone()));
    assert!(futures_util::poll!(&mut running).is_pending());
    // Nothing ran yet: no other task of this runtime had a turn.
    for line in [
        "mettle_journey_ok_total{journey=\"j\",suite=\"s\"} 0\n",
        "mettle_journey_runs_total{journey=\"j\",outcome=\"ok\",suite=\"s\"} 0\n",
        "mettle_journey_runs_total{journey=\"j\",outcome=\"unreachable\",suite=\"s\"} 0\n",
        "mettle_journey_seconds_bucket{journey=\"j\",le=\"1\",suite=\"s\"} 0\n",
    ] {
        assert!(registry.render(&Labels::new()).contains(line), "{line} in {}", registry.render(&Labels::new()));
    }
    let of = |outcome| {
        registry.counter("mettle_journey_runs_total", &[("suite", "s"), ("journey", "j"), ("outcome", outcome)]).value()
    };
    let all = || ["ok", "wrong", "slow", "unreachable", "notRun"].map(of).iter().sum::<f64>();
    let running = tokio::spawn(running);
    // 32 runs hold their room, one result stands in the channel, one `notRun` waits: then the schedule holds.
    eventually("a full room", || (of("notRun") >= 1.0).then_some(())).await;
    let before = all();
    for _ in 0..40 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(all() - before <= 33.0 && all() <= 66.0, "{before} and then {}", all());
    assert!(served.load(Ordering::Relaxed) <= 66);
    stop.cancel();
    let mut taken = 0;
    while receiver.recv().await.is_some() {
        taken += 1;
    }
    running.await.unwrap().unwrap();
    assert_eq!(f64::from(taken), all(), "every run has its result");
}
