//! The feed: reads a metrics server in slices while a soak runs.
//!
//! Invariants: a sample is kept once, however often its time was read; a slice that failed is read again with the next
//! one, so that nothing is lost while the server is away; what could not be read is an event, never silence.

mod kept;

use super::event_log::EventLog;
use super::recorder::lock;
use super::server::{Server, SourceError, Window, check_query, merged};
use crate::clock::RunClock;
use kept::Kept;
use scorer::RawSeries;
use scorer::evidence::Event;
use scorer::signal::{Labels, MatchOp, Matcher, Selector};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

/// How far back every slice reads again: a scrape has its time when it begins and is seen when it ended, ten seconds
/// later at most by default; some servers show samples only after that.
const LATE_MS: i64 = 60_000;

/// Shortest time between slices.
const EVERY_MIN: Duration = Duration::from_millis(500);

/// Scrapes before the beginning that are read: the first increment needs the scrape before it.
const BEFORE: i64 = 3;

/// How far the distance of scrapes may be from the interval, as a share of it.
const OFF: f64 = 0.3;

/// Least distance of the clocks that is allowed, milliseconds; beyond it a quarter of the scrape interval.
const SKEW_MIN_MS: i64 = 250;

/// What says of a target that it answered, and when it began to count.
const OF_TARGETS: &str = "up|process_start_time_seconds";

/// Name of the series of a query; the labels `signal` and `query` say whose.
pub const QUERY_NAME: &str = "mettle_query";

/// Beginning of the names that are ours: a server that has them has them from us.
const OWN: &str = "mettle_";

/// Bytes of a query's digest in its label.
const QUERY_DIGEST: usize = 8;

/// How long ago a moment is before a query is evaluated for it where samples are seen late: VictoriaMetrics repeats or
/// leaves out what is younger than half a minute.
const SEEN_LATE_MS: i64 = 45_000;

/// How far back scrapes are looked at before anything is recorded, to tell their distance.
const INTERVAL_LOOK_MS: i64 = 600_000;

/// A query that the server evaluates for a signal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedQuery {
    /// Signal.
    pub signal: String,
    /// PromQL.
    pub promql: String,
    /// Distance of its values.
    pub step: Duration,
}

impl FeedQuery {
    /// The selector of the series that the values of a query become. Another query under the same name is another
    /// series: its values are not to be compared.
    pub fn selector(signal: &str, promql: &str) -> Selector {
        let equal = |(label, value)| Matcher { label, op: MatchOp::Equal, value };
        Selector {
            name: QUERY_NAME.to_owned(),
            matchers: FeedQuery::labels(signal, promql).into_iter().map(equal).collect(),
        }
    }

    fn labels(signal: &str, promql: &str) -> Labels {
        let digest = Sha256::digest(promql.trim().as_bytes());
        let short: String = digest.iter().take(QUERY_DIGEST).map(|byte| format!("{byte:02x}")).collect();
        Labels::from([("signal".to_owned(), signal.to_owned()), ("query".to_owned(), short)])
    }
}

/// What is read from where.
#[derive(Clone, Debug)]
pub struct FeedConfig {
    /// The server.
    pub server: Server,
    /// Series.
    pub selectors: Vec<Selector>,
    /// Queries.
    pub queries: Vec<FeedQuery>,
    /// Time between slices, usually the scrape interval.
    pub every: Duration,
    /// Time of the run.
    pub clock: RunClock,
    /// What an earlier process of the same run has read already.
    pub known: Vec<RawSeries>,
}

/// A running feed. Dropping it stops it.
#[derive(Debug)]
pub struct Feed {
    reader: Arc<Reader>,
    task: JoinHandle<()>,
    _guard: DropGuard,
}

#[derive(Debug)]
struct Reader {
    config: FeedConfig,
    start_ms: i64,
    /// What came since somebody asked last is not before this time.
    news_from_ms: AtomicI64,
    /// Held while a slice is read: the loop and whoever catches up take turns.
    turn: tokio::sync::Mutex<Cursor>,
    kept: Mutex<Kept>,
    events: Mutex<EventLog>,
}

/// How far was read.
#[derive(Debug)]
struct Cursor {
    /// Up to here everything was read.
    done_ms: i64,
    /// Jobs whose targets are read, too.
    jobs: BTreeSet<String>,
    /// By query: the next moment.
    queries: Vec<i64>,
    failing_since_ms: Option<i64>,
}

