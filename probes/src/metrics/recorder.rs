//! The recorder: scrapes all targets on one fixed grid into raw series.
//!
//! Invariants: tick i is due at t0 + i x interval of monotonic time, whatever the ticks before did; a target that
//! fails costs its own samples and no other's; what could not be recorded is an event, never silence.

use super::event_log::EventLog;
use super::feed::Feed;
use super::registry::Registry;
use super::scrape_loop::Loop;
use super::selection::{Selection, SelectionError};
use super::store::{Limits, Store};
use crate::clock::{RunClock, wall_ms};
use scorer::evidence::Event;
use scorer::signal::Labels;
use scorer::{RawSeries, Signal};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

/// How long a stop waits for the scrapes under way.
const STOP_WITHIN: Duration = Duration::from_secs(2);

/// Time between two looks at a server that shows samples late.
const POLL: Duration = Duration::from_millis(250);

/// Job of series of the registry that name no job.
pub const OWN_JOB: &str = "mettle";

/// Settings of a recorder.
#[derive(Clone, Debug)]
pub struct RecorderConfig {
    /// Time between ticks; at least 10 ms.
    pub interval: Duration,
    /// Time of tick 0 on `clock`, milliseconds since the Unix epoch; in the past: the next tick of that grid is first.
    pub start_at_ms: i64,
    /// Time of the run.
    pub clock: RunClock,
    /// The wall clock that is watched for steps, milliseconds since the Unix epoch.
    pub wall: fn() -> i64,
    /// Limits.
    pub limits: Limits,
    /// What signals ask for: such series are never dropped to make room for others, nor for want of it.
    pub wanted: Vec<Selection>,
}

impl RecorderConfig {
    /// A grid that starts now, with the default limits.
    pub fn every(interval: Duration, clock: RunClock) -> Self {
        let (start_at_ms, limits) = (clock.now_ms(), Limits::default());
        Self { interval, start_at_ms, clock, wall: wall_ms, limits, wanted: Vec::new() }
    }

    /// Wants every series that these signals are formed of.
    ///
    /// # Errors
    /// The first pattern that does not compile.
    pub fn for_signals(mut self, signals: &[Signal]) -> Result<Self, SelectionError> {
        for signal in signals {
            for selector in signal.form.selectors() {
                self.wanted.push(Selection::try_new(selector)?);
            }
        }
        Ok(self)
    }
}

/// Where a component is looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Its metrics; `None` for a component without `/metrics`.
    pub metrics: Option<Url>,
    /// Roots of its process trees; may be empty.
    pub pids: Vec<u32>,
}

/// What a recorder leaves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recording {
    /// Every series.
    pub series: Vec<RawSeries>,
    /// `scrape_gap`, `scrape_error`, `series_cap`, `clock_step`, in order of time.
    pub events: Vec<Event>,
}

/// A recorder that could not go on.
#[derive(Debug, thiserror::Error)]
pub enum RecorderError {
    /// Its task ended by itself.
    #[error("the recorder's task ended early")]
    TaskEnded(#[source] tokio::task::JoinError),
    /// Its task did not end in time.
    #[error("the recorder did not stop within {0:?}")]
    StopTimedOut(Duration),
}

/// A running recorder. Dropping it stops it, and the feed that it hands over.
#[derive(Debug)]
pub struct Recorder {
    shared: Arc<Shared>,
    clock: RunClock,
    interval: Duration,
    stop: CancellationToken,
    task: JoinHandle<()>,
    /// What is not scraped here but read from a server.
    feed: Option<Feed>,
    _guard: DropGuard,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) store: Mutex<Store>,
    pub(super) targets: Mutex<BTreeMap<String, Option<Target>>>,
    pub(super) events: Mutex<EventLog>,
}

impl Recorder {
    /// Starts recording; must be called within a tokio runtime.
    pub fn start(config: RecorderConfig, registry: Registry) -> Self {
        let shared = Arc::new(Shared {
            store: Mutex::new(Store::new(config.limits, config.wanted.clone())),
            targets: Mutex::default(),
            events: Mutex::default(),
        });
        let (clock, interval, stop) = (config.clock, config.interval, CancellationToken::new());
        let looper = Loop::new(config, registry, Arc::clone(&shared));
        let task = tokio::spawn(looper.run(stop.clone()));
        Self { shared, clock, interval, task, feed: None, _guard: stop.clone().drop_guard(), stop }
    }

    /// Hands over what `feed` reads beside what is scraped.
    pub fn with_feed(self, feed: Feed) -> Self {
        Self { feed: Some(feed), ..self }
    }

    /// Reads what a server has by now, within a time limit; without a feed there is nothing to do. A failure is an event.
    pub async fn catch_up(&self, within: Duration) {
        if let Some(feed) = &self.feed {
            feed.catch_up(within).await;
        }
    }

