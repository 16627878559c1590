//! Everything that is not an answer: its status, its kind, and what would help. Never a yes.

use crate::served::{Got, LIMITS, check, got, serve, serve_within};
use crate::story::told;
use chrono::Utc;
use gate_api::facts::*;
use gate_api::http::Limits;
use gate_api::store::{Act, AuditCheck, Overview};
use gate_api::{GateStore, StoreError};
use reqwest::Method;
use serde_json::json;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn refused(got: &Got, status: u16, kind: &str) {
    assert_eq!(got.status, status, "{}", got.text);
    let body = got.json();
    assert_eq!(
        (&body["apiVersion"], &body["status"], &body["allow"]),
        (&json!("mettle/v1"), &json!("error"), &json!(false))
    );
    assert_eq!(body["error"]["kind"], kind, "{}", got.text);
    assert!(!body["error"]["message"].as_str().unwrap().is_empty());
    assert!(!body["error"]["hints"][0].as_str().unwrap().is_empty(), "no remedy: {}", got.text);
}

#[tokio::test]
async fn a_query_that_makes_no_sense_is_400() {
    let story = told(Utc::now());
    let gate = serve(story.store.clone()).await;
    let good = check("release", "v1.1.0");
    let long = "x".repeat(256);
    let cases = [
        "/v1/gates/release/check".to_owned(),
        "/v1/gates/release/check?product=shop&tag=v1.1.0".to_owned(),
        format!("{good}&landscpe=prod"),
        format!("{good}&tag=v1.1.1"),
        format!("{good}&as=json"),
        format!("{good}&as="),
        format!("{good}&wait=-1"),
        format!("{good}&wait=8m"),
        format!("{good}&wait=8"),
        format!("{good}&wait="),
        format!("{good}&cluster="),
        format!("{good}&commit={long}"),
        check("release", ""),
        check("release", &long),
        check("release", "v1%0A"),
    ];
    for path in cases {
        refused(&gate.get(&path).await, 400, "bad_request");
        let more = if path.contains('?') { '&' } else { '?' };
        refused(&gate.get(&format!("{path}{more}as=data")).await, 400, "bad_request");
    }
}

#[tokio::test]
async fn a_body_that_is_not_json_is_400_and_one_that_is_no_question_is_422() {
    let story = told(Utc::now());
    let gate = serve(story.store.clone()).await;
    let path = "/v1/gates/release/check";
    for broken in ["", "{", "product=shop", "{\"product\": \"shop\",}"] {
        refused(&gate.post(path, broken).await, 400, "bad_request");
    }
    let subject = json!({"tag": "v1.1.0"});
    let cases = [
        json!([]),
        json!({"product": "shop", "landscape": "staging"}),
        json!({"product": "shop", "subject": {"pr": 7, "headCommit": "9f3c"}, "landscape": "staging"}),
        json!({"product": 7, "subject": subject, "landscape": "staging"}),
        json!({"product": "shop", "subject": subject, "landscape": "staging", "extra": 1}),
        json!({"product": "shop", "subject": subject, "landscape": "staging", "wave": -1}),
        json!({"product": "", "subject": subject, "landscape": "staging"}),
        json!({"product": "shop", "subject": {"tag": "x".repeat(256)}, "landscape": "staging"}),
        json!({"product": "shop", "subject": subject, "landscape": "staging", "toggles": {"": "on"}}),
    ];
    for case in cases {
        refused(&gate.post(path, &case.to_string()).await, 422, "unprocessable");
        refused(&gate.post(&format!("{path}?as=data"), &case.to_string()).await, 422, "unprocessable");
    }
    let good = json!({"product": "shop", "subject": subject, "landscape": "staging"}).to_string();
    let plain = gate.request(Method::POST, path).body(good.clone());
    refused(&got(plain).await, 400, "bad_request");
    refused(&gate.post(path, &format!("{}{good}", " ".repeat(65 << 10))).await, 400, "bad_request");
    refused(&gate.post(&format!("{path}?wait=soon"), &good).await, 400, "bad_request");
}

#[tokio::test]
async fn what_is_not_known_is_404_with_what_would_make_it_known() {
    let story = told(Utc::now());
    let gate = serve(story.store.clone()).await;
    let at =
        |product, tag, landscape| format!("/v1/gates/release/check?product={product}&tag={tag}&landscape={landscape}");
    let cases = [
        (check("canary", "v1.1.0"), "release"),
        (check("nonsense", "v1.1.0"), "release"),
        (at("bakery", "v1.1.0", "staging"), "mettle up"),
        (at("shop", "v1.1.0", "production"), "mettle up"),
        (at("shop", "v9.9.9", "staging"), "push the tag"),
        ("/v1/gates/release".to_owned(), "/openapi.json"),
    ];
    for (path, hint) in cases {
        let got = gate.get(&path).await;
        refused(&got, 404, "not_found");
        assert!(got.text.contains(hint), "{path}: {}", got.text);
    }
    let unknown = json!({"product": "shop", "subject": {"tag": "v9.9.9"}, "landscape": "staging"}).to_string();
    refused(&gate.post("/v1/gates/release/check", &unknown).await, 404, "not_found");
    refused(&got(gate.request(Method::DELETE, "/v1/gates/release/check")).await, 405, "method_not_allowed");
}

