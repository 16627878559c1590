//! Copies evidence into the bucket: in a task of its own, so that neither a turn nor a soak waits for it.

use super::errand::{Errand, Memory};
use crate::worker::copies::{CopyError, mirror, told, waiting};
use crate::worker::installation::Installation;
use crate::worker::view::View;
use std::time::Duration;

/// Pause after a try without a publication: nothing new waits then, and a server that is away, or a key that is refused,
/// does not change within a second.
const PAUSE: Duration = Duration::from_secs(30);

/// The copier; none without a bucket.
pub(super) struct Copies {
    copier: Option<Copier>,
    errand: Errand,
}

#[derive(Clone)]
struct Copier {
    installation: Installation,
}

impl Copies {
    pub(super) fn new(installation: &Installation, view: &View) -> Self {
        let copier = || Copier { installation: installation.clone() };
        Copies { copier: installation.settings.evidence.as_ref().map(|_| copier()), errand: Errand::new(view) }
    }

    /// Something was published: the next try does not wait for the pause.
    pub(super) fn published(&self) {
        self.errand.memory().pause(None);
        self.nudge();
    }

    /// Begins a try, unless there is no bucket, one is under way, or the last one was just now.
    pub(super) fn nudge(&self) {
        let Some(copier) = &self.copier else { return };
        self.errand.nudge(|memory| {
            // Noted at the beginning, so that what is published meanwhile is not made to wait.
            memory.pause(Some(PAUSE));
            copier.clone().copy_all(memory)
        });
    }

    /// The last try.
    pub(super) async fn finish(&self) {
        let Some(copier) = &self.copier else { return };
        let last = copier.clone().copy_all(self.errand.memory().clone());
        let late = |seconds| unsent(&format!("not all of it within {seconds} s: the rest is sent at the next start"));
        self.errand.finish(last, late).await;
    }
}

fn unsent(why: &str) -> String {
    format!("evidence is not copied, it stays in the folder: {why}")
}

impl Copier {
    async fn copy_all(self, memory: Memory) {
        match self.copy_each().await {
            Ok(()) => memory.forgive(),
            Err(error) => {
                memory.complain(unsent(&told(&error)));
                memory.pause(Some(PAUSE));
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
