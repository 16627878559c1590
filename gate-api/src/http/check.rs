//! Asking a gate: the strict face, whose status is the answer, and the data face.

use super::Api;
use super::asked::{self, AskedQuery, Face, Manner};
use super::refusal::Refusal;
use super::wait;
use crate::answer::{Answer, answer};
use crate::decide::Status;
use crate::gate::Gate;
use crate::question::Question;
use crate::wire::{AnswerBody, CheckRequest, ErrorBody};
use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use std::time::Duration;
use tokio::time::Instant;

/// What a question by body may hold.
const BODY_HINT: &str = "known: product, subject{tag, commit}, landscape, cluster, wave, toggles, requester, dryRun";

/// Asks a gate by query.
#[utoipa::path(get, path = "/v1/gates/{gate}/check", tag = "gates",
    params(("gate" = Gate, Path, description = "Name of the gate; this release answers `stage` and `release`."), AskedQuery),
    responses(
        (status = 200, description = "Allow; on the data face any decision.", body = AnswerBody),
        (status = 400, description = "The request makes no sense.", body = ErrorBody),
        (status = 401, description = "A token that nobody issued.", body = ErrorBody),
        (status = 403, description = "Deny, or expired.", body = AnswerBody),
        (status = 404, description = "Gate, product, landscape or tag is not known.", body = ErrorBody),
        (status = 425, description = "Wait; `Retry-After` tells when to ask again.", body = AnswerBody),
        (status = 503, description = "Nobody could look.", body = ErrorBody),
    ))]
pub(super) async fn by_query(
    State(api): State<Api>,
    gate: Result<Path<String>, PathRejection>,
    asked: Result<Query<AskedQuery>, QueryRejection>,
) -> Response {
    let gate = match named(gate) {
        Ok(gate) => gate,
        Err(refusal) => return api.refused(None, refusal),
    };
    let parsed = asked
        .map_err(|e| Refusal::bad_request(e.body_text(), "known: product, tag, landscape, commit, cluster, as, wait"))
        .and_then(|Query(asked)| {
            let wait = wait::parse(asked.wait.as_deref(), api.limits.wait)?;
            Ok((asked.question(gate)?, asked.face, wait))
        });
    match parsed {
        Ok((question, face, wait)) => api.ask(question, face, wait).await,
        Err(refusal) => api.refused(Some(gate), refusal),
    }
}

/// Asks a gate by body.
#[utoipa::path(post, path = "/v1/gates/{gate}/check", tag = "gates", request_body = CheckRequest,
    params(("gate" = Gate, Path, description = "Name of the gate; this release answers `stage` and `release`."), Manner),
    responses(
        (status = 200, description = "Allow; on the data face any decision.", body = AnswerBody),
        (status = 400, description = "The request makes no sense, or the body is not JSON.", body = ErrorBody),
        (status = 401, description = "A token that nobody issued.", body = ErrorBody),
        (status = 403, description = "Deny, or expired.", body = AnswerBody),
        (status = 404, description = "Gate, product, landscape or tag is not known.", body = ErrorBody),
        (status = 422, description = "The body is JSON, but not a question.", body = ErrorBody),
        (status = 425, description = "Wait; `Retry-After` tells when to ask again.", body = AnswerBody),
        (status = 503, description = "Nobody could look.", body = ErrorBody),
    ))]
pub(super) async fn by_body(
    State(api): State<Api>,
    gate: Result<Path<String>, PathRejection>,
    manner: Result<Query<Manner>, QueryRejection>,
    body: Result<Json<CheckRequest>, JsonRejection>,
) -> Response {
    let gate = match named(gate) {
        Ok(gate) => gate,
        Err(refusal) => return api.refused(None, refusal),
    };
    let manner = manner.map_err(|e| Refusal::bad_request(e.body_text(), "known: as, wait"));
    let parsed = manner.and_then(|Query(manner)| {
        let wait = wait::parse(manner.wait.as_deref(), api.limits.wait)?;
        let Json(body) = body.map_err(unreadable)?;
        Ok((asked::question(gate, body)?, manner.face, wait))
    });
    match parsed {
        Ok((question, face, wait)) => api.ask(question, face, wait).await,
        Err(refusal) => api.refused(Some(gate), refusal),
    }
}

fn named(gate: Result<Path<String>, PathRejection>) -> Result<Gate, Refusal> {
    let known = || format!("this release answers: {}", Gate::available().join(", "));
    let Path(name) = gate.map_err(|e| Refusal::bad_request(e.body_text(), known()))?;
    asked::gate(&name)
}

/// 422 for JSON that is no question, 400 for everything that is not JSON.
fn unreadable(rejection: JsonRejection) -> Refusal {
    match rejection {
        JsonRejection::JsonDataError(e) => Refusal::unprocessable(e.body_text(), BODY_HINT),
        JsonRejection::MissingJsonContentType(e) => {
            Refusal::bad_request(e.body_text(), "send the header `Content-Type: application/json`")
        }
        other => Refusal::bad_request(other.body_text(), BODY_HINT),
    }
}

impl Api {
    /// Answers at once, or when it is decided, at the latest after `wait`; a gate that ends answers with what it knows.
    async fn ask(&self, question: Question, face: Option<Face>, wait: Duration) -> Response {
        let gate = question.gate;
        let until = Instant::now() + wait;
        loop {
            let began = Instant::now();
            let asked = question.clone();
            let answered = self.look(move |store| answer(store, &asked, Utc::now())).await;
            let given = match answered {
                Ok(given) => given,
                Err(refusal) => return self.refused(Some(gate), refusal),
            };
            let decided = given.decision.status != Status::Wait;
            if decided || Instant::now() >= until || self.stop.is_cancelled() {
                self.meter.answered(gate, given.decision.status, began.elapsed());
                return respond(&given, face);
            }
            tokio::select! {
                () = tokio::time::sleep_until(until.min(Instant::now() + self.limits.poll)) => (),
                () = self.stop.cancelled() => (),
            }
        }
    }

    fn refused(&self, gate: Option<Gate>, refusal: Refusal) -> Response {
        self.meter.refused(gate);
        refusal.into_response()
    }
}

fn respond(given: &Answer, face: Option<Face>) -> Response {
    let status = match face {
        Some(Face::Data) => StatusCode::OK,
        None => StatusCode::from_u16(given.http_status()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE),
    };
    let mut response = (status, Json(AnswerBody::from(given))).into_response();
    if given.decision.status == Status::Wait {
        response.headers_mut().insert(header::RETRY_AFTER, given.decision.retry_after_s.into());
    }
    response
}