/// This release issues no tokens, so that one that is presented was issued by nobody.
#[tokio::test]
async fn a_token_that_nobody_issued_is_401_everywhere_but_at_health() {
    let story = told(Utc::now());
    let gate = serve(story.store.clone()).await;
    let paths =
        [check("release", "v1.1.0"), check("release", "v9.9.9"), "/".into(), "/metrics".into(), "/nowhere".into()];
    for path in paths {
        for token in ["Bearer abc", "Basic YTpi", "nonsense"] {
            let got = got(gate.request(Method::GET, &path).header("authorization", token)).await;
            refused(&got, 401, "unauthenticated");
            assert_eq!(got.header("www-authenticate"), "Bearer", "{path}");
        }
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(
            got(gate.request(Method::GET, path).header("authorization", "Bearer abc")).await.status,
            200,
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_read_is_503_and_not_ready_and_still_alive() {
    let gate = serve(Arc::new(Sick::at_once())).await;
    let list = [
        check("release", "v1.1.0"),
        format!("{}&as=data", check("release", "v1.1.0")),
        "/readyz".into(),
        "/metrics".into(),
    ];
    for path in list {
        refused(&gate.get(&path).await, 503, "unwell");
    }
    let page = gate.get("/").await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (503, "text/html; charset=utf-8"));
    assert_eq!(gate.get("/healthz").await.status, 200);
}

/// The look is still under way when the answer goes out: the test ends it afterwards.
#[tokio::test]
async fn a_store_that_hangs_is_503_within_the_limit() {
    let (release, held) = channel::<()>();
    let gate = serve_within(Arc::new(Sick::after(held)), Limits { answer: Duration::from_millis(60), ..LIMITS }).await;
    refused(&gate.get(&check("release", "v1.1.0")).await, 503, "unwell");
    refused(&gate.get(&format!("{}&wait=8s", check("release", "v1.1.0"))).await, 503, "unwell");
    assert_eq!(gate.get("/healthz").await.status, 200, "a hanging store does not hold the runtime");
    drop(release);
}

/// A store that nobody can read.
struct Sick {
    held: Option<Mutex<Receiver<()>>>,
}

impl Sick {
    fn at_once() -> Self {
        Sick { held: None }
    }

    /// Reads block until the other end is dropped.
    fn after(held: Receiver<()>) -> Self {
        Sick { held: Some(Mutex::new(held)) }
    }

    fn fail<T>(&self) -> Result<T, StoreError> {
        if let Some(held) = &self.held {
            let _ = held.lock().unwrap().recv();
        }
        Err(StoreError::Full { what: "read facts", source: rusqlite::Error::QueryReturnedNoRows })
    }
}

impl GateStore for Sick {
    fn put_landscape(&self, _: &LandscapeFact, _: Act<'_>) -> Result<(), StoreError> {
        self.fail()
    }

    fn put_tag(&self, _: &TagFact, _: Act<'_>) -> Result<(), StoreError> {
        self.fail()
    }

    fn put_soak(&self, _: &SoakFact, _: Act<'_>) -> Result<(), StoreError> {
        self.fail()
    }

    fn put_schedule(&self, _: &ScheduleFact, _: Act<'_>) -> Result<(), StoreError> {
        self.fail()
    }

    fn put_verdict(&self, _: &VerdictRecord, _: Act<'_>) -> Result<(), StoreError> {
        self.fail()
    }

    fn put_heartbeat(&self, _: &str, _: &str, _: Act<'_>) -> Result<(), StoreError> {
        self.fail()
    }

    fn facts(&self, _: &str, _: &str, _: &str) -> Result<Facts, StoreError> {
        self.fail()
    }

    fn put_page(&self, _: &PageData) -> Result<(), StoreError> {
        self.fail()
    }

    fn page(&self, _: &str) -> Result<Option<PageData>, StoreError> {
        self.fail()
    }

    fn overview(&self, _: usize) -> Result<Overview, StoreError> {
        self.fail()
    }

    fn tag(&self, _: &str, _: &str) -> Result<Vec<Facts>, StoreError> {
        self.fail()
    }

    fn check_audit(&self) -> Result<AuditCheck, StoreError> {
        self.fail()
    }
}
