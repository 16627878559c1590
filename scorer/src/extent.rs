//! By how much a change shows that is not one of the level: one number of the candidate, the same of the baseline.

use crate::descriptive::{mean, median};
use crate::features::TAIL;
use crate::onset::SHORTEST;
use crate::pairing::Pair;
use crate::signal::Worse;

/// Values of both sides that are there, turned so that worse is up.
pub(crate) struct Sides {
    worse: Worse,
    now: Vec<f64>,
    before: Vec<Vec<f64>>,
}

/// A number now, and before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Both {
    pub(crate) now: f64,
    pub(crate) before: f64,
}

impl Sides {
    pub(crate) fn of(pair: &Pair<'_>, worse: Worse, look: usize) -> Sides {
        let sign = if worse == Worse::Down { -1.0 } else { 1.0 };
        let there = |value: &dyn Fn(usize) -> f64| -> Vec<f64> {
            (0..look).map(value).filter(|v| v.is_finite()).map(|v| sign * v).collect()
        };
        let runs = pair.compared_before(0).len();
        let before = (0..runs).map(|run| there(&|i| pair.compared_before(i)[run]));
        Sides { worse, before: before.filter(|run| !run.is_empty()).collect(), now: there(&|i| pair.compared(i)) }
    }

    /// How many times as far from their run's median the candidate's samples are on average; `None`: no farther.
    pub(crate) fn spread(&self) -> Option<f64> {
        let spread = |run: &[f64]| {
            let middle = median(run);
            mean(&run.iter().map(|v| (v - middle).abs()).collect::<Vec<f64>>())
        };
        let before = mean(&self.before.iter().map(|run| spread(run)).collect::<Vec<f64>>());
        Some(spread(&self.now) / before).filter(|times| times.is_finite() && *times > 1.0)
    }

    /// From how far above its run's median on a sample is far, and the shares of samples that are, as the judge counts
    /// them; `None`: no more than before.
    pub(crate) fn tail(&self, margin: f64) -> Option<(f64, Both)> {
        let above = |run: &Vec<f64>| -> Vec<f64> {
            let middle = median(run);
            run.iter().map(|v| v - middle).collect()
        };
        let mut usual: Vec<f64> = self.before.iter().flat_map(above).collect();
        usual.sort_by(f64::total_cmp);
        let far = usual.get((usual.len().saturating_sub(1) as f64 * TAIL) as usize)?.max(margin);
        let share = |all: &[f64]| all.iter().filter(|v| **v > far).count() as f64 / all.len() as f64;
        let shares = Both { now: share(&above(&self.now)), before: share(&usual) };
        (shares.now > shares.before).then_some((far, shares))
    }

    /// The worst mean of a few samples in a row, as values of the metric itself; `None`: no worse than before.
    pub(crate) fn stretch(&self) -> Option<Both> {
        let least = |run: &Vec<f64>| -worst(&run.iter().map(|v| -v).collect::<Vec<f64>>());
        let most =
            Both { now: worst(&self.now), before: self.before.iter().map(|r| worst(r)).fold(f64::NAN, f64::max) };
        let least = Both { now: least(&self.now), before: self.before.iter().map(least).fold(f64::NAN, f64::min) };
        let (above, below) = (most.now - most.before, least.before - least.now);
        match self.worse {
            Worse::Either if below > above => Some(least).filter(|_| below > 0.0),
            Worse::Up | Worse::Either => Some(most).filter(|_| above > 0.0),
            Worse::Down => Some(Both { now: -most.now, before: -most.before }).filter(|_| above > 0.0),
        }
    }
}

/// The largest mean of so many samples as an excursion lasts; NaN where there are fewer.
fn worst(run: &[f64]) -> f64 {
    run.windows(SHORTEST).map(mean).fold(f64::NAN, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat() -> Vec<f64> {
        (0..40).map(|i| 10.0 + f64::from(i % 4)).collect()
    }

    #[test]
    fn what_is_as_before_has_no_number() {
        let same = Sides { worse: Worse::Either, now: flat(), before: vec![flat(), flat()] };
        assert_eq!((same.spread(), same.tail(0.0), same.stretch()), (None, None, None));
        let nothing = Sides { worse: Worse::Up, now: vec![], before: vec![] };
        assert_eq!((nothing.spread(), nothing.tail(0.0), nothing.stretch()), (None, None, None));
    }

    #[test]
    fn each_shape_has_a_number() {
        let of = |worse, now: Vec<f64>| Sides { worse, now, before: vec![flat(), flat()] };
        let wide = flat().iter().map(|v| 11.5 + 3.0 * (v - 11.5)).collect();
        assert_eq!(of(Worse::Up, wide).spread(), Some(3.0));
        let far: Vec<f64> = flat().iter().enumerate().map(|(i, v)| if i % 10 == 0 { 50.0 } else { *v }).collect();
        assert_eq!(of(Worse::Up, far).tail(5.0), Some((5.0, Both { now: 0.1, before: 0.0 })));
        let spike = |by: f64| -> Vec<f64> {
            flat().iter().enumerate().map(|(i, v)| if (16..19).contains(&i) { *v + by } else { *v }).collect()
        };
        assert_eq!(of(Worse::Up, spike(30.0)).stretch(), Some(Both { now: 41.0, before: 12.0 }));
        assert_eq!(of(Worse::Either, spike(-30.0)).stretch(), Some(Both { now: -19.0, before: 11.0 }));
        // Turned, so that less is worse.
        assert_eq!(of(Worse::Down, spike(30.0)).stretch(), Some(Both { now: -41.0, before: -12.0 }));
    }
}
