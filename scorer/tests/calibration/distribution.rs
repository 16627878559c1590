//! Whole distributions: histograms judged by their ridits and by the share above a bound, beside quantiles of the same
//! histograms.

use crate::cells::{Cell, Event, Promise, Rate, hold};
use crate::rng::{Rng, ar1};
use crate::trial::{alone, gauge};
use scorer::combine::simes;
use scorer::histogram::Histograms;
use scorer::metric::{Kind, Metric, Samples};
use scorer::native::Native;
use scorer::shape::shape;
use scorer::signal::Worse;
use std::collections::BTreeMap;
use std::f64::consts::LN_2;

const RUNS: usize = 5;
const SAMPLES: usize = 240;
/// Requests of a sample, on average.
const REQUESTS: f64 = 60.0;
/// Bound of the latency signal, seconds.
const BOUND: f64 = 0.25;
/// Default buckets of Prometheus clients.
const CLASSIC: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, f64::INFINITY];
/// Default resolution of native histograms in Prometheus clients.
const SCHEMA: i8 = 3;
const QUANTILES: [f64; 4] = [0.5, 0.9, 0.95, 0.99];

/// What a release did to its requests.
#[derive(Clone, Copy, Debug)]
enum Slower {
    Not,
    /// So many of them, by this factor.
    Times(f64, f64),
    /// So many of them, by this many seconds.
    Plus(f64, f64),
}

const CHANGES: [(&str, Slower); 5] = [
    ("all requests 8 % slower", Slower::Times(1.0, 1.08)),
    ("one endpoint of three 25 % slower", Slower::Times(0.33, 1.25)),
    ("8 % of requests take twice as long", Slower::Times(0.08, 2.0)),
    ("1.5 % of requests wait 300 ms more", Slower::Plus(0.015, 0.3)),
    ("0.5 % of requests wait for a time-out of 2 s", Slower::Plus(0.005, 2.0)),
];

#[derive(Clone, Copy, Debug)]
enum Buckets {
    Classic,
    Native,
}

/// Logarithms of the latencies of one run, sample by sample: lognormal with a slow path of 2 %, a level that wanders (AR .5)
/// and differs between runs.
fn latencies(rng: &mut Rng, slower: Slower) -> Vec<Vec<f64>> {
    let run = 0.01 * rng.normal();
    let wander = ar1(rng, SAMPLES, 0.5);
    let sample = |wander: f64| {
        let requests = rng.poisson(REQUESTS) as usize;
        let one = |_| {
            let path = if rng.uniform() < 0.02 { 0.2_f64.ln() } else { 0.04_f64.ln() };
            let usual = path + run + 0.05 * wander + 0.6 * rng.normal();
            match slower {
                Slower::Times(share, factor) if rng.uniform() < share => usual + factor.ln(),
                Slower::Plus(share, more) if rng.uniform() < share => (usual.exp() + more).ln(),
                _ => usual,
            }
        };
        (0..requests).map(one).collect()
    };
    wander.into_iter().map(sample).collect()
}

fn histograms(run: &[Vec<f64>], buckets: Buckets) -> Histograms {
    match buckets {
        Buckets::Classic => {
            let upto = |bound: &f64| {
                let bound = bound.ln();
                run.iter().map(|s| s.iter().filter(|v| **v <= bound).count() as f64).collect()
            };
            let cumulative: Vec<Vec<f64>> = CLASSIC.iter().map(upto).collect();
            Histograms::classic(CLASSIC.to_vec(), &cumulative).expect("the bounds rise")
        }
        Buckets::Native => {
            let sample = |values: &Vec<f64>| {
                let mut counts: BTreeMap<i32, f64> = BTreeMap::new();
                for value in values {
                    let index = (value / LN_2 * f64::from(1 << SCHEMA)).ceil() as i32;
                    *counts.entry(index).or_default() += 1.0;
                }
                Native::try_new(SCHEMA, (0.0, 0.0), counts, BTreeMap::new()).ok()
            };
            Histograms::native(&run.iter().map(sample).collect::<Vec<_>>()).expect("there are samples")
        }
    }
}

fn metric(kind: Kind, mut runs: Vec<Samples>) -> Metric {
    let candidate = runs.pop().expect("the candidate is the last run");
    let worse = Worse::Up;
    Metric { kind, worse, baselines: runs, candidate, ..gauge(vec![Vec::new()]) }
}

