//! Shapes of series: the reference's twelve, and others that might break the method.

use crate::rng::{Rng, ar1};
use std::f64::consts::TAU;

/// Samples of a day at one sample per 15 s.
const DAY: usize = 5760;
/// Terms of the moving average that stands for fractional noise.
const MEMORY: usize = 1000;

/// How one run of a metric looks. Mean about 100, standard deviation about 10.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Iid,
    Ar5,
    Ar9,
    Ar97,
    NoiseAndSlow,
    Season,
    Season9,
    Cycle,
    Lognormal,
    /// Infinite variance spikes.
    T2,
    Counter,
    Sparse,
    /// Fractional noise, d = .4.
    LongMemory,
    /// Two levels, switching about every 60 samples.
    TwoStates,
    /// Noise of a third of the integer step.
    Integers,
    /// A season of one hour whose phase differs between runs.
    OutOfPhase,
    /// Every value is seen four times: a slow exporter behind a fast scrape.
    Repeated,
    /// Bursts of variance (ARCH-like).
    Bursts,
    /// Garbage collection: rises, then falls at once.
    Sawtooth,
    /// A job of ten samples about every 120, at another moment in every run.
    Job,
    /// Pareto tail with index 1.5: heavier than t2, one-sided.
    Pareto,
    /// A leak whose slope differs by a tenth between runs.
    Leak,
}

impl Shape {
    /// The shapes that the reference was measured on.
    pub(crate) const REFERENCE: [Shape; 12] = [
        Shape::Iid,
        Shape::Ar5,
        Shape::Ar9,
        Shape::Ar97,
        Shape::NoiseAndSlow,
        Shape::Season,
        Shape::Season9,
        Shape::Cycle,
        Shape::Lognormal,
        Shape::T2,
        Shape::Counter,
        Shape::Sparse,
    ];

    /// Shapes that nobody tuned the method on.
    pub(crate) const OTHERS: [Shape; 10] = [
        Shape::LongMemory,
        Shape::TwoStates,
        Shape::Integers,
        Shape::OutOfPhase,
        Shape::Repeated,
        Shape::Bursts,
        Shape::Sawtooth,
        Shape::Job,
        Shape::Pareto,
        Shape::Leak,
    ];

    /// Name in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Shape::Iid => "iid",
            Shape::Ar5 => "AR .5",
            Shape::Ar9 => "AR .9",
            Shape::Ar97 => "AR .97",
            Shape::NoiseAndSlow => "noise + slow",
            Shape::Season => "season",
            Shape::Season9 => "season, AR .9",
            Shape::Cycle => "load cycle",
            Shape::Lognormal => "lognormal",
            Shape::T2 => "t2",
            Shape::Counter => "counter",
            Shape::Sparse => "sparse",
            Shape::LongMemory => "long memory",
            Shape::TwoStates => "two states",
            Shape::Integers => "integers",
            Shape::OutOfPhase => "out of phase",
            Shape::Repeated => "repeated x4",
            Shape::Bursts => "bursts",
            Shape::Sawtooth => "sawtooth",
            Shape::Job => "job",
            Shape::Pareto => "Pareto 1.5",
            Shape::Leak => "leak",
        }
    }

    /// Time of day at which a soak's runs start.
    pub(crate) fn start(self, rng: &mut Rng) -> usize {
        if self == Shape::Cycle { 0 } else { rng.below(DAY) }
    }

    /// One run of `n` samples that starts at `start`.
    pub(crate) fn run(self, rng: &mut Rng, n: usize, start: usize) -> Vec<f64> {
        let wave = |period: usize, phase: f64| move |i: usize| (TAU * (start + i) as f64 / period as f64 + phase).sin();
        let z = match self {
            Shape::Iid => ar1(rng, n, 0.0),
            Shape::Ar5 => ar1(rng, n, 0.5),
            Shape::Ar9 => ar1(rng, n, 0.9),
            Shape::Ar97 => ar1(rng, n, 0.97),
            Shape::NoiseAndSlow => mixed(0.8, &ar1(rng, n, 0.0), 0.6, &ar1(rng, n, 0.97)),
            Shape::Season => waved(1.5, wave(DAY, 0.0), &ar1(rng, n, 0.5)),
            Shape::Season9 => waved(1.5, wave(DAY, 0.0), &ar1(rng, n, 0.9)),
            Shape::Cycle => waved(1.0, wave(240, 0.0), &ar1(rng, n, 0.7)),
            Shape::OutOfPhase => {
                let phase = TAU * rng.uniform();
                waved(1.0, wave(240, phase), &ar1(rng, n, 0.5))
            }
            Shape::Lognormal => return ar1(rng, n, 0.7).iter().map(|z| 60.0 * (0.8 * z).exp()).collect(),
            Shape::T2 => ar1(rng, n, 0.5).iter().map(|z| 0.5 * z + 0.3 * rng.t2()).collect(),
            Shape::Pareto => ar1(rng, n, 0.5).iter().map(|z| 0.5 * z + 0.3 * rng.uniform().powf(-1.0 / 1.5)).collect(),
            Shape::Counter => return counter(rng, n),
            Shape::Sparse => {
                return ar1(rng, n, 0.8).iter().map(|z| rng.poisson(0.05 * (z - 0.5).exp())).collect();
            }
            Shape::LongMemory => fractional(rng, n),
            Shape::TwoStates => two_states(rng, n),
            Shape::Integers => return ar1(rng, n, 0.5).iter().map(|z| (100.0 + z / 3.0).round()).collect(),
            Shape::Repeated => {
                let slow = ar1(rng, n.div_ceil(4) + 1, 0.5);
                let shift = rng.below(4);
                (0..n).map(|i| slow[(i + shift) / 4]).collect()
            }
            Shape::Bursts => bursts(rng, n),
            Shape::Sawtooth => sawtooth(rng, n),
            Shape::Job => job(rng, n),
            Shape::Leak => {
                let slope = 2.0 * (1.0 + 0.1 * rng.normal());
                ar1(rng, n, 0.5).iter().enumerate().map(|(i, z)| 0.3 * z + slope * i as f64 / n as f64).collect()
            }
        };
        z.iter().map(|z| 100.0 + 10.0 * z).collect()
    }
}