impl Feed {
    /// Checks queries, clock, server and, where scrapes are there already, their distance; reads the first slice, and goes on by itself.
    ///
    /// # Errors
    /// A query is no PromQL, the clocks or intervals do not agree, or the server cannot be read.
    pub async fn start(config: FeedConfig) -> Result<Self, SourceError> {
        config.queries.iter().try_for_each(|query| check_query(&query.promql))?;
        let every_ms = i64::try_from(config.every.as_millis()).unwrap_or(i64::MAX);
        config.server.check_clock(config.clock, (every_ms / 4).max(SKEW_MIN_MS)).await?;
        let kept = Kept::new(config.known.clone(), config.server.limits().samples);
        let start_ms = config.clock.now_ms().saturating_sub(every_ms.saturating_mul(BEFORE)).min(kept.first_ms());
        let cursor = Cursor {
            done_ms: kept.last_ms().unwrap_or(start_ms),
            jobs: BTreeSet::new(),
            queries: config.queries.iter().map(|query| kept.after(query, start_ms)).collect(),
            failing_since_ms: None,
        };
        let every = config.every.max(EVERY_MIN);
        let (turn, kept) = (tokio::sync::Mutex::new(cursor), Mutex::new(kept));
        let news_from_ms = AtomicI64::new(i64::MIN);
        let reader = Arc::new(Reader { config, start_ms, news_from_ms, turn, kept, events: Mutex::default() });
        reader.check_interval(every_ms).await?;
        reader.slice(&mut *reader.turn.lock().await).await?;
        let stop = CancellationToken::new();
        let task = tokio::spawn(Arc::clone(&reader).run(every, stop.clone()));
        Ok(Feed { reader, task, _guard: stop.drop_guard() })
    }

    /// Reads up to now, within a time limit. What was not read then is read by the next slice.
    pub async fn catch_up(&self, within: Duration) {
        // A failure is an event already.
        drop(tokio::time::timeout(within, self.reader.read()).await);
    }

    /// Time of the newest sample that was read.
    pub fn seen_ms(&self) -> Option<i64> {
        lock(&self.reader.kept).last_ms()
    }

    /// Time before which nothing came since this was asked last, milliseconds since the epoch; the largest one where
    /// nothing came at all. Whoever keeps what was read asks first, and then for everything from then on.
    pub fn news_from_ms(&self) -> i64 {
        self.reader.news_from_ms.swap(i64::MAX, Ordering::Relaxed)
    }

    /// Every series that `chosen` accepts, from `from_ms` on, by name and labels.
    pub fn select(&self, chosen: impl Fn(&str, &Labels) -> bool, from_ms: i64) -> Vec<RawSeries> {
        let replica = &self.reader.config.server.settings().replica_labels;
        if replica.is_empty() {
            return lock(&self.reader.kept).select(chosen, from_ms);
        }
        let mut all = merged(lock(&self.reader.kept).select(|_, _| true, i64::MIN), replica);
        all.retain_mut(|series| {
            let from = series.times_ms.partition_point(|time| *time < from_ms);
            series.times_ms.drain(..from);
            series.values.drain(..from);
            chosen(&series.name, &series.labels) && !series.values.is_empty()
        });
        all
    }

    /// Events so far.
    pub fn events(&self) -> Vec<Event> {
        lock(&self.reader.events).events()
    }

    /// Whether it goes on.
    pub fn is_running(&self) -> bool {
        !self.task.is_finished()
    }
}

impl Reader {
    /// Compares the distance of the scrapes that are there with the interval; of too few nothing is said.
    async fn check_interval(&self, every_ms: i64) -> Result<(), SourceError> {
        let to_ms = self.config.clock.now_ms();
        let back_ms = INTERVAL_LOOK_MS.max(every_ms.saturating_mul(3 * BEFORE));
        let window = Window { from_ms: to_ms.saturating_sub(back_ms), to_ms };
        let read = self.config.server.read(&self.config.selectors, window).await?;
        let Some(usual_ms) = kept::usual_ms(&read) else { return Ok(()) };
        if (usual_ms - every_ms).abs() as f64 > every_ms as f64 * OFF {
            let url = self.config.server.settings().url.to_string();
            return Err(SourceError::Interval { url, usual_ms, every_ms });
        }
        Ok(())
    }

