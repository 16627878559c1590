//! G5: eight gate metrics with margins, unchanged or one of them exactly at its margin.

use crate::cells::{Cell, Event, Promise, hold};
use crate::rng::{Rng, ar1};
use crate::trial::{Size, alone, gauge, tag_p};
use scorer::metric::{Metric, Samples};
use scorer::policy::Policy;
use scorer::signal::Worse;

/// Gate metrics of a tag, by default.
const GATES: usize = 8;
/// Standard deviation of the series.
const SD: f64 = 10.0;
/// Half of the policy's pass level is spent at the programme's end.
const LEVEL: f64 = 0.025;

/// How the metrics behave and which margin they have.
#[derive(Clone, Copy, Debug)]
struct Scene {
    rho: f64,
    tau: f64,
    /// In standard deviations.
    margin: f64,
}

fn gates(scene: Scene, size: Size, rng: &mut Rng) -> Vec<Metric> {
    let effect: Vec<f64> = (0..=size.runs).map(|_| rng.normal()).collect();
    let mut run = |k: usize| -> Vec<f64> {
        let own = scene.tau * (0.7 * effect[k] + 0.714 * rng.normal());
        ar1(rng, size.samples, scene.rho).iter().map(|z| 100.0 + SD * (z + own)).collect()
    };
    (0..GATES)
        .map(|_| {
            let runs = (0..=size.runs).map(&mut run).collect();
            Metric { by: Some(SD * scene.margin), worse: Worse::Up, ..gauge(runs) }
        })
        .collect()
}

/// Moves the first metric's candidate to exactly its margin.
fn to_the_margin(gates: &mut [Metric], scene: Scene) {
    if let Samples::Values(values) = &mut gates[0].candidate {
        values.iter_mut().for_each(|v| *v += SD * scene.margin);
    }
}

/// One line of the reference's table: all eight pass, one passes, one at its margin passes; in percent.
type Known = (f64, usize, f64, usize, f64, [f64; 3], Option<f64>);

const KNOWN: &[Known] = &[
    (0.5, 240, 0.0, 5, 1.0, [100.0, 100.0, 1.0], Some(0.95)),
    (0.5, 240, 0.1, 5, 1.0, [100.0, 100.0, 1.3], Some(0.95)),
    (0.5, 240, 0.2, 5, 1.0, [68.0, 93.0, 2.0], None),
    (0.5, 240, 0.0, 5, 0.5, [52.0, 92.0, 1.0], None),
    (0.5, 960, 0.0, 5, 0.5, [100.0, 100.0, 0.3], Some(0.95)),
    (0.5, 960, 0.1, 5, 0.5, [74.0, 94.0, 2.5], None),
    (0.5, 960, 0.2, 5, 0.5, [11.0, 50.0, 2.5], None),
    (0.5, 960, 0.2, 3, 1.0, [69.0, 90.0, 3.0], None),
    (0.9, 240, 0.0, 5, 1.0, [0.0, 40.0, 0.5], None),
    (0.9, 960, 0.0, 5, 1.0, [100.0, 100.0, 1.0], Some(0.95)),
    (0.9, 960, 0.1, 5, 1.0, [98.0, 100.0, 0.0], None),
    (0.9, 2880, 0.0, 5, 0.5, [100.0, 100.0, 0.0], Some(0.95)),
    (0.9, 2880, 0.1, 5, 0.5, [45.0, 88.0, 2.0], None),
];

fn cell(known: &Known) -> Cell {
    let (rho, samples, tau, runs, margin, reference, promised) = *known;
    let (scene, size) = (Scene { rho, tau, margin }, Size { runs, samples });
    let [all, one, at] = reference.map(|r| r / 100.0);
    let promise = promised.map_or(Promise::Shown, Promise::AtLeast);
    Cell {
        name: format!("AR {rho}, n {samples}, tau {tau}, K {runs}, margin {margin} sd"),
        events: vec![
            Event::new("all 8 pass", promise).like(all),
            Event::new("the first passes", Promise::Shown).like(one),
            Event::new("the first passes at its margin", Promise::AtMost(0.05)).like(at),
        ],
        trials: 1,
        effort: 1.0,
        repetition: Box::new(move |rng| {
            let mut gates = gates(scene, size, rng);
            let passes: Vec<bool> = alone(&gates, samples).iter().map(|m| m.p_pass <= LEVEL).collect();
            to_the_margin(&mut gates, scene);
            let at = alone(&gates, samples)[0].p_pass <= LEVEL;
            vec![usize::from(passes.iter().all(|p| *p)), usize::from(passes[0]), usize::from(at)]
        }),
    }
}

#[test]
fn g5_unchanged_metrics_pass_and_one_at_its_margin_does_not() {
    let cells: Vec<Cell> = KNOWN.iter().map(cell).collect();
    hold("G5: eight gate metrics with a margin", &cells);
}

#[test]
fn g5_a_metric_at_its_margin_does_not_fail() {
    let cells = [(0.0, 5), (0.2, 5), (0.0, 3), (0.2, 3)].map(|(tau, runs)| Cell {
        name: format!("one of 8 at its margin of .5 sd, AR 0.5, n 240, tau {tau}, K {runs}"),
        events: vec![
            Event::new("tag p <= .05", Promise::AtMost(0.05)),
            Event::new("tag p <= .01", Promise::AtMost(0.01)),
        ],
        trials: 1,
        effort: 1.0,
        repetition: Box::new(move |rng| {
            let scene = Scene { rho: 0.5, tau, margin: 0.5 };
            let mut gates = gates(scene, Size { runs, samples: 240 }, rng);
            to_the_margin(&mut gates, scene);
            let p = tag_p(&gates, &Policy::new(240, 80), 240, 0.05);
            vec![usize::from(p <= 0.05), usize::from(p <= 0.01)]
        }),
    });
    hold("G5: false fails exactly at a margin", &cells);
}
