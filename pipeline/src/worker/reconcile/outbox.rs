//! Sends the outbox: in a task of its own, so that neither a turn nor a soak waits for a remote.

use super::super::publish;
use crate::git::GitError;
use crate::ledger::LedgerError;
use crate::remedy::told;
use crate::store::{Store, StoreError};
use crate::worker::installation::Installation;
use crate::worker::sources::Sources;
use crate::worker::view::{Notice, View};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// How long the end of a worker may take for a last try: what is not sent stays on the disk, and a person waits.
const LAST_TRY: Duration = Duration::from_secs(15);
/// Pause after a try that reached nobody: the turns are a second apart, and a remote that is away does not come back
/// within one.
const PAUSE: Duration = Duration::from_secs(5);

/// The sender. One try is under way at a time, since only one is ever kept.
pub(super) struct Outbox {
    sender: Sender,
    under_way: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Clone)]
struct Sender {
    store: Store,
    sources: Sources,
    view: View,
    memory: Arc<Mutex<Memory>>,
}

#[derive(Default)]
struct Memory {
    last_error: String,
    not_before: Option<Instant>,
}

/// Whether the next parcel is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    GoesOn,
    /// The remote is away: what is behind waits, too.
    Waits,
}

impl Outbox {
    pub(super) fn new(installation: &Installation, sources: &Sources, view: &View) -> Self {
        let (store, sources, view) = (installation.store.clone(), sources.clone(), view.clone());
        Outbox { sender: Sender { store, sources, view, memory: Arc::default() }, under_way: Mutex::default() }
    }

    /// Begins a try, unless one is under way or the last one reached nobody just now.
    pub(super) fn nudge(&self) {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        let busy = under_way.as_ref().is_some_and(|task| !task.is_finished());
        let early = self.sender.memory().not_before.is_some_and(|until| Instant::now() < until);
        if !busy && !early {
            *under_way = Some(tokio::spawn(self.sender.clone().send_all()));
        }
    }

    /// The last try: within [`LAST_TRY`], whatever is under way included.
    pub(super) async fn finish(&self) {
        let under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut tries: Vec<JoinHandle<()>> = under_way.into_iter().collect();
        let last = async {
            for task in &mut tries {
                // One that panicked has said so; what it did not send is sent below.
                let _panicked = task.await;
            }
            self.sender.clone().send_all().await;
        };
        if tokio::time::timeout(LAST_TRY, last).await.is_err() {
            tries.iter().for_each(JoinHandle::abort);
            self.sender.complain(format!(
                "the ledger could not be reached within {} s: what waits in the outbox is sent at the next start",
                LAST_TRY.as_secs()
            ));
        }
    }
}

impl Sender {
    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn complain(&self, error: String) {
        let mut memory = self.memory();
        if memory.last_error != error {
            self.view.show(&Notice::Says(format!("cannot go on: {error}")));
            memory.last_error = error;
        }
    }

    async fn send_all(self) {
        match self.send_each().await {
            Ok(Next::GoesOn) => self.memory().not_before = None,
            Ok(Next::Waits) => self.memory().not_before = Some(Instant::now() + PAUSE),
            Err(error) => self.complain(error.to_string()),
        }
    }

    /// Sends what waits. A parcel that is refused does not hold up those behind it.
    async fn send_each(&self) -> Result<Next, StoreError> {
        for outgoing in self.store.outgoing()? {
            match publish::send(&self.sources, &outgoing).await {
                Ok(_) => {
                    self.store.sent(&outgoing.soak)?;
                    self.memory().last_error.clear();
                }
                Err(error) => {
                    self.store.not_sent(&outgoing.soak, &format!("{error:#}"))?;
                    self.complain(format!("the ledger is not pushed, it stays in the outbox: {}", told(&error)));
                    if after(&error) == Next::Waits {
                        return Ok(Next::Waits);
                    }
                }
            }
        }
        Ok(Next::GoesOn)
    }
}

fn after(error: &anyhow::Error) -> Next {
    match error.downcast_ref::<LedgerError>() {
        Some(LedgerError::Git { source: GitError::Unreachable { .. } | GitError::TimedOut { .. }, .. }) => Next::Waits,
        _ => Next::GoesOn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_remote_that_is_away_holds_up_the_rest() {
        let git = |source| anyhow::Error::from(LedgerError::Git { operation: "fetch", source });
        let away = GitError::Unreachable { operation: "fetch", remote: "r".into(), detail: "d".into() };
        let slow = GitError::TimedOut { operation: "fetch", place: "r".into(), after: PAUSE };
        assert_eq!((after(&git(away)), after(&git(slow))), (Next::Waits, Next::Waits));
        let refused = LedgerError::Refused { remote: "r".into(), detail: "no".into() };
        assert_eq!(after(&refused.into()), Next::GoesOn);
        assert_eq!(after(&anyhow::anyhow!("a parcel that cannot be read")), Next::GoesOn);
    }
}
