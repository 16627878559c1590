//! How fast an exposition of 5,000 series is read, beside the crate `prometheus-parse` and beside serde_json with the same
//! samples as JSON.
//!
//! All take turns, round by round, on one thread, and only its processor time counts. Before anything is timed, all must
//! have read the same.

mod service;

use nix::time::{ClockId, clock_gettime};
use probes::metrics::exposition::{Exposition, Format, MAX_SERIES_PER_TARGET, SeriesName, parse, series_name};
use prometheus_parse::{Scrape, Value};
use serde::{Deserialize, Serialize};
use service::{SERIES, Service};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;
use std::io::BufRead as _;
use std::time::Duration;

/// Seconds that the service has worked: counters of many digits, as they are in a soak.
const SECONDS: usize = 600;

/// Rounds; a figure is the median of them.
const ROUNDS: usize = 41;

/// Reads of each reader in a round.
const READS: usize = 5;

/// Readers that are ours: each scrape, first scrape, OpenMetrics.
const OURS: usize = 3;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Reads once; hands over the values where they are asked for.
type Read<'a> = Box<dyn Fn(Option<&mut Vec<f64>>) -> Outcome<()> + 'a>;

struct Reader<'a> {
    name: &'static str,
    does: &'static str,
    bytes: usize,
    read: Read<'a>,
    /// Processor seconds of a read, one a round.
    spent_s: Vec<f64>,
}

/// One sample as JSON, everything owned.
#[derive(Deserialize, Serialize)]
struct Owned {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// The same with texts that are copied only where JSON has an escape.
#[derive(Deserialize)]
struct Borrowed<'a> {
    #[serde(borrow, rename = "name")]
    _name: Cow<'a, str>,
    #[serde(borrow, rename = "labels")]
    _labels: BTreeMap<Text<'a>, Text<'a>>,
    value: f64,
}

#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

fn main() -> Outcome<()> {
    let mut service = Service::new();
    (0..SECONDS).for_each(|_| service.tick());
    let (text, openmetrics) = (service.text(Format::Prometheus), service.text(Format::OpenMetrics));
    let (json, meant) = json(&service)?;
    let mut readers = readers(&text, &openmetrics, &json);
    for reader in &readers {
        let mut values = Vec::new();
        (reader.read)(Some(&mut values))?;
        assert_eq!(figures(values), figures(meant.clone()), "{}: samples and their sum", reader.name);
    }
    for round in 0..ROUNDS {
        for turn in 0..readers.len() {
            let at = (round + turn) % readers.len();
            let began = cpu_s()?;
            for _ in 0..READS {
                (readers[at].read)(None)?;
            }
            let spent = cpu_s()? - began;
            readers[at].spent_s.push(spent / READS as f64);
        }
    }
    let kb = |text: &str| text.len() as f64 / 1e3;
    println!(
        "{SERIES} series: {:.0} kB of text, {:.0} kB of OpenMetrics with exemplars, {:.0} kB of JSON",
        kb(&text),
        kb(&openmetrics),
        kb(&json)
    );
    println!(
        "MB/s are of a reader's own format. Ratios are of the time for all samples: median (least to most of a round)."
    );
    println!("| reader | what it does | MB/s | M samples/s | its time / each scrape's | its time / first scrape's |");
    println!("|---|---|--:|--:|--:|--:|");
    for (at, reader) in readers.iter().enumerate() {
        let median_s = median(reader.spent_s.clone());
        let ratio = |ours| if at < OURS { String::new() } else { times(reader, ours) };
        println!(
            "| {} | {} | {:.0} | {:.2} | {} | {} |",
            reader.name,
            reader.does,
            reader.bytes as f64 / median_s / 1e6,
            SERIES as f64 / median_s / 1e6,
            ratio(&readers[0]),
            ratio(&readers[1])
        );
    }
    Ok(())
}

/// Every sample as JSON, written from the service and not from what a reader made of it; and the values.
fn json(service: &Service) -> Outcome<(String, Vec<f64>)> {
    let mut samples = Vec::with_capacity(SERIES);
    for family in service.families() {
        samples.extend(family.points.into_iter().map(|point| Owned {
            name: format!("{}{}", family.name, point.suffix),
            labels: point.labels.into_iter().map(|(label, value)| (label.to_owned(), value)).collect(),
            value: point.value,
        }));
    }
    Ok((serde_json::to_string(&samples)?, samples.iter().map(|sample| sample.value).collect()))
}

