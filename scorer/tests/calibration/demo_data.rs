//! The one-minute demo soak: twelve gate and thirty watch metrics of a small shop.

use crate::rng::{Rng, ar1};
use scorer::metric::{Kind, Metric, Samples};
use scorer::signal::Worse;

/// Samples of the soak.
pub(crate) const MINUTE: usize = 60;
/// Requests a second.
const LOAD: usize = 300;
/// How strongly the shared load moves latency.
const LOAD_EFFECT: f64 = 0.25;
const WATCHES: usize = 30;

/// What is done to the candidate, and how much runs differ.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Demo {
    pub(crate) runs: usize,
    pub(crate) tau: f64,
    /// Share of slow checkouts; .02 is unchanged.
    pub(crate) slow: f64,
    /// Growth of the checkout's memory, times.
    pub(crate) growth: f64,
}

/// Gate and watch metrics.
pub(crate) struct Soak {
    pub(crate) gate: Vec<Metric>,
    pub(crate) watch: Vec<Metric>,
}

/// What all metrics of a soak share: the load inside a run, and the effect of the run.
struct Shared {
    demo: Demo,
    load: Vec<Vec<f64>>,
    effect: Vec<f64>,
}

impl Shared {
    fn runs(&self) -> usize {
        self.demo.runs + 1
    }

    /// Effects of the runs on one metric.
    fn own(&self, rng: &mut Rng) -> Vec<f64> {
        let half = 0.5_f64.sqrt();
        self.effect.iter().map(|e| self.demo.tau * half * (e + rng.normal())).collect()
    }
}

fn metric(kind: Kind, worse: Worse, mut runs: Vec<Samples>) -> Metric {
    let candidate = runs.pop().expect("the candidate is the last run");
    Metric {
        name: format!("{kind:?}"),
        kind,
        worse,
        baselines: runs,
        candidate,
        by: None,
        rise: None,
        relative: false,
        aligned: true,
        offsets: None,
    }
}

/// One soak.
pub(crate) fn soak(demo: Demo, rng: &mut Rng) -> Soak {
    let all = demo.runs + 1;
    let load = (0..all).map(|_| ar1(rng, MINUTE, 0.7)).collect();
    let effect = (0..all).map(|_| rng.normal()).collect();
    let shared = Shared { demo, load, effect };
    let mut gate: Vec<Metric> = [(LOAD, 0.0), (LOAD / 2, 0.0), (LOAD / 2, 0.0), (LOAD / 4, 1e-4)]
        .map(|(n, p)| success(&shared, n, p, rng))
        .into();
    let slow = [(LOAD, 0.01, 0.01), (LOAD / 2, 0.02, demo.slow), (LOAD / 2, 0.01, 0.01)];
    gate.extend(slow.map(|(n, usual, now)| latency(&shared, n, [usual, now], rng)));
    gate.extend(
        [(60.0, 0.02, 1.0), (40.0, 0.015, demo.growth)]
            .map(|(at, slope, growth)| memory(&shared, at, [slope, growth], rng)),
    );
    gate.extend([1.0, 1.6].map(|at| cpu(&shared, at, rng)));
    gate.push(throughput(&shared, rng));
    let watch = (0..WATCHES).map(|i| watched(&shared, i, rng)).collect();
    Soak { gate, watch }
}

fn success(shared: &Shared, n: usize, errors: f64, rng: &mut Rng) -> Metric {
    let mut run = || Samples::Events {
        events: (0..MINUTE).map(|_| n as f64 - rng.binomial(n, errors)).collect(),
        total: vec![n as f64; MINUTE],
    };
    let runs = (0..shared.runs()).map(|_| run()).collect();
    Metric { by: Some(0.01), ..metric(Kind::Share, Worse::Down, runs) }
}

/// Share of slow requests: usual, and the candidate's.
fn latency(shared: &Shared, n: usize, [usual, now]: [f64; 2], rng: &mut Rng) -> Metric {
    let sd = (usual * (1.0 - usual) / n as f64 + (usual * LOAD_EFFECT).powi(2)).sqrt();
    let own = shared.own(rng);
    let run = |k: usize| {
        let base = if k == shared.demo.runs { now } else { usual } + sd * own[k];
        let events = shared.load[k].iter().map(|f| {
            let p = base.clamp(0.0, 1.0) * (LOAD_EFFECT * f - LOAD_EFFECT * LOAD_EFFECT / 2.0).exp();
            rng.binomial(n, p.clamp(1e-5, 1.0))
        });
        Samples::Events { events: events.collect(), total: vec![n as f64; MINUTE] }
    };
    let runs = (0..shared.runs()).map(run).collect();
    Metric { by: Some(0.02), ..metric(Kind::LatencyShare, Worse::Up, runs) }
}

fn memory(shared: &Shared, at: f64, [slope, growth]: [f64; 2], rng: &mut Rng) -> Metric {
    let within = ((slope * MINUTE as f64).powi(2) / 12.0 + 0.15_f64.powi(2)).sqrt();
    let own = shared.own(rng);
    let run = |k: usize| {
        let slope = if k == shared.demo.runs { slope * growth } else { slope };
        let noise = ar1(rng, MINUTE, 0.8);
        Samples::Values(
            noise.iter().enumerate().map(|(i, z)| at + slope * i as f64 + 0.15 * z + within * own[k]).collect(),
        )
    };
    let runs = (0..shared.runs()).map(run).collect();
    Metric { by: Some(0.10), rise: Some(0.05), relative: true, ..metric(Kind::Gauge, Worse::Up, runs) }
}

fn cpu(shared: &Shared, at: f64, rng: &mut Rng) -> Metric {
    let own = shared.own(rng);
    let half = 0.5_f64.sqrt();
    let run = |k: usize| {
        let noise = ar1(rng, MINUTE, 0.6);
        let both = noise.iter().zip(&shared.load[k]);
        Samples::Values(both.map(|(z, f)| at * (1.0 + 0.08 * (half * f + half * z + own[k]))).collect())
    };
    let runs = (0..shared.runs()).map(run).collect();
    Metric { by: Some(0.20), relative: true, ..metric(Kind::Rate, Worse::Up, runs) }
}

fn throughput(shared: &Shared, rng: &mut Rng) -> Metric {
    let load = LOAD as f64;
    let mut sample = || load - rng.poisson(0.02 * load) + (0.01 * load * rng.normal()).round();
    let runs = (0..shared.runs()).map(|_| Samples::Values((0..MINUTE).map(|_| sample()).collect())).collect();
    Metric { by: Some(0.05), relative: true, ..metric(Kind::Rate, Worse::Down, runs) }
}

fn watched(shared: &Shared, i: usize, rng: &mut Rng) -> Metric {
    let own = shared.own(rng);
    let rho = [0.0, 0.5, 0.7, 0.9][i % 4];
    let run = |k: usize| -> Samples {
        if i % 12 == 5 {
            return Samples::Values(vec![0.0; MINUTE]);
        }
        if i % 6 == 5 {
            return Samples::Values((0..MINUTE).map(|_| rng.poisson(0.05)).collect());
        }
        let noise = ar1(rng, MINUTE, rho);
        let z = noise.iter().zip(&shared.load[k]).map(|(z, f)| 0.84_f64.sqrt() * z + 0.4 * f + own[k]);
        Samples::Values(if i % 6 == 4 { z.map(|z| (0.4 * z).exp()).collect() } else { z.map(|z| 10.0 + z).collect() })
    };
    metric(Kind::Gauge, Worse::Either, (0..shared.runs()).map(run).collect())
}
