//! When a component acts on another setting, as its own answers show.

use super::exchange::{Response, ask};
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
        let answer = whole(address, &seen.path, PATIENCE).await;
        let answer = answer.ok_or_else(|| format!("the component does not answer GET {} in whole", seen.path))?;
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
        // An answer after the time is none in time.
        while let Some(left) = self.seen.within.duration().checked_sub(since.elapsed()).filter(|left| !left.is_zero()) {
            let answer = whole(self.address, &self.seen.path, PATIENCE.min(left)).await;
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
                let answer = whole(address, &seen.path, PATIENCE).await;
                answer.is_some_and(|answer| answer.status == status && !holds(&answer.body, &seen.expect))
            };
            while !is_old().await {
                sleep(LOOK).await;
            }
            *back.lock().unwrap_or_else(PoisonError::into_inner) = Some(since.elapsed());
        });
    }

    /// What to tell when the new value was seen, and the old one never again.
    pub(in crate::execute) fn remark(&self) -> Option<String> {
        let back = *self.back.lock().unwrap_or_else(PoisonError::into_inner);
        let stays = self.there.is_some() && back.is_none();
        let text = "was not seen to show the old value again before the observation ended";
        stays.then(|| format!("GET {} {text}", self.seen.path))
    }

    /// The times that were seen, milliseconds.
    pub(in crate::execute) fn quantities(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let back = *self.back.lock().unwrap_or_else(PoisonError::into_inner);
        let all = self.names.into_iter().zip([self.there, back]);
        all.filter_map(|(name, took)| Some((name, took?.as_secs_f64() * 1e3)))
    }
}

/// An answer that came to its end: half of one holds too little as well as too much.
async fn whole(address: SocketAddr, path: &str, limit: Duration) -> Option<Response> {
    ask(address, path, limit).await.filter(|answer| answer.is_whole)
}

fn holds(body: &[u8], text: &str) -> bool {
    body.windows(text.len()).any(|window| window == text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::Span;
    use std::net::Ipv4Addr;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    const OLD: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 3\r\n\r\nold";

    /// Answers once with the old value, and from then on with this, so late.
    async fn component(then: &'static str, late: Duration) -> (SocketAddr, JoinSet<()>) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (address, mut server) = (listener.local_addr().unwrap(), JoinSet::new());
        server.spawn(async move {
            for n in 0.. {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 1_024];
                assert!(stream.read(&mut request).await.unwrap() > 0);
                if n > 0 {
                    sleep(late).await;
                }
                // Who has given up does not read it.
                let _ = stream.write_all(if n == 0 { OLD } else { then }.as_bytes()).await;
            }
        });
        (address, server)
    }

    async fn noticed(then: &'static str, late_ms: u64, within_ms: u64) -> Result<(), String> {
        let (address, _server) = component(then, Duration::from_millis(late_ms)).await;
        let seen = Seen { path: "/flag".into(), expect: "new".into(), within: Span::from_ms(within_ms) };
        let mut notice = Notice::before(Some(address), (seen, ["on", "off"])).await?;
        notice.wait().await
    }

    #[tokio::test]
    async fn only_a_whole_answer_in_time_counts() {
        let whole = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 3\r\n\r\nnew";
        let half = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 9\r\n\r\nnew";
        assert_eq!(noticed(whole, 0, 20_000).await, Ok(()));
        let never = Err("not seen: no answer to GET /flag held the expected text within 200ms".to_owned());
        assert_eq!(noticed(half, 0, 200).await, never);
        assert_eq!(noticed(whole, 400, 200).await, never);
    }
}
