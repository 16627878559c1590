//! G2: false fails of a tag of twenty metrics that share a factor, and G3's two bad metrics of twenty.

use crate::cells::{Cell, Event, Promise, hold};
use crate::rng::{Rng, ar1};
use crate::trial::{TAG, gauge, tag_p};
use scorer::metric::Metric;
use scorer::policy::Policy;

/// Samples of the simulated hour.
const HOUR: usize = 240;

/// A tag: baseline runs, between-run standard deviation, bad metrics and how bad they are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene {
    pub(crate) runs: usize,
    pub(crate) samples: usize,
    pub(crate) tau: f64,
    pub(crate) bad: usize,
    pub(crate) size: f64,
}

/// Metrics that share a factor inside a run and an effect of the run.
pub(crate) fn tag(scene: Scene, rng: &mut Rng) -> Vec<Metric> {
    let all = scene.runs + 1;
    let factor: Vec<Vec<f64>> = (0..all).map(|_| ar1(rng, scene.samples, 0.8)).collect();
    let effect: Vec<f64> = (0..all).map(|_| rng.normal()).collect();
    let mut tag = Vec::with_capacity(TAG);
    for m in 0..TAG {
        let rho = [0.0, 0.5, 0.9][m % 3];
        let mut runs = Vec::with_capacity(all);
        for (k, factor) in factor.iter().enumerate() {
            let own = scene.tau * (0.7 * effect[k] + 0.7 * rng.normal());
            let worse = if m < scene.bad && k == scene.runs { scene.size } else { 0.0 };
            let noise = ar1(rng, scene.samples, rho);
            runs.push(
                noise.iter().zip(factor).map(|(z, f)| 100.0 + 10.0 * (0.8 * z + 0.6 * f + own + worse)).collect(),
            );
        }
        tag.push(gauge(runs));
    }
    tag
}

fn cell(scene: Scene, effort: f64, events: [Event; 2]) -> Cell {
    let what = if scene.bad > 0 { format!("{} bad by {} sd", scene.bad, scene.size) } else { "unchanged".to_owned() };
    Cell {
        name: format!("{what}, tau {}, K {}", scene.tau, scene.runs),
        events: events.to_vec(),
        trials: 1,
        effort,
        repetition: Box::new(move |rng| {
            let p = tag_p(&tag(scene, rng), &Policy::new(HOUR, 80), HOUR, 0.05);
            vec![usize::from(p <= 0.05), usize::from(p <= 0.01)]
        }),
    }
}

#[test]
fn g2_false_fails_of_a_tag() {
    let reference = [
        (5, 0.0, 0.025, 0.008),
        (5, 0.1, 0.022, 0.005),
        (5, 0.3, 0.022, 0.005),
        (3, 0.0, 0.008, 0.002),
        (3, 0.1, 0.008, 0.0),
        (3, 0.3, 0.018, 0.0),
    ];
    let cells = reference.map(|(runs, tau, five, one)| {
        let scene = Scene { runs, samples: HOUR, tau, bad: 0, size: 0.0 };
        let at = |label, rate, reference| Event::new(label, Promise::AtMost(rate)).like(reference);
        cell(scene, 1.0, [at("tag p <= .05", 0.05, five), at("tag p <= .01", 0.01, one)])
    });
    hold("G2: a tag of 20 that shares a factor, 1 h, unchanged", &cells);
}

#[test]
fn g3_two_bad_metrics_of_twenty() {
    let shown = |label, reference| Event::new(label, Promise::Shown).like(reference);
    let (five, one) = ("tag p <= .05", "tag p <= .01");
    let scene = |tau, size| Scene { runs: 5, samples: HOUR, tau, bad: 2, size };
    let cells = [
        cell(scene(0.0, 1.0), 0.25, [shown(five, 0.97), shown(one, 0.85)]),
        cell(scene(0.3, 1.0), 0.25, [shown(five, 0.18), shown(one, 0.075)]),
        cell(scene(0.3, 2.0), 1.0, [shown(five, 0.88), Event::new(one, Promise::AtLeast(0.55)).like(0.65)]),
        cell(scene(0.3, 3.0), 0.25, [shown(five, 1.0), shown(one, 0.99)]),
    ];
    hold("G3: two bad metrics of twenty, 1 h", &cells);
}
