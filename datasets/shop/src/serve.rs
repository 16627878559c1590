//! Listening, health, metrics and the orderly end.

use crate::metrics::Registry;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use axum::serve::ListenerExt;
use serde::Serialize;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Time for requests under way after the signal to end; a supervisor that waits usually waits ten.
const DRAIN: Duration = Duration::from_secs(2);

/// An error as clients see it.
#[derive(Serialize)]
struct Problem {
    error: String,
}

/// An answer that says what is wrong.
pub(crate) fn problem(code: StatusCode, error: impl Into<String>) -> Response {
    (code, axum::Json(Problem { error: error.into() })).into_response()
}

#[derive(Clone)]
struct Observed {
    registry: Arc<Registry>,
    route: &'static str,
}

/// Measures a route under a fixed name; `codes` are those that it usually answers.
pub(crate) fn observed<S: Clone + Send + Sync + 'static>(
    registry: &Arc<Registry>,
    route: &'static str,
    codes: &[u16],
    methods: MethodRouter<S>,
) -> MethodRouter<S> {
    registry.declare_route(route, codes);
    methods.layer(from_fn_with_state(Observed { registry: Arc::clone(registry), route }, observe))
}

async fn observe(State(observed): State<Observed>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let response = next.run(request).await;
    observed.registry.observe(observed.route, response.status().as_u16(), started.elapsed());
    response
}

/// Serves until SIGTERM or SIGINT, then lets requests under way end.
pub(crate) async fn serve(listen: SocketAddr, router: Router, registry: Arc<Registry>) -> std::io::Result<()> {
    let listener = TcpListener::bind(listen).await?;
    let address = listener.local_addr()?;
    let page = move || {
        let registry = Arc::clone(&registry);
        async move { ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], registry.render()) }
    };
    let router = router.route("/healthz", get(|| async { "ok\n" })).route("/metrics", get(page));
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = CancellationToken::new();
    let listener = listener.tap_io(|stream| {
        // Small answers must not wait for the acknowledgement of the one before.
        let _ = stream.set_nodelay(true);
    });
    println!("listening {address}");
    std::io::stdout().flush()?;
    let server = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let mut server = std::pin::pin!(server.into_future());
    tokio::select! {
        ended = &mut server => return ended,
        _ = terminate.recv() => (),
        _ = interrupt.recv() => (),
    }
    stop.cancel();
    tokio::time::timeout(DRAIN, server).await.unwrap_or(Ok(()))
}