/// Ours first.
fn readers<'a>(text: &'a str, openmetrics: &'a str, json: &'a str) -> Vec<Reader<'a>> {
    let ours = |body: &'a str, format| parse(body.as_bytes(), format, MAX_SERIES_PER_TARGET);
    let all = |read: &Exposition<'_>| read.samples.iter().map(|sample| sample.value).collect();
    vec![
        reader(
            "Mettle, each scrape",
            "a series is a slice of the answer; every line, value and time is checked",
            text,
            move || Ok(ours(text, Format::Prometheus)?),
            all,
        ),
        reader(
            "Mettle, first scrape",
            "the same, and names and labels as strings, checked, without escapes, in a tree",
            text,
            move || {
                let read = ours(text, Format::Prometheus)?;
                let names = read.samples.iter().map(|sample| series_name(sample.series));
                Ok((names.collect::<Result<Vec<SeriesName>, _>>()?, read))
            },
            move |(_, read)| all(read),
        ),
        reader(
            "Mettle, each scrape of OpenMetrics",
            "the same as each scrape, with exemplars",
            openmetrics,
            move || Ok(ours(openmetrics, Format::OpenMetrics)?),
            all,
        ),
        reader(
            "prometheus-parse",
            "strings, a hash map of labels a sample, buckets joined; escapes stay; lines it cannot read are left out",
            text,
            || Ok(Scrape::parse(text.as_bytes().lines())?),
            |scrape| scrape.samples.iter().flat_map(|sample| values(&sample.value)).collect(),
        ),
        reader(
            "serde_json, borrowed",
            "slices of the answer where JSON has no escape, labels in a tree",
            json,
            || Ok(serde_json::from_str::<Vec<Borrowed<'_>>>(json)?),
            |samples| samples.iter().map(|sample| sample.value).collect(),
        ),
        reader(
            "serde_json, owned",
            "name and labels as strings, labels in a tree",
            json,
            || Ok(serde_json::from_str::<Vec<Owned>>(json)?),
            |samples| samples.iter().map(|sample| sample.value).collect(),
        ),
    ]
}

/// What a read costs includes giving its memory back.
fn reader<'a, T>(
    name: &'static str,
    does: &'static str,
    body: &str,
    read: impl Fn() -> Outcome<T> + 'a,
    values: impl Fn(&T) -> Vec<f64> + 'a,
) -> Reader<'a> {
    let read = move |asked: Option<&mut Vec<f64>>| {
        let whole = black_box(read()?);
        if let Some(asked) = asked {
            *asked = values(&whole);
        }
        Ok(())
    };
    Reader { name, does, bytes: body.len(), read: Box::new(read), spent_s: Vec::with_capacity(ROUNDS) }
}

/// The samples behind one value of `prometheus-parse`.
fn values(value: &Value) -> Vec<f64> {
    match value {
        Value::Counter(value) | Value::Gauge(value) | Value::Untyped(value) => vec![*value],
        Value::Histogram(buckets) => buckets.iter().map(|bucket| bucket.count).collect(),
        Value::Summary(quantiles) => quantiles.iter().map(|quantile| quantile.count).collect(),
    }
}

/// Number and sum; by size, because a sum of floats depends on the order.
fn figures(mut values: Vec<f64>) -> (usize, f64) {
    values.sort_by(f64::total_cmp);
    (values.len(), values.iter().sum())
}

/// How many times longer `reader` took than `ours`.
fn times(reader: &Reader<'_>, ours: &Reader<'_>) -> String {
    let mut ratios: Vec<f64> = reader.spent_s.iter().zip(&ours.spent_s).map(|(theirs, ours)| theirs / ours).collect();
    ratios.sort_by(f64::total_cmp);
    let (least, most) = (ratios[0], ratios[ratios.len() - 1]);
    format!("{:.2} ({least:.2} to {most:.2})", median(ratios))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Processor seconds of this thread.
fn cpu_s() -> Outcome<f64> {
    Ok(Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?).as_secs_f64())
}
