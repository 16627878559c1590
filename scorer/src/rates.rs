//! Exact statements about rates and shares of rare events.

use crate::descriptive::{mean, sample_variance};
use crate::special::{beta_p, beta_p_inverse, gamma_p_inverse};

/// Block lengths over which the dispersion of counts is measured.
const BLOCKS: [usize; 4] = [1, 2, 5, 10];
/// Blocks that a length needs.
const FEWEST_BLOCKS: usize = 6;

/// Events and the exposure in which they were seen (both may be divided by a design effect, so they are reals).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tally {
    /// Events.
    pub events: f64,
    /// Exposure (time, requests); positive.
    pub exposure: f64,
}

/// P(at least `x.events` | rate of x <= rate of y): conditional binomial, exact (Przyborowski and Wilenski 1940).
pub fn two_rates(x: Tally, y: Tally) -> f64 {
    if x.events <= 0.0 {
        return 1.0;
    }
    beta_p(x.events, y.events + 1.0, x.exposure / (x.exposure + y.exposure))
}

/// Exact one-sided lower and upper limits of a Poisson rate, each with tail `a` (Garwood 1936).
pub fn garwood(x: Tally, a: f64) -> (f64, f64) {
    let lower = if x.events > 0.0 { gamma_p_inverse(x.events, a) } else { 0.0 };
    (lower / x.exposure, gamma_p_inverse(x.events + 1.0, 1.0 - a) / x.exposure)
}

/// Equal-tailed Jeffreys limits of a share over independent blocks, each with tail `a` (Brown, Cai and DasGupta 2001).
pub fn jeffreys(good: f64, total: f64, a: f64) -> (f64, f64) {
    let (p, q) = (good + 0.5, total - good + 0.5);
    let lower = if good <= 0.0 { 0.0 } else { beta_p_inverse(p, q, a) };
    let upper = if good >= total { 1.0 } else { beta_p_inverse(p, q, 1.0 - a) };
    (lower, upper)
}

/// Over-dispersion (variance / mean) of counts per block: the largest over blocks of 1, 2, 5 and 10 samples of which
/// there are at least 6; at least 1.
pub fn design_effect(bad: &[f64]) -> f64 {
    let mut largest = 1.0;
    for length in BLOCKS {
        if bad.len() / length < FEWEST_BLOCKS {
            break;
        }
        let sums: Vec<f64> = bad.chunks_exact(length).map(|block| block.iter().sum()).collect();
        let middle = mean(&sums);
        if middle > 0.0 {
            largest = f64::max(largest, sample_variance(&sums) / middle);
        }
    }
    largest
}

/// Highest rate that zero failures within `exposure` leave possible at level `a`: -ln(a) / exposure.
pub fn zero_failure_bound(exposure: f64, a: f64) -> f64 {
    -a.ln() / exposure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_failures_follow_the_rule_of_three() {
        assert!((zero_failure_bound(100.0, 0.05) - 0.029_957_322_735_539_91).abs() < 1e-15);
        assert!(
            (garwood(Tally { events: 0.0, exposure: 100.0 }, 0.05).1 - zero_failure_bound(100.0, 0.05)).abs() < 1e-14
        );
    }

    #[test]
    fn limits_close_where_nothing_can_be_beyond() {
        assert_eq!(jeffreys(0.0, 10.0, 0.025).0, 0.0);
        assert_eq!(jeffreys(10.0, 10.0, 0.025).1, 1.0);
        assert_eq!(design_effect(&[1.0, 5.0]), 1.0);
    }
}
