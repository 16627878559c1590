//! The grid of scrapes: what happens at each tick.

use super::exposition::{self, MAX_SERIES_PER_TARGET};
use super::process::ProcessSampler;
use super::recorder::{OWN_JOB, RecorderConfig, Shared, Target, lock};
use super::registry::{PROCESS_CPU, PROCESS_RESIDENT, PROCESS_UP, Registry};
use super::scrape::{Connection, ScrapeError, scrape};
use super::store::{Limits, Refused};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use scorer::evidence::Event;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use url::Url;

/// Share of the interval that a target has for its answer: the rest is for reading it before the next tick.
const DEADLINE_SHARE: f64 = 0.8;

/// Longest time that a target has, also when the interval is long.
const DEADLINE_MAX: Duration = Duration::from_secs(10);

/// A wall clock that departs by more than this between two ticks was set; slewing stays below 1 ms a second.
const CLOCK_STEP_MS: i64 = 100;

/// What the loop remembers about a job.
#[derive(Debug, Default)]
struct Job {
    connection: Option<Connection>,
    processes: ProcessSampler,
    failing_since_ms: Option<i64>,
    missed: u32,
    twice_told: bool,
}

#[derive(Debug)]
pub(super) struct Loop {
    config: RecorderConfig,
    registry: Registry,
    shared: Arc<Shared>,
    jobs: BTreeMap<String, Job>,
    wall_ahead_ms: Option<i64>,
}

/// How the scrape of one job ended.
struct Scraped {
    job: String,
    took: Duration,
    connection: Option<Connection>,
    result: Result<(usize, Refused), ScrapeError>,
}

impl Loop {
    pub(super) fn new(config: RecorderConfig, registry: Registry, shared: Arc<Shared>) -> Self {
        Self { config, registry, shared, jobs: BTreeMap::new(), wall_ahead_ms: None }
    }

