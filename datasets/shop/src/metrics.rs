//! Metrics in the Prometheus text format.
//!
//! Every label value comes from a fixed list in the code: no path, id or message of a request becomes a label.

use crate::process;
use semver::Version;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Upper bounds of the latency buckets, seconds, as text so that the label never varies.
const BOUNDS: [(f64, &str); 9] = [
    (0.005, "0.005"),
    (0.01, "0.01"),
    (0.025, "0.025"),
    (0.05, "0.05"),
    (0.1, "0.1"),
    (0.25, "0.25"),
    (0.5, "0.5"),
    (1.0, "1"),
    (2.5, "2.5"),
];

/// A value that is read when somebody looks.
type Read = Box<dyn Fn() -> f64 + Send + Sync>;

/// All metrics of one component.
pub(crate) struct Registry {
    build: String,
    started_s: f64,
    routes: Mutex<BTreeMap<&'static str, Route>>,
    counters: Mutex<BTreeMap<&'static str, BTreeMap<&'static str, u64>>>,
    gauges: Mutex<BTreeMap<&'static str, Vec<(&'static str, Read)>>>,
}

#[derive(Default)]
struct Route {
    codes: BTreeMap<u16, u64>,
    buckets: [u64; BOUNDS.len()],
    sum_s: f64,
    count: u64,
}

/// A panic of another request must not take the metrics with it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Registry {
    pub(crate) fn new(component: &str, release: &Version) -> Self {
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Registry {
            build: format!("component=\"{component}\",release=\"{release}\""),
            started_s: started.as_secs_f64(),
            routes: Mutex::default(),
            counters: Mutex::default(),
            gauges: Mutex::default(),
        }
    }

    /// Declares a route and the codes that it usually answers, so that their series exist from the first scrape on.
    pub(crate) fn declare_route(&self, route: &'static str, codes: &[u16]) {
        let mut routes = lock(&self.routes);
        let entry = routes.entry(route).or_default();
        for code in codes {
            entry.codes.entry(*code).or_default();
        }
    }

    /// Counts one answered request.
    pub(crate) fn observe(&self, route: &'static str, code: u16, took: Duration) {
        let mut routes = lock(&self.routes);
        let entry = routes.entry(route).or_default();
        *entry.codes.entry(code).or_default() += 1;
        let seconds = took.as_secs_f64();
        if let Some(bucket) = BOUNDS.iter().position(|(bound, _)| seconds <= *bound) {
            entry.buckets[bucket] += 1;
        }
        entry.sum_s += seconds;
        entry.count += 1;
    }

    /// Adds to the counter `name{labels}`; `labels` is written as it is. Zero declares it.
    pub(crate) fn add(&self, name: &'static str, labels: &'static str, by: u64) {
        *lock(&self.counters).entry(name).or_default().entry(labels).or_default() += by;
    }

    /// Declares the gauge `name{labels}`, read at every scrape.
    pub(crate) fn gauge(&self, name: &'static str, labels: &'static str, read: Read) {
        lock(&self.gauges).entry(name).or_default().push((labels, read));
    }

    /// The page that a scraper reads.
    pub(crate) fn render(&self) -> String {
        // About the size of a page of checkout, so that writing it does not grow the buffer step by step.
        let mut page = String::with_capacity(16 * 1024);
        self.render_routes(&mut page);
        for (name, series) in lock(&self.counters).iter() {
            let _ = writeln!(page, "# TYPE {name} counter");
            for (labels, value) in series {
                line(&mut page, name, labels, *value as f64);
            }
        }
        for (name, series) in lock(&self.gauges).iter() {
            let _ = writeln!(page, "# TYPE {name} gauge");
            for (labels, read) in series {
                line(&mut page, name, labels, read());
            }
        }
        self.render_process(&mut page);
        page
    }

    fn render_routes(&self, page: &mut String) {
        let routes = lock(&self.routes);
        page.push_str("# HELP http_requests_total Answered requests.\n# TYPE http_requests_total counter\n");
        for (route, entry) in routes.iter() {
            for (code, count) in &entry.codes {
                let _ = writeln!(page, "http_requests_total{{code=\"{code}\",route=\"{route}\"}} {count}");
            }
        }
        page.push_str("# HELP http_request_duration_seconds Time from the first to the last byte of an answer.\n");
        page.push_str("# TYPE http_request_duration_seconds histogram\n");
        for (route, entry) in routes.iter() {
            let mut below = 0;
            for ((_, bound), count) in BOUNDS.iter().zip(entry.buckets) {
                below += count;
                let labels = format_args!("le=\"{bound}\",route=\"{route}\"");
                let _ = writeln!(page, "http_request_duration_seconds_bucket{{{labels}}} {below}");
            }
            let (count, sum_s) = (entry.count, entry.sum_s);
            let _ = writeln!(page, "http_request_duration_seconds_bucket{{le=\"+Inf\",route=\"{route}\"}} {count}");
            let _ = writeln!(page, "http_request_duration_seconds_sum{{route=\"{route}\"}} {sum_s}");
            let _ = writeln!(page, "http_request_duration_seconds_count{{route=\"{route}\"}} {count}");
        }
    }

    fn render_process(&self, page: &mut String) {
        if let Some(seconds) = process::cpu_seconds() {
            page.push_str("# TYPE process_cpu_seconds_total counter\n");
            line(page, "process_cpu_seconds_total", "", seconds);
        }
        if let Some(bytes) = process::resident_bytes() {
            page.push_str("# TYPE process_resident_memory_bytes gauge\n");
            line(page, "process_resident_memory_bytes", "", bytes as f64);
        }
        page.push_str("# TYPE process_start_time_seconds gauge\n");
        line(page, "process_start_time_seconds", "", self.started_s);
        page.push_str("# TYPE build_info gauge\n");
        line(page, "build_info", &self.build, 1.0);
    }
}

fn line(page: &mut String, name: &str, labels: &str, value: f64) {
    let _ = match labels {
        "" => writeln!(page, "{name} {value}"),
        _ => writeln!(page, "{name}{{{labels}}} {value}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative_and_codes_are_declared() {
        let registry = Registry::new("catalog", &Version::new(2, 1, 0));
        registry.declare_route("/items", &[200, 503]);
        for took_ms in [1, 5, 6, 60, 9_000] {
            registry.observe("/items", 200, Duration::from_millis(took_ms));
        }
        registry.add("orders_total", "state=\"paid\"", 0);
        let page = registry.render();
        for wanted in [
            "http_requests_total{code=\"200\",route=\"/items\"} 5\n",
            "http_requests_total{code=\"503\",route=\"/items\"} 0\n",
            "http_request_duration_seconds_bucket{le=\"0.005\",route=\"/items\"} 2\n",
            "http_request_duration_seconds_bucket{le=\"0.05\",route=\"/items\"} 3\n",
            "http_request_duration_seconds_bucket{le=\"0.1\",route=\"/items\"} 4\n",
            "http_request_duration_seconds_bucket{le=\"2.5\",route=\"/items\"} 4\n",
            "http_request_duration_seconds_bucket{le=\"+Inf\",route=\"/items\"} 5\n",
            "orders_total{state=\"paid\"} 0\n",
            "build_info{component=\"catalog\",release=\"2.1.0\"} 1\n",
        ] {
            assert!(page.contains(wanted), "{wanted} is not in\n{page}");
        }
    }
}
