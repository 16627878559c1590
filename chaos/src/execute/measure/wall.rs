//! What a component's own answers tell about its wall clock: the field Date, in whole seconds, beside the host's clock.

use super::exchange::ask;
use crate::probe::Probe;
use http::header;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_millis(900);
/// Resolution of the field.
const SECOND_MS: f64 = 1_000.0;
/// Furthest that a clock without any fault may be off and still be measured against.
const TRUE_WITHIN_MS: f64 = 2_000.0;

/// A component that is asked for its time.
#[derive(Debug)]
pub(in crate::execute) struct WallClock {
    address: SocketAddr,
    path: String,
    since: Option<Instant>,
    looks: Vec<Look>,
}

/// One answer: the clock was ahead by something between these.
#[derive(Clone, Copy, Debug)]
struct Look {
    /// Since the fault is in: when it was asked, and when the answer was there. The answer tells of a moment in between.
    asked_s: f64,
    answered_s: f64,
    low_ms: f64,
    high_ms: f64,
}

impl WallClock {
    /// Asks once, before any fault.
    ///
    /// # Errors
    /// What the component answers tells no time, or another one than ours.
    pub(in crate::execute) async fn before(address: Option<SocketAddr>, probe: Probe) -> Result<Self, String> {
        let (Some(address), Probe::Http { path }) = (address, probe) else {
            return Err("the component has no health path whose answers could tell its time".to_owned());
        };
        let clock = Self { address, path, since: None, looks: Vec::new() };
        let look = clock.ask().await.ok_or("the answers of the component carry no Date: its time cannot be read")?;
        if look.low_ms > TRUE_WITHIN_MS || look.high_ms < -TRUE_WITHIN_MS {
            let ms = f64::midpoint(look.low_ms, look.high_ms);
            return Err(format!("the clock of the component is off by {ms:.0} ms without any fault"));
        }
        Ok(clock)
    }

    /// From now on what is seen counts.
    pub(in crate::execute) fn is_in(&mut self) {
        self.since = Some(Instant::now());
    }

    /// Asks once more.
    pub(in crate::execute) async fn look(&mut self) {
        if self.since.is_some() {
            self.looks.extend(self.ask().await);
        }
    }

    async fn ask(&self) -> Option<Look> {
        let seconds = || self.since.map_or(0.0, |since| since.elapsed().as_secs_f64());
        let (sent, asked_s) = (now_ms()?, seconds());
        let response = ask(self.address, &self.path, PATIENCE).await?;
        let (received, answered_s) = (now_ms()?, seconds());
        let date = response.fields.get(header::DATE)?.to_str().ok()?;
        let told = httpdate::parse_http_date(date).ok()?.duration_since(UNIX_EPOCH).ok()?.as_secs_f64() * SECOND_MS;
        Some(Look { asked_s, answered_s, low_ms: told - received, high_ms: told + SECOND_MS - sent })
    }

    /// Milliseconds ahead of the true time, where every answer allows it.
    pub(in crate::execute) fn offset_ms(&self) -> Option<f64> {
        middle(self.looks.iter().map(|look| (look.low_ms, look.high_ms)))
    }

    /// Milliseconds gained in each second.
    pub(in crate::execute) fn gained_ms_per_s(&self) -> Option<f64> {
        let later = self.looks.iter().filter(|look| look.asked_s > 0.0);
        middle(later.map(|look| {
            let by = [look.asked_s, look.answered_s];
            let low = by.map(|seconds| look.low_ms / seconds).into_iter().fold(f64::INFINITY, f64::min);
            let high = by.map(|seconds| look.high_ms / seconds).into_iter().fold(f64::NEG_INFINITY, f64::max);
            (low, high)
        }))
    }

    /// How often it has answered since the fault is in.
    pub(in crate::execute) fn looks(&self) -> usize {
        self.looks.len()
    }
}

/// The middle of what all these intervals have in common; `None` when the answers contradict each other by more than a
/// second, which a server that looks at its clock once a second explains.
fn middle(bounds: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let (low, high) = bounds.reduce(|(low, high), (l, h)| (low.max(l), high.min(h)))?;
    (low - high <= SECOND_MS).then(|| f64::midpoint(low, high))
}

fn now_ms() -> Option<f64> {
    Some(SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs_f64() * SECOND_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_seconds_tell_an_offset_and_a_gain_far_finer() {
        let told = |ahead: f64, gain: f64| {
            let look = |n: u32| {
                let seconds = f64::from(n) * 0.05 + 0.01;
                // Any phase of the host's clock.
                let now = 123_456_789.0 + seconds * SECOND_MS;
                let date = ((now + ahead + gain * seconds) / SECOND_MS).floor() * SECOND_MS;
                Look {
                    asked_s: seconds,
                    answered_s: seconds + 0.002,
                    low_ms: date - now - 2.0,
                    high_ms: date + SECOND_MS - now,
                }
            };
            let address = SocketAddr::from(([127, 0, 0, 1], 1));
            WallClock { address, path: "/".into(), since: None, looks: (0..48).map(look).collect() }
        };
        assert!((told(-60_000.0, 0.0).offset_ms().unwrap() + 60_000.0).abs() < 60.0);
        assert!((told(0.0, 1_000.0).gained_ms_per_s().unwrap() - 1_000.0).abs() < 60.0);
        assert!((told(0.0, -500.0).gained_ms_per_s().unwrap() + 500.0).abs() < 60.0);
        assert!(told(0.0, 0.0).gained_ms_per_s().unwrap().abs() < 60.0);
    }

    #[test]
    fn answers_that_contradict_each_other_tell_nothing() {
        assert_eq!(middle([(0.0, 1_000.0), (500.0, 1_500.0)].into_iter()), Some(750.0));
        assert_eq!(middle([(-3_600_000.0, -3_599_000.0), (0.0, 1_000.0)].into_iter()), None);
        assert_eq!(middle(std::iter::empty()), None);
    }
}
