//! Says again and again that the worker is there, whatever it waits for meanwhile.

use crate::worker::facts::WORKER;
use chrono::Utc;
use gate_api::store::Act;
use gate_api::{GateStore, SqliteStore};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// Time between two words: the gate doubts a worker after two minutes of silence.
pub(super) const EVERY: Duration = Duration::from_secs(20);

/// Product and landscape.
type Place = (String, String);

/// The heartbeat of a worker; it ends when this is dropped.
pub(super) struct Beat {
    place: watch::Sender<Option<Place>>,
    task: AbortOnDropHandle<()>,
}

impl Beat {
    /// Begins; nothing is said before the landscape is known.
    pub(super) fn start(gate: Arc<SqliteStore>, every: Duration) -> Self {
        let (place, places) = watch::channel(None);
        Beat { place, task: AbortOnDropHandle::new(tokio::spawn(beat(gate, places, every))) }
    }

    /// Which landscape the worker works for.
    pub(super) fn works_for(&self, product: &str, landscape: &str) {
        if self.task.is_finished() {
            tracing::error!("the heartbeat ended by itself; the gate will call this worker silent");
        }
        self.place.send_if_modified(|place| {
            let now = Some((product.to_owned(), landscape.to_owned()));
            let moved = *place != now;
            *place = now;
            moved
        });
    }
}

async fn beat(gate: Arc<SqliteStore>, mut places: watch::Receiver<Option<Place>>, every: Duration) {
    loop {
        let place = places.borrow_and_update().clone();
        if let Some((product, landscape)) = place {
            let gate = gate.clone();
            let say = move || gate.put_heartbeat(&product, &landscape, Act { by: WORKER, at: Utc::now() });
            match tokio::task::spawn_blocking(say).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!("cannot tell the gate that the worker is there: {error}"),
                Err(error) => tracing::warn!("cannot tell the gate that the worker is there: {error}"),
            }
        }
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            changed = places.changed() => if changed.is_err() { return },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    #[tokio::test]
    async fn it_goes_on_without_being_asked_and_ends_with_the_worker() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let gate = Arc::new(SqliteStore::open(&dir.path().join("store.db")).expect("opens"));
        let seen = || gate.facts("shop", "staging", "v1.0.0").expect("reads").worker_seen;
        let later = async |than: Option<DateTime<Utc>>| {
            let waited = tokio::time::timeout(Duration::from_secs(60), async {
                while seen() <= than {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            });
            waited.await.expect("it says so");
            seen()
        };
        let beat = Beat::start(gate.clone(), Duration::from_millis(20));
        beat.works_for("shop", "staging");
        let first = later(None).await;
        later(later(first).await).await;
        let handles = Arc::strong_count(&gate);
        assert!(handles > 1, "the task holds the store");
        drop(beat);
        let ended = tokio::time::timeout(Duration::from_secs(60), async {
            while Arc::strong_count(&gate) > 1 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        ended.await.expect("it ends with the worker");
    }
}