    /// Scrapes until `stop`.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let clock = self.config.clock;
        let interval = self.config.interval.max(Duration::from_millis(10));
        let mut first = clock.instant_of(self.config.start_at_ms);
        let behind = Instant::now().saturating_duration_since(first);
        if !behind.is_zero() {
            let passed = behind.as_nanos().div_ceil(interval.as_nanos());
            first += interval.saturating_mul(u32::try_from(passed).unwrap_or(u32::MAX));
        }
        let mut ticks = tokio::time::interval_at(first.into(), interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut expected = first;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                due = ticks.tick() => self.note_missed(due.into(), &mut expected, interval),
            }
            self.note_clock_step();
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = self.tick(interval) => {}
            }
        }
    }

    /// Ticks that were skipped since the last one are a gap of all targets.
    fn note_missed(&self, due: Instant, expected: &mut Instant, interval: Duration) {
        let missed = due.saturating_duration_since(*expected).as_nanos() / interval.as_nanos();
        if missed > 0 {
            self.event("scrape_gap", None, format!("{missed} ticks were missed: the recorder did not get to run"));
        }
        *expected = due + interval;
    }

    fn note_clock_step(&mut self) {
        let ahead = (self.config.wall)() - self.config.clock.now_ms();
        let step = ahead - self.wall_ahead_ms.replace(ahead).unwrap_or(ahead);
        if step.abs() > CLOCK_STEP_MS {
            let detail = format!("the wall clock stepped by {step} ms; recorded times keep counting evenly");
            self.event("clock_step", None, detail);
        }
    }

    async fn tick(&mut self, interval: Duration) {
        let at_ms = self.config.clock.now_ms();
        let targets = lock(&self.shared.targets).clone();
        self.jobs.retain(|job, _| targets.contains_key(job));
        self.sample_registry(at_ms);
        let deadline = interval.mul_f64(DEADLINE_SHARE).min(DEADLINE_MAX);
        let mut under_way = FuturesUnordered::new();
        for (name, target) in targets {
            let job = self.jobs.entry(name.clone()).or_default();
            let mut store = lock(&self.shared.store);
            store.open(&name, at_ms);
            let pids = target.as_ref().map_or(&[][..], |target| &target.pids);
            let usage = job.processes.sample(pids);
            // A component that is known without its processes has no process series at all.
            if !pids.is_empty() || target.is_none() {
                store.note(&name, PROCESS_UP, if usage.processes > 0 { 1.0 } else { 0.0 });
                store.note(&name, PROCESS_CPU, usage.cpu_s);
                if usage.processes > 0 {
                    store.note(&name, PROCESS_RESIDENT, usage.resident_bytes);
                }
            }
            match target {
                Some(Target { metrics: Some(url), .. }) => {
                    let kept = job.connection.take();
                    let (shared, limits) = (Arc::clone(&self.shared), self.config.limits);
                    under_way.push(scrape_job(name, url, kept, deadline, Sink { shared, limits }));
                }
                Some(_) => store.complete(&name),
                None => {
                    store.note(&name, "up", 0.0);
                    store.complete(&name);
                }
            }
        }
        while let Some(scraped) = under_way.next().await {
            self.settle(scraped, at_ms);
        }
    }

    fn sample_registry(&self, at_ms: i64) {
        let mut store = lock(&self.shared.store);
        store.open(OWN_JOB, at_ms);
        self.registry.sample(|position, name, value| store.note_position(OWN_JOB, position, name, value));
        store.complete(OWN_JOB);
    }

    /// Writes down how a scrape ended; events speak of changes, not of every tick.
    fn settle(&mut self, scraped: Scraped, at_ms: i64) {
        let Scraped { job: name, took, connection, result } = scraped;
        let samples = result.as_ref().map_or(0, |(samples, _)| *samples);
        {
            let mut store = lock(&self.shared.store);
            store.note(&name, "up", if result.is_ok() { 1.0 } else { 0.0 });
            store.note(&name, "scrape_duration_seconds", took.as_secs_f64());
            store.note(&name, "scrape_samples_scraped", samples as f64);
            store.complete(&name);
        }
        let job = self.jobs.entry(name.clone()).or_default();
        job.connection = connection;
        match result {
            Ok((_, refused)) => {
                let recovered = job.failing_since_ms.take().map(|since| (since, std::mem::take(&mut job.missed)));
                let twice = refused.twice.filter(|_| !std::mem::replace(&mut job.twice_told, true));
                if let Some((since, missed)) = recovered {
                    let detail = format!("{missed} scrapes failed from {since} to {at_ms} ms");
                    self.event("scrape_gap", Some(&name), detail);
                }
                if let Some(series) = twice {
                    let detail = format!("`{series}` came twice in one scrape; the first value was kept");
                    self.event("scrape_error", Some(&name), detail);
                }
                self.note_dropped(&name, refused.dropped);
            }
            Err(error) => {
                job.missed += 1;
                if job.failing_since_ms.is_none() {
                    job.failing_since_ms = Some(at_ms);
                    self.event("scrape_error", Some(&name), error.line());
                }
            }
        }
    }

    fn note_dropped(&self, job: &str, dropped: usize) {
        let at_ms = self.config.clock.now_ms();
        lock(&self.shared.events).note_dropped(job, dropped, self.config.limits.series, at_ms);
    }

    fn event(&self, kind: &str, component: Option<&str>, detail: String) {
        let at_ms = self.config.clock.now_ms();
        let (kind, component) = (kind.to_owned(), component.map(str::to_owned));
        lock(&self.shared.events).push(Event { at_ms, kind, component, detail });
    }
}

/// Where a scrape goes.
struct Sink {
    shared: Arc<Shared>,
    limits: Limits,
}

async fn scrape_job(job: String, url: Url, kept: Option<Connection>, deadline: Duration, sink: Sink) -> Scraped {
    let started = Instant::now();
    let max_series = sink.limits.series_per_target.min(MAX_SERIES_PER_TARGET);
    let answer = tokio::time::timeout(deadline, scrape(&url, kept, sink.limits.response_bytes)).await;
    let took = started.elapsed();
    let (connection, result) = match answer {
        Err(_) => (None, Err(ScrapeError::Deadline { ms: deadline.as_millis() })),
        Ok(Err(error)) => (None, Err(error)),
        Ok(Ok((response, connection))) => {
            let result = exposition::parse(&response.body, response.format, max_series).and_then(|read| {
                let refused = lock(&sink.shared.store).take(&job, &read)?;
                Ok((read.samples.len(), refused))
            });
            (Some(connection), result.map_err(ScrapeError::from))
        }
    };
    Scraped { job, took, connection, result }
}
