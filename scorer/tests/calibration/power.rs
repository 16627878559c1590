//! G3: regressions of one metric inside a tag of twenty that is otherwise of its kind.

use crate::cells::{Cell, Event, Promise, hold};
use crate::changes::Change;
use crate::shapes::Shape;
use crate::trial::{Size, TAG, alone, metric};
use Change::{Late, Ramp, Step, Tail, Variance};

/// A regression with what the reference found (shift at 5 % and 1 %, peak at 5 %), in percent, and the promised share
/// at 5 %.
type Known = (Shape, Change, usize, [f64; 3], Option<f64>);

const KNOWN: &[Known] = &[
    (Shape::Iid, Step(0.5), 240, [100.0, 100.0, 0.8], None),
    (Shape::Iid, Ramp(2.0), 240, [100.0, 100.0, 62.0], None),
    (Shape::Iid, Late(2.0), 240, [100.0, 100.0, 85.0], None),
    (Shape::Ar5, Step(0.5), 240, [91.0, 69.0, 1.0], Some(0.85)),
    (Shape::Ar5, Step(2.0), 240, [100.0, 100.0, 90.0], None),
    (Shape::Ar5, Ramp(2.0), 240, [100.0, 100.0, 36.0], Some(0.95)),
    (Shape::Ar5, Late(2.0), 240, [100.0, 99.0, 43.0], None),
    (Shape::Ar5, Variance(1.5), 240, [96.0, 96.0, 29.0], Some(0.93)),
    (Shape::Ar5, Tail(3.0), 240, [96.0, 92.0, 100.0], Some(0.93)),
    (Shape::Ar9, Step(1.0), 240, [44.0, 20.0, 13.0], Some(0.35)),
    (Shape::Ar9, Step(2.0), 240, [93.0, 80.0, 75.0], None),
    (Shape::Ar9, Ramp(2.0), 240, [55.0, 22.0, 34.0], None),
    (Shape::Ar9, Late(2.0), 240, [15.0, 2.5, 31.0], None),
    (Shape::Ar9, Variance(1.5), 240, [1.5, 0.8, 46.0], None),
    (Shape::Ar9, Tail(3.0), 240, [3.2, 0.8, 100.0], None),
    (Shape::Ar9, Step(1.0), 960, [100.0, 98.0, f64::NAN], Some(0.95)),
    (Shape::Ar9, Variance(1.5), 960, [80.0, 78.0, f64::NAN], None),
    (Shape::Season, Step(1.0), 240, [100.0, 100.0, 6.5], None),
    (Shape::Lognormal, Tail(5.0), 240, [14.0, 4.5, 22.0], None),
    (Shape::Lognormal, Tail(5.0), 960, [51.0, 26.0, f64::NAN], None),
    (Shape::Counter, Step(2.0), 240, [94.0, 80.0, 28.0], None),
];

fn cell(known: &Known) -> Cell {
    let (shape, change, samples, reference, promised) = *known;
    let like = |event: Event, percent: f64| if percent.is_nan() { event } else { event.like(percent / 100.0) };
    let promise = promised.map_or(Promise::Shown, Promise::AtLeast);
    let size = Size { runs: 5, samples };
    Cell {
        name: format!("{}, {}, n {samples}, K 5", shape.name(), change.name()),
        events: vec![
            like(Event::new("shift p <= .05", promise), reference[0]),
            like(Event::new("shift p <= .01", Promise::Shown), reference[1]),
            like(Event::new("peak p <= .05", Promise::Shown), reference[2]),
        ],
        trials: TAG,
        effort: if promised.is_some() { 1.0 } else { 0.5 },
        repetition: Box::new(move |rng| {
            let tag: Vec<_> = (0..TAG).map(|_| metric(shape, change, size, rng)).collect();
            let numbers = alone(&tag, size.samples);
            let count =
                |p: fn(&scorer::report::MetricNumbers) -> f64, level| numbers.iter().filter(|m| p(m) <= level).count();
            vec![count(|m| m.p_fail, 0.05), count(|m| m.p_fail, 0.01), count(|m| m.p_peak, 0.05)]
        }),
    }
}

#[test]
fn g3_regressions_are_seen() {
    let cells: Vec<Cell> = KNOWN.iter().map(cell).collect();
    hold("G3: one metric of a tag of 20, regressed", &cells);
}
