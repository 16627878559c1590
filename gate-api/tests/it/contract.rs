//! The OpenAPI document: generated, kept in the repository, and true of every answer.

use crate::served::{check, got, serve};
use crate::story::{RUNNING, told};
use chrono::Utc;
use gate_api::GateStore;
use gate_api::store::Act;
use jsonschema::Validator;
use reqwest::Method;
use serde_json::{Value, json};
use std::path::Path;

fn document() -> Value {
    serde_json::to_value(gate_api::http::document()).unwrap()
}

/// Rewrite with `UPDATE=1 cargo test -p gate-api`.
#[test]
fn the_document_in_the_repository_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/api/openapi.json");
    let now = serde_json::to_string_pretty(&document()).unwrap() + "\n";
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &now).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == now, "docs/api/openapi.json is not current: UPDATE=1 cargo test -p gate-api");
}

/// Schema that the document declares for an answer of that status.
fn schema(document: &Value, (method, status): (&str, u16)) -> Validator {
    let declared = &document["paths"]["/v1/gates/{gate}/check"][method]["responses"][status.to_string()];
    let schema = &declared["content"]["application/json"]["schema"];
    assert!(schema.is_object(), "{method} {status} is not declared");
    let whole = json!({"allOf": [schema], "components": document["components"]});
    jsonschema::validator_for(&whole).unwrap()
}

fn holds(document: &Value, (method, status): (&str, u16), body: &Value) {
    let errors: Vec<String> =
        schema(document, (method, status)).iter_errors(body).map(|e| format!("{e} at {}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{method} {status}: {errors:?}\n{body}");
}

#[tokio::test]
async fn an_answer_of_every_status_is_what_the_document_says() {
    let story = told(Utc::now());
    let gate = serve(story.store.clone()).await;
    let document = document();
    for (tag, status) in [
        ("v1.1.0", 200),
        ("v1.0.0", 200),
        ("v1.1.1", 403),
        ("v1.2.0", 403),
        ("v1.3.0", 403),
        (RUNNING, 425),
        ("v9.9.9", 404),
    ] {
        let answer = gate.get(&check("release", tag)).await;
        assert_eq!(answer.status, status, "{tag}");
        holds(&document, ("get", status), &answer.json());
        let body = json!({"product": "shop", "subject": {"tag": tag}, "landscape": "staging"}).to_string();
        let answer = gate.post("/v1/gates/release/check", &body).await;
        holds(&document, ("post", status), &answer.json());
    }
    let bad = gate.get("/v1/gates/release/check").await;
    holds(&document, ("get", 400), &bad.json());
    let token = got(gate.request(Method::GET, &check("release", "v1.1.0")).header("authorization", "Bearer x")).await;
    assert_eq!(token.status, 401);
    holds(&document, ("get", 401), &token.json());
    holds(&document, ("post", 422), &gate.post("/v1/gates/release/check", "{}").await.json());
    let mut place = crate::given::landscape();
    place.policy.digest = "sha256:another".into();
    story.store.put_landscape(&place, Act { by: "test", at: Utc::now() }).unwrap();
    let expired = gate.get(&check("release", "v1.1.0")).await.json();
    assert_eq!(expired["status"], "expired");
    holds(&document, ("get", 403), &expired);
}

/// The schema itself can fail: a body without a field is none.
#[test]
fn the_schema_of_an_answer_requires_every_field() {
    let document = document();
    let required = document["components"]["schemas"]["AnswerBody"]["required"].as_array().unwrap();
    let properties = document["components"]["schemas"]["AnswerBody"]["properties"].as_object().unwrap();
    assert_eq!(required.len(), properties.len(), "every field is required");
    assert_eq!(properties.len(), 30);
    assert!(!schema(&document, ("get", 200)).is_valid(&json!({"status": "allow"})));
}

#[tokio::test]
async fn the_gate_serves_the_document() {
    let story = told(Utc::now());
    let gate = serve(story.store.clone()).await;
    assert_eq!(gate.get("/openapi.json").await.json(), document());
}
