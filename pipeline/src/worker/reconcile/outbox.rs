//! Sends the outbox: in a task of its own, so that neither a turn nor a soak waits for a remote.

use super::super::publish;
use super::errand::{Errand, Memory};
use crate::git::GitError;
use crate::ledger::LedgerError;
use crate::remedy::told;
use crate::store::{Store, StoreError};
use crate::worker::installation::Installation;
use crate::worker::sources::Sources;
use crate::worker::view::View;
use std::time::Duration;

/// Pause after a try that reached nobody: the turns are a second apart, and a remote that is away does not come back
/// within one.
const PAUSE: Duration = Duration::from_secs(5);

/// The sender.
pub(super) struct Outbox {
    sender: Sender,
    errand: Errand,
}

#[derive(Clone)]
struct Sender {
    store: Store,
    sources: Sources,
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
        let sender = Sender { store: installation.store.clone(), sources: sources.clone() };
        Outbox { sender, errand: Errand::new(view) }
    }

    /// Begins a try, unless one is under way or the last one reached nobody just now.
    pub(super) fn nudge(&self) {
        self.errand.nudge(|memory| self.sender.clone().send_all(memory));
    }

    /// The last try.
    pub(super) async fn finish(&self) {
        let last = self.sender.clone().send_all(self.errand.memory().clone());
        let late = |seconds| {
            stuck(&format!(
                "the ledger could not be reached within {seconds} s: what waits in the outbox is sent at the next start"
            ))
        };
        self.errand.finish(last, late).await;
    }
}

fn stuck(why: &str) -> String {
    format!("cannot go on: {why}")
}

impl Sender {
    async fn send_all(self, memory: Memory) {
        match self.send_each(&memory).await {
            Ok(Next::GoesOn) => memory.pause(None),
            Ok(Next::Waits) => memory.pause(Some(PAUSE)),
            Err(error) => memory.complain(stuck(&error.to_string())),
        }
    }

    /// Sends what waits. A parcel that is refused does not hold up those behind it.
    async fn send_each(&self, memory: &Memory) -> Result<Next, StoreError> {
        for outgoing in self.store.outgoing()? {
            match publish::send(&self.sources, &outgoing).await {
                Ok(_) => {
                    self.store.sent(&outgoing.soak)?;
                    memory.forgive();
                }
                Err(error) => {
                    self.store.not_sent(&outgoing.soak, &format!("{error:#}"))?;
                    memory.complain(stuck(&format!(
                        "the ledger is not pushed, it stays in the outbox: {}",
                        told(&error)
                    )));
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