    async fn run(self: Arc<Self>, every: Duration, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                // Told by an event; the next slice begins where this one did.
                _ = self.read() => {}
            }
        }
    }

    /// One slice, with events at the first failure and at the recovery.
    async fn read(&self) -> Result<(), SourceError> {
        let mut cursor = self.turn.lock().await;
        let read = self.slice(&mut cursor).await;
        let now_ms = self.config.clock.now_ms();
        match &read {
            Ok(()) => {
                if let Some(since) = cursor.failing_since_ms.take() {
                    self.event(
                        now_ms,
                        "source_recovered",
                        format!("nothing could be read from {since} to {now_ms} ms"),
                    );
                }
            }
            Err(error) if cursor.failing_since_ms.is_none() => {
                cursor.failing_since_ms = Some(now_ms);
                self.event(now_ms, "source_error", error.told());
            }
            Err(_) => {}
        }
        read
    }

    async fn slice(&self, cursor: &mut Cursor) -> Result<(), SourceError> {
        let to_ms = self.config.clock.now_ms();
        let from_ms = cursor.done_ms.saturating_sub(LATE_MS).max(self.start_ms);
        let mut selectors = self.config.selectors.clone();
        selectors.extend(of_targets(&cursor.jobs));
        self.take(&selectors, Window { from_ms, to_ms }).await?;
        let jobs = lock(&self.kept).jobs();
        if jobs != cursor.jobs {
            // A target that is new to us may have begun long ago.
            let selectors: Vec<Selector> = of_targets(&jobs).into_iter().collect();
            self.take(&selectors, Window { from_ms: self.start_ms, to_ms }).await?;
            cursor.jobs = jobs;
        }
        cursor.done_ms = to_ms;
        let mut failed = Ok(());
        for (query, next_ms) in self.config.queries.iter().zip(&mut cursor.queries) {
            // One that fails keeps no other from being evaluated.
            failed = failed.and(self.evaluate(query, next_ms, to_ms).await);
        }
        failed
    }

    async fn take(&self, selectors: &[Selector], window: Window) -> Result<(), SourceError> {
        let read = self.read_foreign(selectors, window).await?;
        self.news(window.from_ms);
        let torn = lock(&self.kept).add(read, selectors)?;
        if !torn.is_empty() {
            // A histogram has a bucket that it had not: what it held before is known to the server alone.
            let whole = Window { from_ms: self.start_ms, to_ms: window.to_ms };
            let read = self.read_foreign(&torn, whole).await?;
            self.news(whole.from_ms);
            lock(&self.kept).replace(read, selectors)?;
        }
        Ok(())
    }

    /// Series as the server has them, replicas apart: which of them counts is decided over the whole window.
    async fn read_foreign(&self, selectors: &[Selector], window: Window) -> Result<Vec<RawSeries>, SourceError> {
        let mut read = self.config.server.read_apart(selectors, window).await?;
        read.retain(|series| !series.name.starts_with(OWN));
        Ok(read)
    }

    async fn evaluate(&self, query: &FeedQuery, next_ms: &mut i64, now_ms: i64) -> Result<(), SourceError> {
        // Not of the last moment, whose scrapes are under way.
        let every_ms = i64::try_from(self.config.every.as_millis()).unwrap_or(0).min(LATE_MS);
        let to_ms = now_ms - if self.config.server.is_seen_late() { SEEN_LATE_MS.max(every_ms) } else { every_ms };
        if *next_ms > to_ms {
            return Ok(());
        }
        let window = Window { from_ms: *next_ms, to_ms };
        let mut values = self.config.server.evaluate(&query.promql, window, query.step).await?;
        for series in &mut values {
            QUERY_NAME.clone_into(&mut series.name);
            series.labels.extend(FeedQuery::labels(&query.signal, &query.promql));
        }
        self.news(window.from_ms);
        lock(&self.kept).add(values, &[FeedQuery::selector(&query.signal, &query.promql)])?;
        let step_ms = i64::try_from(query.step.as_millis()).unwrap_or(i64::MAX).max(1);
        *next_ms = next_ms.saturating_add(((to_ms - *next_ms) / step_ms + 1).saturating_mul(step_ms));
        Ok(())
    }

    /// Something comes that is not before this time.
    fn news(&self, from_ms: i64) {
        self.news_from_ms.fetch_min(from_ms, Ordering::Relaxed);
    }

    fn event(&self, at_ms: i64, kind: &str, detail: String) {
        lock(&self.events).push(Event { at_ms, kind: kind.to_owned(), component: None, detail });
    }
}

/// Selector of what is said of the targets of these jobs.
fn of_targets(jobs: &BTreeSet<String>) -> Option<Selector> {
    if jobs.is_empty() {
        return None;
    }
    let names = Matcher { label: "__name__".to_owned(), op: MatchOp::Matches, value: OF_TARGETS.to_owned() };
    let any = jobs.iter().map(|job| regex::escape(job)).collect::<Vec<_>>().join("|");
    let jobs = Matcher { label: "job".to_owned(), op: MatchOp::Matches, value: any };
    Some(Selector { name: String::new(), matchers: vec![names, jobs] })
}
