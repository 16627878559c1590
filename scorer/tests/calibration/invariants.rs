//! G8: doubling every sample adds no evidence. G9: what is taken away never turns into a pass.

use crate::cells::{Cell, Event, Promise, hold};
use crate::changes::Change;
use crate::rng::Rng;
use crate::shapes::Shape;
use crate::trial::{TAG, alone, gauge, judged};
use scorer::metric::{Metric, Samples};
use scorer::policy::Policy;
use scorer::signal::Worse;
use scorer::verdict::Verdict;

const HOUR: usize = 240;
/// How far -log10 p may move.
const MOVE: f64 = 0.3;
/// p below which an evidence is beyond doubt, and may move.
const CLEAR: f64 = 1e-4;

/// Six runs of a shape, the last changed by a step of 0, .5 or 1 sd.
fn runs(shape: Shape, rng: &mut Rng) -> Vec<Vec<f64>> {
    let mut runs: Vec<Vec<f64>> = (0..5).map(|_| shape.run(rng, HOUR, 0)).collect();
    let step = Change::Step(0.5 * rng.below(3) as f64);
    let last = shape.run(rng, HOUR, 0);
    runs.push(step.apply(last, rng));
    runs
}

fn doubled(runs: &[Vec<f64>]) -> Vec<Vec<f64>> {
    runs.iter().map(|run| run.iter().flat_map(|v| [*v, *v]).collect()).collect()
}

fn up(runs: Vec<Vec<f64>>) -> Metric {
    Metric { worse: Worse::Up, ..gauge(runs) }
}

#[test]
fn g8_doubled_samples_are_no_evidence() {
    let cells = [Shape::Iid, Shape::Ar5, Shape::Ar9].map(|shape| Cell {
        name: format!("every sample of {} doubled", shape.name()),
        events: vec![
            Event::new("p > .0001", Promise::Shown),
            Event::new("of these, -log10 p moves by .3 or more", Promise::AtMost(0.05)).among(0),
        ],
        trials: TAG,
        effort: 1.0,
        repetition: Box::new(move |rng| {
            let all: Vec<_> = (0..TAG).map(|_| runs(shape, rng)).collect();
            let once = alone(&all.iter().map(|r| up(r.clone())).collect::<Vec<_>>(), HOUR);
            let twice = alone(&all.iter().map(|r| up(doubled(r))).collect::<Vec<_>>(), 2 * HOUR);
            let open: Vec<_> = once.iter().zip(&twice).filter(|(a, _)| a.p_fail > CLEAR).collect();
            let moved = open.iter().filter(|(a, b)| (a.p_fail.log10() - b.p_fail.log10()).abs() >= MOVE);
            vec![open.len(), moved.count()]
        }),
    });
    hold("G8: every sample doubled, n 240, K 5", &cells);
}

/// Eight gate metrics of four shapes with a margin of .8 sd; in every other tag one is worse by 1 sd.
fn tag(rng: &mut Rng) -> Vec<Metric> {
    let bad = rng.below(2);
    let shapes = [Shape::Ar5, Shape::Ar9, Shape::Lognormal, Shape::Counter];
    let metric = |i: usize| {
        let mut all: Vec<Vec<f64>> = (0..6).map(|_| shapes[i % 4].run(rng, HOUR, 0)).collect();
        if i < bad {
            all[5].iter_mut().for_each(|v| *v += 10.0);
        }
        Metric { by: Some(8.0), worse: if i.is_multiple_of(3) { Worse::Either } else { Worse::Up }, ..gauge(all) }
    };
    (0..8).map(metric).collect()
}

fn candidate(metric: &mut Metric) -> &mut Vec<f64> {
    match &mut metric.candidate {
        Samples::Values(values) => values,
        Samples::Events { .. } => unreachable!("the tag has gauges only"),
    }
}

#[test]
fn g9_removing_never_turns_into_a_pass() {
    let cell = Cell {
        name: "a metric, three quarters of its samples, three baseline runs".to_owned(),
        events: vec![Event::new("turns into a pass", Promise::AtMost(0.0))],
        trials: 3,
        effort: 1.0,
        repetition: Box::new(|rng| {
            let whole = tag(rng);
            let policy = Policy::new(HOUR, 80);
            let passes = |gate: &[Metric]| judged(gate, &policy, HOUR).verdict == Verdict::Pass;
            if passes(&whole) {
                return vec![0];
            }
            let which = rng.below(whole.len());
            let (mut gone, mut short, mut few) = (whole.clone(), whole.clone(), whole);
            candidate(&mut gone[which]).fill(f64::NAN);
            candidate(&mut short[which])[HOUR / 4..].fill(f64::NAN);
            few.iter_mut().for_each(|m| m.baselines.truncate(2));
            vec![[gone, short, few].iter().filter(|gate| passes(gate)).count()]
        }),
    };
    hold("G9: inputs removed from a tag that does not pass", &[cell]);
}
