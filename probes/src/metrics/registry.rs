//! Mettle's own counters, gauges and histograms, which the recorder samples at each tick like one more target.
//!
//! Handles are cheap to clone and lock-free to update; asking for the same name and labels again gives the same one.

use super::series_name::SeriesName;
use scorer::RawSeries;
use scorer::signal::Labels;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Runs of journeys, by `suite`, `journey`, `outcome`.
pub const JOURNEY_RUNS: &str = "mettle_journey_runs_total";
/// Runs of journeys that were right and in time, by `suite`, `journey`.
pub const JOURNEY_OK: &str = "mettle_journey_ok_total";
/// Duration of journeys in seconds, by `suite`, `journey`.
pub const JOURNEY_SECONDS: &str = "mettle_journey_seconds";
/// Processor seconds of a component's processes, by `job`.
pub const PROCESS_CPU: &str = "mettle_process_cpu_seconds_total";
/// Resident bytes of a component's processes, by `job`.
pub const PROCESS_RESIDENT: &str = "mettle_process_resident_memory_bytes";
/// Restarts of a component, by `job`; whoever supervises the processes counts them.
pub const PROCESS_RESTARTS: &str = "mettle_process_restarts_total";
/// 1 while a process of the component lives, else 0, by `job`.
pub const PROCESS_UP: &str = "mettle_process_up";
/// Series that did not fit into the registry.
pub const REGISTRY_DROPPED: &str = "mettle_registry_dropped_series_total";

/// Most instruments of one registry: suites have tens of journeys and components; thousands mean that a value
/// without bound became a label.
pub const MAX_INSTRUMENTS: usize = 10_000;

/// Bucket bounds in seconds for journeys and probes: from a fast call to a hopeless one.
pub const SECONDS_BOUNDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0];

/// A set of instruments. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    by_name: BTreeMap<SeriesName, usize>,
    instruments: Vec<(SeriesName, Instrument)>,
    dropped: u64,
}

#[derive(Clone, Debug)]
enum Instrument {
    Counter(Counter),
    Gauge(Gauge),
    Histogram(Histogram),
}

impl Instrument {
    /// Type in the text format.
    fn kind(&self) -> &'static str {
        match self {
            Instrument::Counter(_) => "counter",
            Instrument::Gauge(_) => "gauge",
            Instrument::Histogram(_) => "histogram",
        }
    }
}

/// A value that only rises.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<AtomicU64>);

/// A value that goes both ways.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Arc<AtomicU64>);

/// Cumulative buckets, sum and count of observations.
#[derive(Clone, Debug)]
pub struct Histogram(Arc<HistogramCells>);

#[derive(Debug)]
struct HistogramCells {
    bounds: Vec<f64>,
    counts: Vec<AtomicU64>,
    sum: AtomicU64,
}

impl Counter {
    /// One more.
    pub fn inc(&self) {
        self.add(1.0);
    }

    /// Adds; a negative or NaN amount is ignored, because a counter never falls.
    pub fn add(&self, amount: f64) {
        if amount > 0.0 {
            add(&self.0, amount);
        }
    }

