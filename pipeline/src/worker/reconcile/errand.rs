//! Something that is tried in the background until it is done: one try at a time, a pause after one in vain, and every
//! reason told once.

use crate::worker::view::{Notice, View};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// How long the end of a worker may take for a last try: what is not sent stays on the disk, and a person waits.
const LAST_TRY: Duration = Duration::from_secs(15);

/// The tries. One is under way at a time, since only one is ever kept.
pub(super) struct Errand {
    under_way: Mutex<Option<JoinHandle<()>>>,
    memory: Memory,
}

/// What a try remembers of those before. Clones share it.
#[derive(Clone)]
pub(super) struct Memory {
    view: View,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    last_error: String,
    not_before: Option<Instant>,
}

impl Memory {
    /// Tells a reason, unless it is the one that was told last.
    pub(super) fn complain(&self, error: String) {
        let mut inner = lock(&self.inner);
        if inner.last_error != error {
            self.view.show(&Notice::Says(error.clone()));
            inner.last_error = error;
        }
    }

    /// It went well: the next reason is told, whatever it is.
    pub(super) fn forgive(&self) {
        lock(&self.inner).last_error.clear();
    }

    /// No try begins before the pause is over; none: the next one may begin at once.
    pub(super) fn pause(&self, pause: Option<Duration>) {
        lock(&self.inner).not_before = pause.map(|pause| Instant::now() + pause);
    }
}

impl Errand {
    pub(super) fn new(view: &View) -> Self {
        let memory = Memory { view: view.clone(), inner: Arc::default() };
        Errand { under_way: Mutex::default(), memory }
    }

    pub(super) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Begins a try, unless one is under way or the pause is not over.
    pub(super) fn nudge<F>(&self, attempt: impl FnOnce(Memory) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut under_way = lock(&self.under_way);
        let busy = under_way.as_ref().is_some_and(|task| !task.is_finished());
        let early = lock(&self.memory.inner).not_before.is_some_and(|until| Instant::now() < until);
        if !busy && !early {
            *under_way = Some(tokio::spawn(attempt(self.memory.clone())));
        }
    }

    /// The last try: within [`LAST_TRY`], whatever is under way included. `late` is told with the seconds where that was
    /// not enough.
    pub(super) async fn finish(&self, attempt: impl Future<Output = ()>, late: impl FnOnce(u64) -> String) {
        let under_way = lock(&self.under_way).take();
        let mut tries: Vec<JoinHandle<()>> = under_way.into_iter().collect();
        let last = async {
            for task in &mut tries {
                // One that panicked has said so; what it did not send is sent below.
                let _panicked = task.await;
            }
            attempt.await;
        };
        if tokio::time::timeout(LAST_TRY, last).await.is_err() {
            tries.iter().for_each(JoinHandle::abort);
            self.memory.complain(late(LAST_TRY.as_secs()));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change under the lock is complete before anything can panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
