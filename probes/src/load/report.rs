//! What a run of the load engine says of itself and of the server.

use super::tally::Tally;
use hdrhistogram::Histogram;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// Share of the response limit that the schedule lag's p99 may reach.
const LAG_SHARE: f64 = 0.1;
/// Share of a core that the generator's own thread may use before its numbers are its own.
const CPU_SHARE: f64 = 0.85;
/// Runs shorter than this say nothing about lag or CPU.
const SHORTEST: Duration = Duration::from_secs(1);

/// Whether the generator kept its own schedule.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", tag = "name")]
pub enum Validity {
    /// It did.
    Valid,
    /// It did not: what it measured is its own lateness.
    Invalid {
        /// Which limit was broken, with figures.
        reason: String,
    },
}

/// Percentiles of one histogram, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Percentiles {
    /// Median.
    pub p50_ms: f64,
    /// 90 %.
    pub p90_ms: f64,
    /// 95 %.
    pub p95_ms: f64,
    /// 99 %.
    pub p99_ms: f64,
    /// 99.9 %.
    pub p999_ms: f64,
    /// Largest.
    pub max_ms: f64,
}

/// The report of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadReport {
    /// Length in seconds.
    pub seconds: f64,
    /// Requests that the schedule asked for.
    pub scheduled: u64,
    /// Requests that left.
    pub sent: u64,
    /// Of those, how many left late because the pool was busy.
    pub late: u64,
    /// Requests that found the queue full or were still queued at the end. Those that did not get their time limit
    /// are part of `response`, with that limit.
    pub dropped: u64,
    /// Ends by kind: `ok`, `connect`, `timeout`, `closed`, `status_4xx`, `status_5xx`.
    pub ended: BTreeMap<String, u64>,
    /// From the intended start: the judged one.
    pub response: Percentiles,
    /// From the actual send.
    pub service: Percentiles,
    /// Schedule lag of the pacer, p99 in milliseconds.
    pub lag_p99_ms: f64,
    /// Share of a core that the generator used.
    pub cpu_share: f64,
    /// Requests a second that were sent.
    pub achieved_per_s: f64,
    /// Whether it counts.
    pub validity: Validity,
}

impl LoadReport {
    pub(super) fn new(tally: &Tally, length: Duration, cpu: Duration, limit: Duration) -> Self {
        let seconds = length.as_secs_f64();
        let lag_p99_ms = tally.lag.value_at_quantile(0.99) as f64 / 1e3;
        let cpu_share = cpu.as_secs_f64() / seconds.max(f64::MIN_POSITIVE);
        let counts = &tally.counts;
        Self {
            seconds,
            scheduled: counts.scheduled,
            sent: counts.sent,
            late: counts.late,
            dropped: counts.dropped,
            ended: counts.ended.iter().map(|(k, v)| ((*k).to_owned(), *v)).collect(),
            response: percentiles(&tally.response),
            service: percentiles(&tally.service),
            lag_p99_ms,
            cpu_share,
            achieved_per_s: counts.sent as f64 / seconds.max(f64::MIN_POSITIVE),
            validity: validity(length, lag_p99_ms, cpu_share, limit),
        }
    }

    /// Whether the run counts so far; none while it is too short to tell.
    pub(super) fn so_far(tally: &Tally, length: Duration, cpu: Duration, limit: Duration) -> Option<Validity> {
        (length >= SHORTEST).then(|| Self::new(tally, length, cpu, limit).validity)
    }

    /// Whether the run counts.
    pub fn is_valid(&self) -> bool {
        self.validity == Validity::Valid
    }
}

fn validity(length: Duration, lag_p99_ms: f64, cpu_share: f64, limit: Duration) -> Validity {
    let most_ms = limit.as_secs_f64() * 1e3 * LAG_SHARE;
    if length < SHORTEST {
        Validity::Invalid {
            reason: format!("ran {:.1} s, at least {} s are needed", length.as_secs_f64(), SHORTEST.as_secs()),
        }
    } else if lag_p99_ms > most_ms {
        Validity::Invalid {
            reason: format!("the generator was late: schedule lag p99 {lag_p99_ms:.1} ms, allowed {most_ms:.1} ms"),
        }
    } else if cpu_share > CPU_SHARE {
        Validity::Invalid {
            reason: format!(
                "the generator was busy: {:.0} % of a core, allowed {:.0} %",
                cpu_share * 100.0,
                CPU_SHARE * 100.0
            ),
        }
    } else {
        Validity::Valid
    }
}

fn percentiles(h: &Histogram<u64>) -> Percentiles {
    let at = |q: f64| h.value_at_quantile(q) as f64 / 1e3;
    Percentiles {
        p50_ms: at(0.5),
        p90_ms: at(0.9),
        p95_ms: at(0.95),
        p99_ms: at(0.99),
        p999_ms: at(0.999),
        max_ms: h.max() as f64 / 1e3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::registry::Registry;

    #[test]
    fn a_running_generator_is_valid_or_not_only_when_that_can_be_told() {
        let load = serde_json::from_str(r#"{"rate":"1/s","requests":[{"name":"a","component":"web","path":"/"}]}"#);
        let mut tally = Tally::new(&Registry::new(), "s", &load.expect("a load document"));
        let (second, limit) = (Duration::from_secs(1), Duration::from_millis(250));
        let so_far = |tally: &Tally, length| LoadReport::so_far(tally, length, Duration::ZERO, limit);
        tally.schedule(Duration::from_millis(1));
        assert_eq!(so_far(&tally, second / 2), None);
        assert_eq!(so_far(&tally, second), Some(Validity::Valid));
        tally.schedule(Duration::from_millis(500));
        assert!(matches!(so_far(&tally, second), Some(Validity::Invalid { reason }) if reason.contains("late")));
    }

    #[test]
    fn a_late_or_busy_generator_is_invalid() {
        let (ten, limit) = (Duration::from_secs(10), Duration::from_millis(250));
        assert_eq!(validity(ten, 25.0, 0.5, limit), Validity::Valid);
        for (length, lag, cpu, word) in
            [(ten, 25.1, 0.5, "late"), (ten, 1.0, 0.86, "busy"), (Duration::from_millis(900), 1.0, 0.1, "ran")]
        {
            assert!(
                matches!(validity(length, lag, cpu, limit), Validity::Invalid { reason } if reason.contains(word)),
                "{word}"
            );
        }
    }
}
