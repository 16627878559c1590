//! The gates over HTTP: strict face, data face, long poll, health.

use crate::answer::{Answer, AnswerError, answer};
use crate::gate::Gate;
use crate::question::Question;
use crate::store::GateStore;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use chrono::Utc;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Longest long poll: callers give up after 5 to 10 s.
const WAIT_MAX: Duration = Duration::from_secs(8);
/// Time between two looks of a long poll.
const POLL: Duration = Duration::from_millis(250);

/// What the handlers share.
#[derive(Clone)]
pub struct Api {
    store: Arc<dyn GateStore>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    product: String,
    tag: String,
    landscape: String,
    commit: Option<String>,
    cluster: Option<String>,
    #[serde(rename = "as")]
    face: Option<String>,
    wait: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manner {
    #[serde(rename = "as")]
    face: Option<String>,
    wait: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Body {
    product: String,
    subject: Subject,
    landscape: String,
    cluster: Option<String>,
    wave: Option<u32>,
    toggles: Option<std::collections::BTreeMap<String, String>>,
    requester: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Subject {
    tag: String,
    commit: Option<String>,
}

/// The routes of the gate.
pub fn router(store: Arc<dyn GateStore>) -> Router {
    Router::new()
        .route("/v1/gates/{gate}/check", get(check_get).post(check_post))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .fallback(|| async {
            refused(StatusCode::NOT_FOUND, "not_found", "no such path", "see /v1/gates/release/check")
        })
        .layer(axum::extract::DefaultBodyLimit::max(64 << 10))
        .with_state(Api { store })
}

async fn ready(State(api): State<Api>) -> Response {
    let looked = tokio::task::spawn_blocking(move || api.store.facts("", "", "").map(|_| ())).await;
    match looked {
        Ok(Ok(())) => "ready\n".into_response(),
        _ => refused(
            StatusCode::SERVICE_UNAVAILABLE,
            "unwell",
            "the store cannot be read",
            "check the disk and the folder of the installation",
        ),
    }
}

async fn check_get(
    State(api): State<Api>,
    Path(gate): Path<String>,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let Query(asked) = match asked {
        Ok(asked) => asked,
        Err(e) => {
            return refused(
                StatusCode::BAD_REQUEST,
                "bad_request",
                &e.body_text(),
                "known: product, tag, landscape, commit, cluster, as, wait",
            );
        }
    };
    let Some(gate) = Gate::parse(&gate) else { return unknown_gate(&gate) };
    let mut question = Question::new(gate, &asked.product, &asked.tag, &asked.landscape);
    (question.commit, question.cluster) = (asked.commit, asked.cluster);
    ask(api, question, Manner { face: asked.face, wait: asked.wait }).await
}

async fn check_post(
    State(api): State<Api>,
    Path(gate): Path<String>,
    manner: Result<Query<Manner>, axum::extract::rejection::QueryRejection>,
    body: Result<Json<Body>, axum::extract::rejection::JsonRejection>,
) -> Response {
    let manner = match manner {
        Ok(Query(manner)) => manner,
        Err(e) => return refused(StatusCode::BAD_REQUEST, "bad_request", &e.body_text(), "known: as, wait"),
    };
    let body = match body {
        Ok(Json(body)) => body,
        Err(e) => {
            return refused(
                e.status(),
                "bad_request",
                &e.body_text(),
                "known: product, subject{tag, commit}, landscape, cluster, wave, toggles, requester, dryRun",
            );
        }
    };
    let Some(gate) = Gate::parse(&gate) else { return unknown_gate(&gate) };
    let mut question = Question::new(gate, &body.product, &body.subject.tag, &body.landscape);
    (question.commit, question.cluster, question.wave) = (body.subject.commit, body.cluster, body.wave);
    (question.toggles, question.requester) = (body.toggles, body.requester);
    if body.dry_run {
        question.recording = crate::question::Recording::DryRun;
    }
    ask(api, question, manner).await
}

async fn ask(api: Api, question: Question, manner: Manner) -> Response {
    let data = match manner.face.as_deref() {
        None => false,
        Some("data") => true,
        Some(_) => return refused(StatusCode::BAD_REQUEST, "bad_request", "`as` has one value", "write as=data"),
    };
    let seconds = manner.wait.as_deref().map(|w| w.strip_suffix('s').unwrap_or(w).parse::<u64>());
    let wait = match seconds {
        None => Duration::ZERO,
        Some(Ok(s)) => Duration::from_secs(s).min(WAIT_MAX),
        Some(Err(_)) => {
            return refused(
                StatusCode::BAD_REQUEST,
                "bad_request",
                "`wait` is not a number of seconds",
                "write wait=8s",
            );
        }
    };
    let until = Instant::now() + wait;
    loop {
        let (store, asked) = (api.store.clone(), question.clone());
        let answered = tokio::task::spawn_blocking(move || answer(store.as_ref(), &asked, Utc::now())).await;
        match answered {
            Ok(Ok(given)) if given.http_status() != 425 || Instant::now() >= until => return respond(&given, data),
            Ok(Ok(_)) => tokio::time::sleep(POLL).await,
            Ok(Err(AnswerError::NotFound { what, hint })) => {
                return refused(StatusCode::NOT_FOUND, "not_found", &format!("{what} is not known here"), &hint);
            }
            Ok(Err(AnswerError::Unwell(error))) => {
                return refused(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "unwell",
                    &error.to_string(),
                    "check the disk and the folder of the installation",
                );
            }
            Err(_) => {
                return refused(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "unwell",
                    "the answer was not made",
                    "see the log of the gate",
                );
            }
        }
    }
}

fn respond(given: &Answer, data: bool) -> Response {
    let status = if data {
        StatusCode::OK
    } else {
        StatusCode::from_u16(given.http_status()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
    };
    let mut response = (status, Json(given.body())).into_response();
    if given.http_status() == 425
        && let Ok(value) = given.decision.retry_after_s.to_string().parse()
    {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    response
}

fn unknown_gate(name: &str) -> Response {
    let known = Gate::available().join(", ");
    refused(
        StatusCode::NOT_FOUND,
        "not_found",
        &format!("gate `{name}` is not known"),
        &format!("this release answers: {known}"),
    )
}

fn refused(status: StatusCode, kind: &str, message: &str, hint: &str) -> Response {
    let body: Value = json!({"apiVersion": "mettle/v1", "status": "error", "allow": false, "error": {"kind": kind, "message": message, "hints": [hint]}});
    (status, Json(body)).into_response()
}
