//! One way to one peer: a gate, a pool behind it, and a time limit.

use super::gate::{Gate, Refused};
use super::peer::Peer;
use super::pool::{Pool, SendError};
use crate::metrics::Registry;
use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

/// Why a call brought nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("not sent: {0}")]
    Refused(#[from] Refused),
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    #[error("no answer: {0}")]
    Send(#[from] SendError),
    #[error("answered {0}")]
    Status(StatusCode),
    #[error("unreadable answer: {0}")]
    Json(#[from] serde_json::Error),
}

/// Label lists of the peers; a label never comes from a request.
#[derive(Clone, Copy)]
pub(crate) struct Labels {
    pub(crate) peer: &'static str,
    pub(crate) ok: &'static str,
    pub(crate) error: &'static str,
}

/// Labels of catalog.
pub(crate) const CATALOG: Labels = Labels {
    peer: "peer=\"catalog\"",
    ok: "peer=\"catalog\",result=\"ok\"",
    error: "peer=\"catalog\",result=\"error\"",
};

/// Labels of payments.
pub(crate) const PAYMENTS: Labels = Labels {
    peer: "peer=\"payments\"",
    ok: "peer=\"payments\",result=\"ok\"",
    error: "peer=\"payments\",result=\"error\"",
};

/// One way to one peer.
pub(crate) struct Lane {
    gate: Arc<Gate>,
    pool: Arc<Pool>,
    host: HeaderValue,
    time_limit: Option<Duration>,
    registry: Arc<Registry>,
    labels: Labels,
}

impl Lane {
    /// A lane to `peer`; lanes that share a gate share its permits.
    pub(crate) fn new(
        peer: Peer,
        gate: Arc<Gate>,
        time_limit: Option<Duration>,
        registry: &Arc<Registry>,
        labels: Labels,
    ) -> Self {
        let host = format!("{}:{}", peer.host, peer.port);
        let host = HeaderValue::from_str(&host).expect("host and port of a parsed URL are a legal header");
        let pool = Arc::new(Pool::new(peer, gate.limit()));
        registry.add("http_client_requests_total", labels.ok, 0);
        registry.add("http_client_requests_total", labels.error, 0);
        let of_gate = |read: fn(&Gate) -> usize| {
            let gate = Arc::clone(&gate);
            Box::new(move || read(&gate) as f64)
        };
        registry.gauge("http_client_pool_in_use", labels.peer, of_gate(Gate::in_use));
        registry.gauge("http_client_pool_waiting", labels.peer, of_gate(Gate::waiting));
        registry.gauge("http_client_pool_limit", labels.peer, of_gate(Gate::limit));
        let idle = Arc::clone(&pool);
        registry.gauge("http_client_pool_idle", labels.peer, Box::new(move || idle.idle() as f64));
        Lane { gate, pool, host, time_limit, registry: Arc::clone(registry), labels }
    }

    /// Reads a document.
    pub(crate) async fn get<A: DeserializeOwned>(&self, path: &str) -> Result<A, CallError> {
        let request = self.request(Method::GET, path, Bytes::new());
        let permit = self.gate.enter().await;
        self.call(request, permit).await
    }

    /// Posts a document that the peer recognises when it comes twice.
    pub(crate) async fn post<A: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<A, CallError> {
        let request = self.request(Method::POST, path, serde_json::to_vec(body)?.into());
        let permit = self.gate.enter().await;
        self.call(request, permit).await
    }

    /// The same with a permit that the caller holds already.
    pub(crate) async fn post_with<A: DeserializeOwned>(
        &self,
        permit: OwnedSemaphorePermit,
        path: &str,
        body: &impl Serialize,
    ) -> Result<A, CallError> {
        let request = self.request(Method::POST, path, serde_json::to_vec(body)?.into());
        self.call(request, Ok(permit)).await
    }

    /// Waits for a permit for [`Lane::post_with`].
    pub(crate) async fn enter_whenever(&self) -> OwnedSemaphorePermit {
        self.gate.enter_whenever().await
    }

    fn request(&self, method: Method, path: &str, body: Bytes) -> Request<Bytes> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().expect("paths are built from routes and ids of letters, digits and dashes");
        request.headers_mut().insert(HOST, self.host.clone());
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request
    }

    async fn call<A: DeserializeOwned>(
        &self,
        request: Request<Bytes>,
        permit: Result<OwnedSemaphorePermit, Refused>,
    ) -> Result<A, CallError> {
        let answer = match permit {
            Ok(permit) => {
                let answer = self.exchange(&request).await;
                drop(permit);
                answer
            }
            Err(refused) => Err(refused.into()),
        };
        let label = if answer.is_ok() { self.labels.ok } else { self.labels.error };
        self.registry.add("http_client_requests_total", label, 1);
        Ok(serde_json::from_slice(&answer?)?)
    }

    async fn exchange(&self, request: &Request<Bytes>) -> Result<Bytes, CallError> {
        let sent = self.pool.send(request);
        let (code, body) = match self.time_limit {
            Some(limit) => tokio::time::timeout(limit, sent).await.map_err(|_| CallError::TimedOut(limit))??,
            None => sent.await?,
        };
        if code.is_success() { Ok(body) } else { Err(CallError::Status(code)) }
    }
}
