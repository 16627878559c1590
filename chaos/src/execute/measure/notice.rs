//! When a component acts on another setting, as its own answers show.

use super::exchange::ask;
use crate::fault::Seen;
use http::StatusCode;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_millis(900);
/// Pause between two looks: the resolution of the times.
const LOOK: Duration = Duration::from_millis(20);

/// A component that is asked which setting it acts on.
pub(in crate::execute) struct Notice {
    address: SocketAddr,
    seen: Seen,
    /// Names of the times to the new value, and back to the old one.
    names: [&'static str; 2],
    /// Status of answers with the old value.
    status: StatusCode,
    since: Option<Instant>,
    there: Option<Duration>,
    back: Arc<Mutex<Option<Duration>>>,
    /// Watches the way back; ends with this.
    watcher: JoinSet<()>,
}

impl Notice {
    /// Asks once, before anything is changed.
    ///
    /// # Errors
    /// The component does not answer, or answers with the expected text already.
    pub(in crate::execute) async fn before(
        address: Option<SocketAddr>,
        (seen, names): (Seen, [&'static str; 2]),
    ) -> Result<Self, String> {
        let address = address.ok_or("the component has no port at which it could be seen to act on the value")?;
        let answer = ask(address, &seen.path, PATIENCE).await;
        let answer = answer.ok_or_else(|| format!("the component does not answer GET {}", seen.path))?;
        if holds(&answer.body, &seen.expect) {
            let text = "before anything was changed: its time could not be measured";
            return Err(format!("GET {} answers with the expected text {text}", seen.path));
        }
        let status = answer.status;
        let (back, watcher) = (Arc::default(), JoinSet::new());
        Ok(Self { address, seen, names, status, since: None, there: None, back, watcher })
    }

    /// The new value is there.
    pub(in crate::execute) fn is_in(&mut self) {
        self.since = Some(Instant::now());
    }

    /// Waits until an answer shows the new value.
    ///
    /// # Errors
    /// None does in time.
    pub(in crate::execute) async fn wait(&mut self) -> Result<(), String> {
        let since = *self.since.get_or_insert_with(Instant::now);
        while since.elapsed() < self.seen.within.duration() {
            let answer = ask(self.address, &self.seen.path, PATIENCE).await;
            if answer.is_some_and(|answer| holds(&answer.body, &self.seen.expect)) {
                self.there = Some(since.elapsed());
                return Ok(());
            }
            sleep(LOOK).await;
        }
        // Not the text itself: it may hold a secret.
        let Seen { path, within, .. } = &self.seen;
        Err(format!("not seen: no answer to GET {path} held the expected text within {within}"))
    }

    /// The old value is there again: from now on answers that show it are looked for, until this is dropped.
    pub(in crate::execute) fn is_out(&mut self) {
        if self.there.is_none() {
            return;
        }
        let (address, seen, status, back) = (self.address, self.seen.clone(), self.status, self.back.clone());
        let since = Instant::now();
        self.watcher.spawn(async move {
            let is_old = async || {
                let answer = ask(address, &seen.path, PATIENCE).await;
                answer.is_some_and(|answer| answer.status == status && !holds(&answer.body, &seen.expect))
            };
            while !is_old().await {
                sleep(LOOK).await;
            }
            *back.lock().unwrap_or_else(PoisonError::into_inner) = Some(since.elapsed());
        });
    }

    /// The times that were seen, milliseconds.
    pub(in crate::execute) fn quantities(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let back = *self.back.lock().unwrap_or_else(PoisonError::into_inner);
        let all = self.names.into_iter().zip([self.there, back]);
        all.filter_map(|(name, took)| Some((name, took?.as_secs_f64() * 1e3)))
    }
}

fn holds(body: &[u8], text: &str) -> bool {
    body.windows(text.len()).any(|window| window == text.as_bytes())
}