    /// Reads what a server has until samples of `until_ms` are there, or the time is over: some show them late.
    pub async fn wait_for(&self, until_ms: i64, within: Duration) {
        let Some(feed) = &self.feed else { return };
        let deadline = tokio::time::Instant::now() + within;
        loop {
            feed.catch_up(within).await;
            if feed.seen_ms().is_some_and(|seen| seen >= until_ms) || tokio::time::Instant::now() >= deadline {
                return;
            }
            tokio::time::sleep(self.interval.min(POLL)).await;
        }
    }

    /// How much later than its scrape a sample may be here.
    pub fn lag(&self) -> Duration {
        // A slice begins up to an interval after a scrape, and reads what was over then.
        if self.feed.is_some() { self.interval * 2 } else { Duration::ZERO }
    }

    /// As [`Feed::news_from_ms`]; the largest time without a metrics server.
    pub fn news_from_ms(&self) -> i64 {
        self.feed.as_ref().map_or(i64::MAX, Feed::news_from_ms)
    }

    fn fed(&self, chosen: impl Fn(&str, &Labels) -> bool, from_ms: i64) -> Vec<RawSeries> {
        self.feed.as_ref().map(|feed| feed.select(chosen, from_ms)).unwrap_or_default()
    }

    /// Time between ticks.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Now, on the clock of the samples.
    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// Sets where `job` is looked at from the next tick on; `None`: it is down, and recorded as down.
    pub fn set_target(&self, job: &str, target: Option<Target>) {
        lock(&self.shared.targets).insert(job.to_owned(), target);
    }

    /// Ends the recording of `job`; what was recorded stays.
    pub fn remove_target(&self, job: &str) {
        lock(&self.shared.targets).remove(job);
    }

    /// Everything recorded so far, by name and labels; the tick under way is not part of it.
    pub fn snapshot(&self) -> Vec<RawSeries> {
        self.since(i64::MIN)
    }

    /// What was recorded from `from_ms` on, by name and labels; the tick under way is not part of it.
    pub fn since(&self, from_ms: i64) -> Vec<RawSeries> {
        joined(lock(&self.shared.store).read(|_| true, from_ms), self.fed(|_, _| true, from_ms))
    }

    /// The series that `selection` means, from their beginning; the others are not expanded.
    pub fn select(&self, selection: &Selection) -> Vec<RawSeries> {
        self.window(selection, i64::MIN)
    }

    /// The series that signals ask for, from their beginning: all that a look needs.
    pub fn of_signals(&self) -> Vec<RawSeries> {
        joined(lock(&self.shared.store).signals(), self.fed(|_, _| true, i64::MIN))
    }

    /// The series that `selection` means, over the last `window` before now.
    pub fn latest_window(&self, selection: &Selection, window: Duration) -> Vec<RawSeries> {
        let window = i64::try_from(window.as_millis()).unwrap_or(i64::MAX);
        self.window(selection, self.clock.now_ms().saturating_sub(window))
    }

    fn window(&self, selection: &Selection, from_ms: i64) -> Vec<RawSeries> {
        let fed = self.fed(|name, labels| selection.contains(name, labels), from_ms);
        joined(lock(&self.shared.store).window(selection, from_ms), fed)
    }

    /// Events so far.
    pub fn events(&self) -> Vec<Event> {
        let mut events = lock(&self.shared.events).events();
        events.extend(self.feed.iter().flat_map(Feed::events));
        events.sort_by_key(|event| event.at_ms);
        events
    }

    /// Number of series, and bytes of their compressed values.
    pub fn size(&self) -> (usize, usize) {
        lock(&self.shared.store).size()
    }

    /// Whether the recording goes on; if not, [`Recorder::stop`] says why.
    pub fn is_running(&self) -> bool {
        !self.task.is_finished() && self.feed.as_ref().is_none_or(Feed::is_running)
    }

    /// Stops and hands over the recording.
    ///
    /// # Errors
    /// The task ended early or does not end.
    pub async fn stop(mut self) -> Result<Recording, RecorderError> {
        self.stop.cancel();
        match tokio::time::timeout(STOP_WITHIN, &mut self.task).await {
            Ok(Ok(())) => Ok(Recording { series: self.snapshot(), events: self.events() }),
            Ok(Err(error)) => Err(RecorderError::TaskEnded(error)),
            Err(_) => {
                self.task.abort();
                Err(RecorderError::StopTimedOut(STOP_WITHIN))
            }
        }
    }
}

/// Both, by name and labels.
fn joined(mut own: Vec<RawSeries>, fed: Vec<RawSeries>) -> Vec<RawSeries> {
    if !fed.is_empty() {
        own.extend(fed);
        own.sort_by(|a, b| (&a.name, &a.labels).cmp(&(&b.name, &b.labels)));
    }
    own
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change under a lock is complete before anything can panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
