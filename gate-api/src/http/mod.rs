//! The gate over HTTP: strict and data face, long poll, pages, metrics, health, OpenAPI.
//!
//! Invariant: no handler touches the store on the runtime; every look at it goes through [`look`], which bounds how
//! many there are at once and how long each may take.

mod asked;
mod check;
mod guard;
mod health;
mod look;
mod meter;
mod openapi;
mod pages;
mod refusal;
mod serve;
mod wait;

pub use openapi::document;
pub use serve::serve;

use crate::store::GateStore;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn;
use axum::routing::get;
use meter::Meter;
use refusal::Refusal;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Largest body of a question: a toggle vector of a thousand toggles fits.
const BODY_MAX: usize = 64 << 10;

/// Most looks at the store at once; the next waits for its turn within its own limit.
const LOOKS_AT_ONCE: usize = 32;

/// Times that the gate keeps.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest look at the store; after that the answer is 503. Callers give up after 5 to 10 s.
    pub answer: Duration,
    /// Longest long poll.
    pub wait: Duration,
    /// Time between two looks of a long poll.
    pub poll: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { answer: Duration::from_secs(5), wait: Duration::from_secs(8), poll: Duration::from_millis(250) }
    }
}

/// What the handlers share.
#[derive(Clone)]
struct Api {
    store: Arc<dyn GateStore>,
    limits: Limits,
    stop: CancellationToken,
    looks: Arc<Semaphore>,
    meter: Arc<Meter>,
}

/// The routes of the gate with its usual limits; long polls end by themselves.
pub fn router(store: Arc<dyn GateStore>) -> Router {
    router_until(store, Limits::default(), CancellationToken::new())
}

/// The routes of the gate; `stop` ends long polls at once, with what is known then.
pub fn router_until(store: Arc<dyn GateStore>, limits: Limits, stop: CancellationToken) -> Router {
    let looks = Arc::new(Semaphore::new(LOOKS_AT_ONCE));
    let api = Api { store, limits, stop, looks, meter: Arc::new(Meter::new()) };
    let guarded = Router::new()
        .route("/v1/gates/{gate}/check", get(check::by_query).post(check::by_body))
        .route("/", get(pages::list))
        .route("/products/{product}/tags/{tag}", get(pages::tag))
        .route("/style.css", get(pages::style))
        .route("/metrics", get(meter::metrics))
        .route("/openapi.json", get(openapi::openapi))
        .fallback(nowhere)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn(guard::nobody_has_a_token));
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .merge(guarded)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(from_fn(guard::headers))
        .with_state(api)
}

async fn nowhere() -> Refusal {
    Refusal::not_found("there is no such path", "see /openapi.json, or /v1/gates/release/check")
}

async fn wrong_method() -> Refusal {
    Refusal::method_not_allowed()
}
