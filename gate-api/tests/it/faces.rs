//! The strict face, whose status is the answer, and the data face, whose body is.

use crate::served::{check, got, serve};
use crate::story::{RUNNING, commit, told};
use chrono::Utc;
use gate_api::store::Act;
use gate_api::{GateStore, SqliteStore};
use reqwest::Method;
use scorer::verdict::Verdict;
use serde_json::{Value, json};
use std::sync::Arc;

/// Every field of the contract, in its order.
const FIELDS: [&str; 28] = [
    "apiVersion",
    "id",
    "gate",
    "product",
    "subject",
    "landscape",
    "cluster",
    "wave",
    "status",
    "allow",
    "verdict",
    "basis",
    "provisional",
    "score",
    "scoreLow",
    "scoreHigh",
    "scoreText",
    "outcome",
    "summary",
    "reasons",
    "progress",
    "missing",
    "evidence",
    "policyDigest",
    "evaluatedAt",
    "validUntil",
    "retryAfterSeconds",
    "override",
];

/// The story's tags: HTTP status of the strict face, status, verdict.
const ANSWERS: [(&str, u16, &str, &str); 7] = [
    ("v1.0.0", 200, "allow", "pass"),
    ("v1.1.0", 200, "allow", "pass"),
    ("v1.1.1", 403, "deny", "fail"),
    ("v1.2.0", 403, "deny", "insufficient"),
    ("v1.3.0", 403, "deny", "fail"),
    (RUNNING, 425, "wait", "none"),
    ("v1.2.2", 403, "deny", "none"),
];

