//! The gate on a listener, until it is asked to end.

use super::{Limits, router_until};
use crate::store::GateStore;
use std::future::IntoFuture as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Time for answers under way once the end was asked for; long polls answer at once, a caller that reads slowly does
/// not hold the process.
const DRAIN_MAX: Duration = Duration::from_secs(2);

/// Answers on a listener until `stop`; then long polls answer with what is known, and at most [`DRAIN_MAX`] later it
/// returns.
///
/// # Errors
/// The listener failed.
pub async fn serve(listener: TcpListener, store: Arc<dyn GateStore>, stop: CancellationToken) -> io::Result<()> {
    let router = router_until(store, Limits::default(), stop.clone());
    let served = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned()).into_future();
    let over = async {
        stop.cancelled().await;
        tokio::time::sleep(DRAIN_MAX).await;
    };
    tokio::select! {
        ended = served => ended,
        () = over => {
            tracing::warn!("connections are cut: they did not end within {} s", DRAIN_MAX.as_secs());
            Ok(())
        }
    }
}
