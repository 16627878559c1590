//! How many calls may be under way at once, and how long the others wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A bulkhead: a number of permits and a bounded queue in front of them, first come, first served.
pub(crate) struct Gate {
    permits: Arc<Semaphore>,
    limit: usize,
    max_waiting: usize,
    max_wait: Duration,
    waiting: AtomicUsize,
}

/// Nobody was let in.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("{0} calls are waiting already")]
    QueueFull(usize),
    #[error("no free connection within {0:?}")]
    WaitedTooLong(Duration),
}

struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Gate {
    pub(crate) fn new(limit: usize, max_waiting: usize, max_wait: Duration) -> Arc<Self> {
        let permits = Arc::new(Semaphore::new(limit));
        Arc::new(Gate { permits, limit, max_waiting, max_wait, waiting: AtomicUsize::new(0) })
    }

    /// A permit, at once or after a bounded wait.
    pub(crate) async fn enter(&self) -> Result<OwnedSemaphorePermit, Refused> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(permit);
        }
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        if before >= self.max_waiting {
            return Err(Refused::QueueFull(before));
        }
        match tokio::time::timeout(self.max_wait, self.enter_whenever()).await {
            Ok(permit) => Ok(permit),
            Err(_) => Err(Refused::WaitedTooLong(self.max_wait)),
        }
    }

    /// A permit, whenever it comes: for work in the background that nobody waits for.
    pub(crate) async fn enter_whenever(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.permits).acquire_owned().await.expect("the semaphore of a gate is never closed")
    }

    pub(crate) fn in_use(&self) -> usize {
        self.limit - self.permits.available_permits().min(self.limit)
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_queue_is_bounded_in_length_and_in_time() {
        let gate = Gate::new(1, 1, Duration::from_millis(20));
        let held = gate.enter().await.unwrap();
        assert_eq!(gate.in_use(), 1);
        let (first, second) = tokio::join!(gate.enter(), gate.enter());
        assert_eq!(first.unwrap_err(), Refused::WaitedTooLong(Duration::from_millis(20)));
        assert_eq!(second.unwrap_err(), Refused::QueueFull(1));
        assert_eq!(gate.waiting(), 0);
        drop(held);
        drop(gate.enter().await.unwrap());
    }

    #[tokio::test]
    async fn no_queue_means_no_wait() {
        let gate = Gate::new(1, 0, Duration::from_secs(60));
        let _held = gate.enter().await.unwrap();
        assert_eq!(gate.enter().await.unwrap_err(), Refused::QueueFull(0));
    }
}