    /// Value now.
    pub fn value(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

impl Gauge {
    /// Sets the value.
    pub fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }

    /// Adds, also negative amounts.
    pub fn add(&self, amount: f64) {
        add(&self.0, amount);
    }

    /// Value now.
    pub fn value(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

impl Histogram {
    fn new(bounds: &[f64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(HistogramCells { bounds: bounds.to_vec(), counts, sum: AtomicU64::new(0) }))
    }

    /// Counts one observation; NaN is ignored.
    pub fn observe(&self, value: f64) {
        if value.is_nan() {
            return;
        }
        let bucket = self.0.bounds.partition_point(|bound| *bound < value);
        self.0.counts[bucket].fetch_add(1, Ordering::Relaxed);
        add(&self.0.sum, value);
    }

    /// Observations so far.
    pub fn count(&self) -> u64 {
        self.0.counts.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }
}

fn add(cell: &AtomicU64, amount: f64) {
    let plus = |bits| Some((f64::from_bits(bits) + amount).to_bits());
    // The closure always gives a value, so the update cannot fail.
    let _ = cell.fetch_update(Ordering::Relaxed, Ordering::Relaxed, plus);
}

impl Registry {
    /// An empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// The counter of this name and these labels.
    pub fn counter(&self, name: &str, labels: &[(&str, &str)]) -> Counter {
        match self.instrument(name, labels, || Instrument::Counter(Counter::default())) {
            Some(Instrument::Counter(counter)) => counter,
            _ => Counter::default(),
        }
    }

    /// The gauge of this name and these labels.
    pub fn gauge(&self, name: &str, labels: &[(&str, &str)]) -> Gauge {
        match self.instrument(name, labels, || Instrument::Gauge(Gauge::default())) {
            Some(Instrument::Gauge(gauge)) => gauge,
            _ => Gauge::default(),
        }
    }

    /// The histogram of this name (without `_bucket`) and these labels; `bounds` rise and lack the infinite one.
    pub fn histogram(&self, name: &str, labels: &[(&str, &str)], bounds: &[f64]) -> Histogram {
        match self.instrument(name, labels, || Instrument::Histogram(Histogram::new(bounds))) {
            Some(Instrument::Histogram(histogram)) => histogram,
            _ => Histogram::new(bounds),
        }
    }

    /// Calls `each(position, make_name, value)` for every series. A position always means the same series, so that
    /// a caller can remember what it stands for and need not make the name again.
    pub fn sample(&self, mut each: impl FnMut(usize, &dyn Fn() -> SeriesName, f64)) {
        let inner = self.lock();
        each(0, &|| series(REGISTRY_DROPPED, Labels::new()), inner.dropped as f64);
        let mut position = 1;
        for (name, instrument) in &inner.instruments {
            match instrument {
                Instrument::Counter(Counter(cell)) | Instrument::Gauge(Gauge(cell)) => {
                    each(position, &|| name.clone(), f64::from_bits(cell.load(Ordering::Relaxed)));
                    position += 1;
                }
                Instrument::Histogram(histogram) => {
                    position = sample_histogram(name, &histogram.0, position, &mut each);
                }
            }
        }
    }

    /// Everything in the Prometheus text format, family by family; `labels` are added where a series has none of that name.
    pub fn render(&self, labels: &Labels) -> String {
        let mut text = format!("# TYPE {REGISTRY_DROPPED} counter\n");
        let inner = self.lock();
        write_sample(&mut text, series(REGISTRY_DROPPED, Labels::new()), labels, inner.dropped as f64);
        let mut family = "";
        for (name, at) in &inner.by_name {
            let instrument = &inner.instruments[*at].1;
            if name.name != family {
                family = &name.name;
                // Writing into a String cannot fail.
                let _ = writeln!(text, "# TYPE {family} {}", instrument.kind());
            }
            match instrument {
                Instrument::Counter(Counter(cell)) | Instrument::Gauge(Gauge(cell)) => {
                    write_sample(&mut text, name.clone(), labels, f64::from_bits(cell.load(Ordering::Relaxed)));
                }
                Instrument::Histogram(histogram) => {
                    sample_histogram(name, &histogram.0, 0, &mut |_, name, value| {
                        write_sample(&mut text, name(), labels, value);
                    });
                }
            }
        }
        text
    }

    /// Every series with its one value at `at_ms`; `labels` are added where a series has none of that name.
    pub fn snapshot(&self, at_ms: i64, labels: &Labels) -> Vec<RawSeries> {
        let mut all = Vec::new();
        self.sample(|_, name, value| {
            let SeriesName { name, labels } = with(name(), labels);
            all.push(RawSeries { name, labels, times_ms: vec![at_ms], values: vec![value] });
        });
        all
    }

    fn instrument(&self, name: &str, labels: &[(&str, &str)], make: impl FnOnce() -> Instrument) -> Option<Instrument> {
        let labels = labels.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect();
        let name = series(name, labels);
        let mut inner = self.lock();
        if let Some(at) = inner.by_name.get(&name) {
            let found = inner.instruments[*at].1.clone();
            let wanted = make();
            // A name that is used as two types would mix two meanings in one series: the second is not recorded.
            if std::mem::discriminant(&found) == std::mem::discriminant(&wanted) {
                return Some(found);
            }
            inner.dropped += 1;
            return None;
        }
        if inner.instruments.len() == MAX_INSTRUMENTS {
            inner.dropped += 1;
            return None;
        }
        let instrument = make();
        let at = inner.instruments.len();
        inner.by_name.insert(name.clone(), at);
        inner.instruments.push((name, instrument.clone()));
        Some(instrument)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change under the lock is complete before anything can panic.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A series with labels that it has not yet.
fn with(mut series: SeriesName, labels: &Labels) -> SeriesName {
    for (label, value) in labels {
        series.labels.entry(label.clone()).or_insert_with(|| value.clone());
    }
    series
}

fn write_sample(text: &mut String, name: SeriesName, labels: &Labels, value: f64) {
    let SeriesName { name, labels } = with(name, labels);
    text.push_str(&name);
    for (index, (label, value)) in labels.iter().enumerate() {
        let value = value.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n");
        let open = if index == 0 { '{' } else { ',' };
        // Writing into a String cannot fail.
        let _ = write!(text, "{open}{label}=\"{value}\"");
    }
    let close = if labels.is_empty() { "" } else { "}" };
    let _ = writeln!(text, "{close} {value}");
}

fn series(name: &str, labels: Labels) -> SeriesName {
    SeriesName { name: name.to_owned(), labels }
}

fn sample_histogram(
    name: &SeriesName,
    cells: &HistogramCells,
    first: usize,
    each: &mut impl FnMut(usize, &dyn Fn() -> SeriesName, f64),
) -> usize {
    let mut cumulative = 0;
    for (index, count) in cells.counts.iter().enumerate() {
        cumulative += count.load(Ordering::Relaxed);
        let bound = cells.bounds.get(index).map_or_else(|| "+Inf".to_owned(), f64::to_string);
        let bucket = || {
            let mut labels = name.labels.clone();
            labels.insert("le".to_owned(), bound.clone());
            series(&format!("{}_bucket", name.name), labels)
        };
        each(first + index, &bucket, cumulative as f64);
    }
    let next = first + cells.counts.len();
    let sum = f64::from_bits(cells.sum.load(Ordering::Relaxed));
    each(next, &|| series(&format!("{}_sum", name.name), name.labels.clone()), sum);
    each(next + 1, &|| series(&format!("{}_count", name.name), name.labels.clone()), cumulative as f64);
    next + 2
}
