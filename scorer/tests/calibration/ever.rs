//! G4: a tag that is judged at every look of six hours.

use crate::cells::{Cell, Event, Promise, hold};
use crate::changes::Change;
use crate::shapes::Shape;
use crate::tag::{Scene, tag};
use crate::trial::{Size, metric, tag_p};
use scorer::looks::looks;
use scorer::metric::Metric;
use scorer::policy::Policy;

/// Samples of six hours.
const SIX_HOURS: usize = 1440;
const FIRST_LOOK: usize = 80;

/// Whether the tag fails at any look.
fn ever(gate: &[Metric], alpha: f64) -> bool {
    let policy = Policy { alpha, ..Policy::new(SIX_HOURS, FIRST_LOOK) };
    looks(SIX_HOURS, FIRST_LOOK, 0).iter().any(|look| {
        let level = alpha * look.share;
        tag_p(gate, &policy, look.samples, level) <= level
    })
}

/// What is promised over all looks; two shapes that nobody declared may miss it by a little.
fn promised(shape: Shape) -> Promise {
    let missed = |why| Promise::Missed { promised: 0.05, at_most: 0.065, why };
    match shape {
        Shape::LongMemory => missed("Its variance grows with the length faster than blocks of 64 samples show."),
        Shape::Bursts => missed("The tail feature: far samples come in clusters, and their share is skewed."),
        _ => Promise::AtMost(0.05),
    }
}

fn one(shape: Shape, reference: Option<f64>) -> Cell {
    let event = Event::new("ever fails at 5 %", promised(shape));
    Cell {
        name: format!("six hours of {}, K 5", shape.name()),
        events: vec![reference.map_or(event, |r| event.like(r))],
        trials: 1,
        effort: 1.0,
        repetition: Box::new(move |rng| {
            let size = Size { runs: 5, samples: SIX_HOURS };
            vec![usize::from(ever(&[metric(shape, Change::None, size, rng)], 0.05))]
        }),
    }
}

#[test]
fn g4_one_metric_over_all_looks() {
    let reference = [0.0, 0.005, 0.0, 0.005, 0.025, 0.015, 0.005, 0.01, 0.025, 0.09, 0.02, 0.0];
    let cells: Vec<Cell> = Shape::REFERENCE.iter().zip(reference).map(|(s, r)| one(*s, Some(r))).collect();
    hold("G4: one metric over the looks of 6 h, unchanged", &cells);
}

#[test]
fn g4_other_shapes_over_all_looks() {
    let cells: Vec<Cell> = Shape::OTHERS.iter().map(|s| one(*s, None)).collect();
    hold("G4: shapes that the method was not tuned on", &cells);
}

#[test]
fn g4_a_tag_over_all_looks() {
    let cells = [(0.0, 0.038, 0.01), (0.3, 0.039, 0.015)].map(|(tau, five, one)| {
        let scene = Scene { runs: 5, samples: SIX_HOURS, tau, bad: 0, size: 0.0 };
        let at = |label, rate, reference| Event::new(label, Promise::AtMost(rate)).like(reference);
        Cell {
            name: format!("six hours of a tag of 20, tau {tau}, K 5"),
            events: vec![at("ever fails at 5 %", 0.05, five), at("ever fails at 1 %", 0.01, one)],
            trials: 1,
            effort: 1.0,
            repetition: Box::new(move |rng| {
                let gate = tag(scene, rng);
                // What does not fail at 5 % does not fail at 1 %.
                let five = ever(&gate, 0.05);
                vec![usize::from(five), usize::from(five && ever(&gate, 0.01))]
            }),
        }
    });
    hold("G4: a tag of 20 over the looks of 6 h, unchanged", &cells);
}
