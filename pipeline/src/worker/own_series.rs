//! Our own series at `/metrics` of the worker, while a soak is observed: journeys, load, probes, phase, scores.

use super::installation::OpenError;
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use probes::metrics::Registry;
use probes::metrics::recorder::OWN_JOB;
use scorer::evidence::Subject;
use scorer::signal::Labels;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The text format that every server reads.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The series of the attempt that is observed, if one is. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct OwnSeries(Arc<Mutex<Now>>);

#[derive(Debug, Default)]
struct Now {
    /// Attempts that were shown so far.
    count: u64,
    shown: Option<(Registry, Labels)>,
}

/// Series that are shown as long as it lives, or until others are.
#[derive(Debug)]
pub struct Shown {
    own: OwnSeries,
    number: u64,
}

/// An address that answers with the series as long as it lives.
pub struct Page {
    /// Where it listens.
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

/// Labels that say of which soak our own series are.
pub fn labels(subject: &Subject) -> Labels {
    let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Labels::from([
        label("job", OWN_JOB),
        label("product", &subject.product),
        label("tag", &subject.tag),
        label("landscape", &subject.landscape),
        label("soak", &subject.soak),
    ])
}

impl OwnSeries {
    /// Shows the series of an attempt in place of those before.
    pub fn show(&self, registry: &Registry, subject: &Subject) -> Shown {
        let mut now = self.lock();
        now.count += 1;
        now.shown = Some((registry.clone(), labels(subject)));
        Shown { own: self.clone(), number: now.count }
    }

    fn text(&self) -> String {
        let shown = self.lock().shown.clone();
        shown.map_or(String::new(), |(registry, labels)| registry.render(&labels))
    }

    fn lock(&self) -> MutexGuard<'_, Now> {
        // Every change under the lock is complete before anything can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        let mut now = self.own.lock();
        if now.count == self.number {
            now.shown = None;
        }
    }
}

impl Page {
    /// Answers at `address`.
    ///
    /// # Errors
    /// Something else listens there, or it is no address of this machine.
    pub async fn open(address: SocketAddr, series: OwnSeries) -> Result<Self, OpenError> {
        let listener = TcpListener::bind(address).await.map_err(|source| OpenError::Metrics { address, source })?;
        let address = listener.local_addr().map_err(|source| OpenError::Metrics { address, source })?;
        let page = move || std::future::ready(([(CONTENT_TYPE, TEXT)], series.text()));
        let router = Router::new().route("/metrics", get(page));
        let task = tokio::spawn(async move {
            let ended = axum::serve(listener, router).await;
            tracing::warn!("own series are not shown any more: {ended:?}");
        });
        Ok(Page { address, task })
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.task.abort();
    }
}
