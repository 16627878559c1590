//! Regressions of a candidate, in units of the series' own standard deviation (10) unless said otherwise.

use crate::rng::Rng;

/// Standard deviation of the shapes.
const SD: f64 = 10.0;

/// What is done to the candidate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Change {
    None,
    /// All samples, by so many standard deviations.
    Step(f64),
    /// From nothing to so many standard deviations at the end.
    Ramp(f64),
    /// The last quarter, by so many standard deviations.
    Late(f64),
    /// Distance from the mean, times.
    Variance(f64),
    /// Five percent of the samples, times.
    Tail(f64),
}

impl Change {
    /// Name in tables.
    pub(crate) fn name(self) -> String {
        match self {
            Change::None => "unchanged".to_owned(),
            Change::Step(size) => format!("step {size} sd"),
            Change::Ramp(size) => format!("ramp {size} sd"),
            Change::Late(size) => format!("late {size} sd"),
            Change::Variance(size) => format!("variance x{size}"),
            Change::Tail(size) => format!("5 % x{size}"),
        }
    }

    /// The changed run.
    pub(crate) fn apply(self, mut x: Vec<f64>, rng: &mut Rng) -> Vec<f64> {
        let n = x.len();
        match self {
            Change::None => {}
            Change::Step(size) => x.iter_mut().for_each(|v| *v += size * SD),
            Change::Ramp(size) => {
                x.iter_mut().enumerate().for_each(|(i, v)| *v += size * SD * i as f64 / (n - 1).max(1) as f64);
            }
            Change::Late(size) => x[n * 3 / 4..].iter_mut().for_each(|v| *v += size * SD),
            Change::Variance(size) => {
                let mean = x.iter().sum::<f64>() / n as f64;
                x.iter_mut().for_each(|v| *v = mean + (*v - mean) * size);
            }
            Change::Tail(size) => {
                for v in &mut x {
                    if rng.uniform() < 0.05 {
                        *v *= size;
                    }
                }
            }
        }
        x
    }
}