#[tokio::test]
async fn the_status_of_the_strict_face_is_the_answer_and_the_data_face_says_the_same() {
    let story = told(Utc::now());
    let gate = serve(story.store.clone()).await;
    for (tag, http, status, verdict) in ANSWERS {
        let strict = gate.get(&check("release", tag)).await;
        assert_eq!(strict.status, http, "{tag}: {}", strict.text);
        let data = gate.get(&format!("{}&as=data", check("release", tag))).await;
        assert_eq!(data.status, 200, "{tag}");
        let mut bodies = [strict.json(), data.json()];
        // An answer without a verdict is as of now, and now is later the second time; so is when to ask again.
        for body in &mut bodies {
            body["evaluatedAt"] = Value::Null;
            body["retryAfterSeconds"] = Value::Null;
        }
        assert_eq!(bodies[0], bodies[1], "{tag}");
        assert_eq!(
            (bodies[0]["status"].as_str(), bodies[0]["verdict"].as_str()),
            (Some(status), Some(verdict)),
            "{tag}"
        );
        assert_eq!(bodies[0]["allow"], json!(http == 200), "{tag}");
        assert_eq!(strict.header("retry-after").is_empty(), http != 425, "{tag}");
        assert_eq!(strict.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn no_field_is_ever_missing_and_no_number_is_odd() {
    let story = told(Utc::now());
    let gate = serve(story.store.clone()).await;
    for gate_name in ["release", "stage"] {
        for (tag, ..) in ANSWERS {
            let body = gate.get(&format!("{}&as=data", check(gate_name, tag))).await.json();
            let fields = body.as_object().unwrap();
            for name in FIELDS.into_iter().chain(["supersedes", "explainUrl"]) {
                assert!(fields.contains_key(name), "{gate_name} {tag}: {name} is missing");
            }
            assert_eq!(fields.len(), FIELDS.len() + 2, "{gate_name} {tag}");
            assert!(body["status"].is_string() && body["evaluatedAt"].is_string(), "{gate_name} {tag}");
            let waits = body["status"] == "wait";
            assert_eq!(body["retryAfterSeconds"].as_u64().unwrap() > 0, waits, "{gate_name} {tag}");
            assert_eq!(body["validUntil"].is_string(), body["status"] == "allow", "{gate_name} {tag}");
        }
    }
}

#[tokio::test]
async fn the_body_of_a_pass_is_that_of_the_contract() {
    let story = told(Utc::now());
    let gate = serve(story.store.clone()).await;
    let body = gate.get(&check("release", "v1.1.0")).await.json();
    assert_eq!(body["scoreText"], "96 (90..99) of 100, needs 85");
    assert_eq!((&body["score"], &body["scoreLow"], &body["scoreHigh"]), (&json!(96.4), &json!(90.9), &json!(99.0)));
    assert_eq!(body["subject"], json!({"tag": "v1.1.0", "commit": commit("v1.1.0")}));
    assert_eq!((&body["outcome"], &body["basis"]), (&json!("done"), &json!("baseline")));
    assert_eq!(body["explainUrl"], "/products/shop/tags/v1.1.0?landscape=staging");
    assert_eq!(body["reasons"][0]["code"], "score_met");
    let first = gate.get(&check("release", "v1.0.0")).await.json();
    assert_eq!(
        (&first["basis"], &first["score"], &first["scoreText"]),
        (&json!("objectives"), &Value::Null, &json!("no score"))
    );
}

#[tokio::test]
async fn a_running_soak_says_how_far_it_is() {
    let story = told(Utc::now());
    let gate = serve(story.store.clone()).await;
    let got = gate.get(&check("release", RUNNING)).await;
    let body = got.json();
    assert_eq!(body["progress"], "55 % of the evidence");
    assert_eq!(body["missing"], json!(["27 of 60 samples"]));
    assert_eq!(got.header("retry-after"), body["retryAfterSeconds"].to_string());
}

#[tokio::test]
async fn a_question_by_body_is_the_question_by_query() {
    let story = told(Utc::now());
    let gate = serve(story.store.clone()).await;
    let body = json!({"product": "shop", "subject": {"tag": "v1.1.0"}, "landscape": "staging", "requester": "ci",
        "dryRun": true, "wave": 3, "cluster": "a"});
    let posted = gate.post("/v1/gates/release/check", &body.to_string()).await;
    assert_eq!(posted.status, 200, "{}", posted.text);
    assert_eq!((&posted.json()["wave"], &posted.json()["cluster"]), (&json!(3), &json!("a")));
    let plain = json!({"product": "shop", "subject": {"tag": "v1.1.0"}, "landscape": "staging"});
    let posted = gate.post("/v1/gates/release/check?as=data", &plain.to_string()).await.json();
    assert_eq!(posted, gate.get(&check("release", "v1.1.0")).await.json());
}

#[tokio::test]
async fn the_same_question_has_the_same_id_and_another_one_has_another() {
    let story = told(Utc::now());
    let gate = serve(story.store.clone()).await;
    let id = async |path: String| gate.get(&path).await.json()["id"].as_str().unwrap().to_owned();
    let plain = check("release", "v1.1.0");
    let first = id(plain.clone()).await;
    assert_eq!(first, id(plain.clone()).await);
    assert_eq!(first, id(format!("{plain}&commit={}", commit("v1.1.0"))).await);
    for other in [check("stage", "v1.1.0"), check("release", "v1.0.0"), format!("{plain}&cluster=a")] {
        assert_ne!(first, id(other.clone()).await, "{other}");
    }
}

#[tokio::test]
async fn another_commit_is_a_moved_tag_and_a_changed_policy_expires() {
    let story = told(Utc::now());
    let gate = serve(story.store.clone()).await;
    let moved = gate.get(&format!("{}&commit=0123", check("release", "v1.1.0"))).await;
    assert_eq!((moved.status.as_u16(), &moved.json()["reasons"][0]["code"]), (403, &json!("tag_moved")));
    let mut place = crate::given::landscape();
    place.policy.digest = "sha256:another".into();
    story.store.put_landscape(&place, Act { by: "test", at: Utc::now() }).unwrap();
    let expired = gate.get(&check("release", "v1.1.0")).await;
    assert_eq!(expired.status, 403);
    assert_eq!(expired.json()["status"], "expired");
    assert_eq!(expired.json()["allow"], false);
}

#[tokio::test]
async fn an_allow_ends_with_its_time() {
    let long_ago = Utc::now() - chrono::TimeDelta::days(8);
    let story = told(long_ago);
    let gate = serve(story.store.clone()).await;
    let got = gate.get(&check("release", "v1.1.0")).await;
    assert_eq!((got.status.as_u16(), &got.json()["status"]), (403, &json!("expired")));
    assert_eq!(got.json()["reasons"][0]["code"], "verdict_expired");
}

/// A long poll that nobody decides lasts its time; one that is decided answers at once.
#[tokio::test]
async fn a_long_poll_answers_when_it_is_decided() {
    let story = told(Utc::now());
    let gate = serve(story.store.clone()).await;
    let poll = gate.request(Method::GET, &format!("{}&wait=8s", check("release", RUNNING)));
    let began = std::time::Instant::now();
    let polled = tokio::spawn(got(poll));
    fail(&story.store);
    let answer = polled.await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.json()["status"]), (403, &json!("deny")));
    assert!(began.elapsed() < std::time::Duration::from_secs(8), "it waited to its end");
    let waiting = gate.get(&format!("{}&wait=1s", check("stage", "v1.1.0"))).await;
    assert_eq!(waiting.status, 425, "{}", waiting.text);
}

#[tokio::test]
async fn a_gate_that_ends_answers_its_long_polls() {
    let story = told(Utc::now());
    let gate = serve(story.store.clone()).await;
    let polled = tokio::spawn(got(gate.request(Method::GET, &format!("{}&wait=8s", check("release", RUNNING)))));
    let began = std::time::Instant::now();
    gate.stop.cancel();
    let answer = polled.await.unwrap();
    assert_eq!(answer.status, 425);
    assert!(began.elapsed() < std::time::Duration::from_secs(8), "the poll held the gate");
}

/// The soak under way ends with a fail.
fn fail(store: &Arc<SqliteStore>) {
    let mut record = crate::given::verdict("soak-running", 0, Verdict::Fail);
    (record.tag, record.commit) = (RUNNING.into(), commit(RUNNING));
    record.evaluated_at = Utc::now();
    store.put_verdict(&record, Act { by: "test", at: Utc::now() }).unwrap();
}