/// Shift p of every judge.
fn ps(rng: &mut Rng, slower: Slower, buckets: Buckets) -> Vec<f64> {
    let of_run =
        |k: usize, rng: &mut Rng| histograms(&latencies(rng, if k == RUNS { slower } else { Slower::Not }), buckets);
    let runs: Vec<Histograms> = (0..=RUNS).map(|k| of_run(k, rng)).collect();
    // One at a time: none borrows what another knows of the differences between runs.
    let p = |kind: Kind, series: Vec<Samples>| alone(std::slice::from_ref(&metric(kind, series)), SAMPLES)[0].p_fail;
    let quantile = |q: &f64| p(Kind::Gauge, runs.iter().map(|h| Samples::Values(h.quantiles(*q))).collect());
    let mut found: Vec<f64> = QUANTILES.iter().map(quantile).collect();
    let above = |h: &Histograms| h.above(BOUND).expect("there is a bound").1;
    let share = p(Kind::LatencyShare, runs.iter().map(above).collect());
    let shape = shape(&runs[..RUNS].iter().collect::<Vec<_>>(), &runs[RUNS]).expect("the buckets are alike");
    let ridits = shape.ridits.baselines.into_iter().flatten().chain([shape.ridits.candidate]).map(Samples::Values);
    let ridits = p(Kind::Distribution, ridits.collect());
    let above = |above: scorer::shape::Above| {
        p(Kind::LatencyShare, above.samples.baselines.into_iter().flatten().chain([above.samples.candidate]).collect())
    };
    let parts: Vec<f64> = [ridits].into_iter().chain(shape.above.into_iter().map(above)).collect();
    let both: Vec<f64> = parts.iter().copied().chain([share]).collect();
    found.extend([share, ridits, simes(&parts), simes(&both)]);
    found
}

const JUDGES: [&str; 8] = ["p50", "p90", "p95", "p99", "share above 250 ms", "ridit", "whole shape", "share and shape"];

fn counted(p: &[f64], level: f64) -> Vec<usize> {
    p.iter().map(|p| usize::from(*p <= level)).collect()
}

fn cells(buckets: Buckets) -> Vec<Cell> {
    let cell = |(name, slower): (&str, Slower)| Cell {
        name: format!("{name}, {buckets:?} buckets").to_lowercase(),
        events: JUDGES.iter().map(|judge| Event::new(judge, Promise::Shown)).collect(),
        trials: 1,
        effort: 0.1,
        repetition: Box::new(move |rng| counted(&ps(rng, slower, buckets), 0.01)),
    };
    CHANGES.into_iter().map(cell).collect()
}

/// Detection rates of every judge, change by change.
fn by_judge(rates: &[Rate]) -> Vec<Vec<f64>> {
    let of = |judge: &&str| rates.iter().filter(|r| r.event.label.eq(*judge)).map(Rate::value).collect();
    JUDGES.iter().map(of).collect()
}

fn beats_every_quantile(theme: &'static str, buckets: Buckets) {
    let rates = by_judge(&hold(theme, &cells(buckets)));
    let worst = |found: &[f64]| found.iter().copied().fold(1.0, f64::min);
    let mean = |found: &[f64]| found.iter().sum::<f64>() / found.len() as f64;
    let both = &rates[JUDGES.len() - 1];
    for (judge, found) in JUDGES.iter().zip(&rates).take(QUANTILES.len()) {
        assert!(mean(both) > mean(found), "{judge} finds {found:?}, share and shape {both:?}");
        assert!(worst(both) > worst(found), "{judge} finds {found:?}, share and shape {both:?}");
    }
}

#[test]
fn share_and_shape_of_classic_buckets_beat_every_quantile() {
    beats_every_quantile("Distributions in classic buckets, p <= .01, n 240, K 5", Buckets::Classic);
}

#[test]
fn share_and_shape_of_native_buckets_beat_every_quantile() {
    beats_every_quantile("Distributions in native buckets, p <= .01, n 240, K 5", Buckets::Native);
}

#[test]
fn an_unchanged_distribution_is_seldom_called_worse() {
    let cell = |buckets: Buckets| Cell {
        name: format!("unchanged, {buckets:?} buckets").to_lowercase(),
        events: JUDGES
            .iter()
            .map(|judge| Event::new(judge, if judge.starts_with('p') { Promise::Shown } else { Promise::AtMost(0.05) }))
            .collect(),
        trials: 1,
        effort: 1.0,
        repetition: Box::new(move |rng| counted(&ps(rng, Slower::Not, buckets), 0.05)),
    };
    hold("Distributions without a change, p <= .05, n 240, K 5", &[cell(Buckets::Classic), cell(Buckets::Native)]);
}
