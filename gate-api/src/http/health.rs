//! Whether the gate is alive, and whether it can answer.

use super::Api;
use super::refusal::Refusal;
use axum::extract::State;

/// The process answers.
#[utoipa::path(get, path = "/healthz", tag = "operation", responses((status = 200, description = "The process answers.", body = String)))]
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// The store answers too.
#[utoipa::path(get, path = "/readyz", tag = "operation", responses(
    (status = 200, description = "The store can be read.", body = String),
    (status = 503, description = "It cannot.", body = crate::wire::ErrorBody),
))]
pub(super) async fn ready(State(api): State<Api>) -> Result<&'static str, Refusal> {
    api.look(|store| store.facts("", "", "")).await.map(|_| "ready\n")
}
