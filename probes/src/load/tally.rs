//! Counts and histograms while a run goes on.

use super::document::Load;
use crate::metrics::registry::{Counter, Histogram as Buckets, Registry};
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::time::Duration;

/// Bucket bounds in seconds for response times.
const BOUNDS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Longest time that a histogram holds, in microseconds: an hour, far above any time limit.
const MAX_US: u64 = 3_600_000_000;

/// A request sent later than this after its intended start waited in the queue.
const LATE_AFTER: Duration = Duration::from_millis(1);

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ended {
    Ok,
    Connect,
    Timeout,
    Closed,
    Status4xx,
    Status5xx,
}

impl Ended {
    pub(super) fn name(self) -> &'static str {
        match self {
            Ended::Ok => "ok",
            Ended::Connect => "connect",
            Ended::Timeout => "timeout",
            Ended::Closed => "closed",
            Ended::Status4xx => "status_4xx",
            Ended::Status5xx => "status_5xx",
        }
    }
}

/// A histogram of three significant digits over microseconds.
pub(super) fn microseconds() -> Histogram<u64> {
    Histogram::new_with_bounds(1, MAX_US, 3).expect("the bounds are in order")
}

struct StepCells {
    ok: Counter,
    error: Counter,
    dropped: Counter,
    response: Buckets,
}

/// Everything that a run counts.
pub(super) struct Tally {
    scheduled: Counter,
    sent: Counter,
    late: Counter,
    dropped: Counter,
    steps: Vec<StepCells>,
    pub(super) counts: Counts,
    pub(super) response: Histogram<u64>,
    pub(super) service: Histogram<u64>,
    pub(super) lag: Histogram<u64>,
    timeout: Duration,
}

/// Numbers of requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) scheduled: u64,
    pub(super) sent: u64,
    pub(super) late: u64,
    pub(super) dropped: u64,
    pub(super) ended: BTreeMap<&'static str, u64>,
}

impl Tally {
    pub(super) fn new(registry: &Registry, suite: &str, load: &Load) -> Self {
        let counter = |name: &str| registry.counter(name, &[("suite", suite)]);
        let step = |name: &str| {
            let labels = [("suite", suite), ("step", name)];
            let ended = |how| registry.counter("mettle_load_requests_total", &[labels[0], labels[1], ("outcome", how)]);
            StepCells {
                ok: ended("ok"),
                error: ended("error"),
                dropped: ended("dropped"),
                response: registry.histogram("mettle_load_response_seconds", &labels, &BOUNDS),
            }
        };
        Self {
            scheduled: counter("mettle_load_scheduled_total"),
            sent: counter("mettle_load_sent_total"),
            late: counter("mettle_load_late_total"),
            dropped: counter("mettle_load_dropped_total"),
            steps: load.requests.iter().map(|r| step(&r.name)).collect(),
            counts: Counts::default(),
            response: microseconds(),
            service: microseconds(),
            lag: microseconds(),
            timeout: load.timeout(),
        }
    }

    /// A request was put on schedule, `lag` after its intended start.
    pub(super) fn schedule(&mut self, lag: Duration) {
        self.scheduled.inc();
        self.counts.scheduled += 1;
        self.lag.saturating_record(us(lag));
    }

    /// A request found the queue full, or waited in it for longer than its time limit: a user would have waited in
    /// vain. It is an outcome, and its response took the time limit at least; a product that stalls must not look
    /// better the longer it stalls.
    pub(super) fn drop_one(&mut self, step: usize) {
        self.dropped.inc();
        self.counts.dropped += 1;
        self.response.saturating_record(us(self.timeout));
        let cells = &self.steps[step];
        cells.dropped.inc();
        cells.response.observe(self.timeout.as_secs_f64());
    }

    /// A request was still waiting within its time limit when the run ended: nobody knows how it would have gone.
    pub(super) fn give_up(&mut self) {
        self.counts.dropped += 1;
    }

    /// A request left, `waited` after its intended start.
    pub(super) fn send(&mut self, waited: Duration) {
        self.sent.inc();
        self.counts.sent += 1;
        if waited > LATE_AFTER {
            self.late.inc();
            self.counts.late += 1;
        }
    }

    /// A request ended.
    pub(super) fn end(&mut self, step: usize, ended: Ended, response: Duration, service: Duration) {
        *self.counts.ended.entry(ended.name()).or_default() += 1;
        self.response.saturating_record(us(response));
        self.service.saturating_record(us(service));
        let cells = &self.steps[step];
        if ended == Ended::Ok {
            cells.ok.inc()
        } else {
            cells.error.inc()
        }
        cells.response.observe(response.as_secs_f64());
    }
}

fn us(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(MAX_US).max(1)
}
