//! Copies evidence into the bucket: in a task of its own, so that neither a turn nor a soak waits for it.

use crate::worker::copies::{CopyError, mirror, told, waiting};
use crate::worker::installation::Installation;
use crate::worker::view::{Notice, View};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// How long the end of a worker may take for a last try: what is not sent stays in the folder.
const LAST_TRY: Duration = Duration::from_secs(15);

/// Pause after a try without a publication: nothing new waits then, and a server that is away, or a key that is refused,
/// does not change within a second.
const PAUSE: Duration = Duration::from_secs(30);

/// The copier. One try is under way at a time.
pub(super) struct Copies {
    copier: Option<Copier>,
    under_way: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Clone)]
struct Copier {
    installation: Installation,
    view: View,
    memory: Arc<Mutex<Memory>>,
}

#[derive(Default)]
struct Memory {
    last_error: String,
    not_before: Option<Instant>,
}

impl Copies {
    pub(super) fn new(installation: &Installation, view: &View) -> Self {
        let copier = || Copier { installation: installation.clone(), view: view.clone(), memory: Arc::default() };
        Copies { copier: installation.settings.evidence.as_ref().map(|_| copier()), under_way: Mutex::default() }
    }

    /// Something was published: the next try does not wait for the pause.
    pub(super) fn published(&self) {
        if let Some(copier) = &self.copier {
            lock(&copier.memory).not_before = None;
        }
        self.nudge();
    }

    /// Begins a try, unless there is no bucket, one is under way, or the last one was just now.
    pub(super) fn nudge(&self) {
        let Some(copier) = &self.copier else { return };
        let mut under_way = lock(&self.under_way);
        let busy = under_way.as_ref().is_some_and(|task| !task.is_finished());
        let early = lock(&copier.memory).not_before.is_some_and(|until| Instant::now() < until);
        if !busy && !early {
            // Noted at the beginning, so that what is published meanwhile is not made to wait.
            lock(&copier.memory).not_before = Some(Instant::now() + PAUSE);
            *under_way = Some(tokio::spawn(copier.clone().copy_all()));
        }
    }

    /// The last try: within [`LAST_TRY`], whatever is under way included.
    pub(super) async fn finish(&self) {
        let Some(copier) = &self.copier else { return };
        let under_way = lock(&self.under_way).take();
        let mut tries: Vec<JoinHandle<()>> = under_way.into_iter().collect();
        let last = async {
            for task in &mut tries {
                // One that panicked has said so; what it did not send is sent below.
                let _panicked = task.await;
            }
            copier.clone().copy_all().await;
        };
        if tokio::time::timeout(LAST_TRY, last).await.is_err() {
            tries.iter().for_each(JoinHandle::abort);
            let seconds = LAST_TRY.as_secs();
            copier.complain(format!(
                "not all evidence was copied within {seconds} s: the rest is sent at the next start"
            ));
        }
    }
}

impl Copier {
    fn complain(&self, error: String) {
        let mut memory = lock(&self.memory);
        if memory.last_error != error {
            self.view.show(&Notice::Says(format!("evidence is not copied, it stays in the folder: {error}")));
            memory.last_error = error;
        }
    }

    async fn copy_all(self) {
        match self.copy_each().await {
            Ok(()) => lock(&self.memory).last_error.clear(),
            Err(error) => {
                self.complain(told(&error));
                lock(&self.memory).not_before = Some(Instant::now() + PAUSE);
            }
        }
    }

    /// Copies what waits. One evidence that cannot be copied does not hold up the others, unless nobody answers.
    async fn copy_each(&self) -> Result<(), CopyError> {
        let installation = self.installation.clone();
        // The list and the credentials are read from the disk, and a client reads the certificates of the system.
        let look = move || {
            let digests = waiting(&installation)?;
            let mirror = if digests.is_empty() { None } else { mirror(&installation)? };
            Ok::<_, CopyError>(mirror.map(|mirror| (mirror, digests)))
        };
        let looked = tokio::task::spawn_blocking(look).await.expect("reading files does not panic");
        let Some((mirror, digests)) = looked? else { return Ok(()) };
        let mut failed = None;
        for digest in digests {
            match mirror.upload(&digest).await {
                Ok(_) => {}
                Err(error) if error.passes() => return Err(error.into()),
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(()), |error| Err(error.into()))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