fn mixed(a: f64, x: &[f64], b: f64, y: &[f64]) -> Vec<f64> {
    x.iter().zip(y).map(|(x, y)| a * x + b * y).collect()
}

fn waved(height: f64, wave: impl Fn(usize) -> f64, noise: &[f64]) -> Vec<f64> {
    noise.iter().enumerate().map(|(i, z)| height * wave(i) + z).collect()
}

/// Increments of an over-dispersed request counter.
fn counter(rng: &mut Rng, n: usize) -> Vec<f64> {
    ar1(rng, n, 0.8).iter().map(|z| rng.poisson(100.0 * (0.2 * z - 0.02).exp())).collect()
}

/// Fractional noise with d = .4 by its moving average, cut at [`MEMORY`] terms, scaled to variance 1.
fn fractional(rng: &mut Rng, n: usize) -> Vec<f64> {
    let d = 0.4;
    let mut weights = vec![1.0];
    for j in 1..MEMORY {
        weights.push(weights[j - 1] * (j as f64 - 1.0 + d) / j as f64);
    }
    let size = weights.iter().map(|w| w * w).sum::<f64>().sqrt();
    let fresh: Vec<f64> = (0..n + MEMORY).map(|_| rng.normal() / size).collect();
    weights.reverse();
    (0..n).map(|i| dot(&weights, &fresh[i..i + MEMORY])).collect()
}

/// Eight sums side by side: the compiler may not reorder one.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    for (x, y) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        (0..8).for_each(|i| sums[i] += x[i] * y[i]);
    }
    sums.iter().sum()
}

fn two_states(rng: &mut Rng, n: usize) -> Vec<f64> {
    let mut high = rng.uniform() < 0.5;
    let noise = ar1(rng, n, 0.3);
    noise
        .iter()
        .map(|z| {
            if rng.uniform() < 1.0 / 60.0 {
                high = !high;
            }
            0.4 * z + if high { 0.9 } else { -0.9 }
        })
        .collect()
}

fn bursts(rng: &mut Rng, n: usize) -> Vec<f64> {
    let loud = ar1(rng, n, 0.95);
    ar1(rng, n, 0.5).iter().zip(&loud).map(|(z, l)| z * (0.8 * l - 0.64).exp()).collect()
}

fn sawtooth(rng: &mut Rng, n: usize) -> Vec<f64> {
    let mut at = rng.uniform();
    let noise = ar1(rng, n, 0.0);
    noise
        .iter()
        .map(|z| {
            at += (1.0 + 0.2 * rng.normal()) / 25.0;
            at -= at.floor();
            3.0 * (at - 0.5) + 0.3 * z
        })
        .collect()
}

fn job(rng: &mut Rng, n: usize) -> Vec<f64> {
    let phase = rng.below(120);
    ar1(rng, n, 0.5).iter().enumerate().map(|(i, z)| 0.6 * z + if (i + phase) % 120 < 10 { 3.0 } else { 0.0 }).collect()
}
