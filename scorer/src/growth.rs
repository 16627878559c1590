//! Reliability growth: whether failures of one system come more rarely, or more often, the longer it runs.
//!
//! The power-law process (Crow 1974, "Reliability analysis for complex, repairable systems"; the AMSAA model of
//! MIL-HDBK-189C): failures until t are Poisson with mean lambda t^beta. beta < 1: they come more rarely, beta > 1: more
//! often, beta = 1: a constant rate, for which `crate::rates` speaks. Times are in any unit, counted from the start of
//! the watch; fault windows and the like must be cut out before. No verdict is made from this: it is for those who ask
//! how a tag's soaks develop.

use crate::special::{gamma_p, gamma_p_inverse, gamma_q, normal_cdf};

/// Why times of failures cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum GrowthError {
    /// A watch that ends by the clock needs one failure, one that ends with a failure needs two.
    #[error("{found} failures are too few: {needed} say something of growth")]
    TooFew {
        /// Failures given.
        found: usize,
        /// Failures needed.
        needed: usize,
    },
    /// A time is not a positive, finite number.
    #[error("failure {index} is at {time}: times are positive and finite, counted from the start of the watch")]
    Time {
        /// Which failure, from 0.
        index: usize,
        /// Its time.
        time: f64,
    },
    /// A failure is earlier than the one before it.
    #[error("failure {index} is earlier than the one before it: sort the times")]
    Order {
        /// Which failure, from 0.
        index: usize,
    },
    /// The watch ended before the last failure, or at no finite time.
    #[error("the watch ends at {end}, the last failure is at {last}: no failure is later than the end")]
    End {
        /// End of the watch.
        end: f64,
        /// Last failure.
        last: f64,
    },
    /// All failures are at the end of the watch, so beta would be infinite.
    #[error("all failures are at the very end of the watch: nothing is known of the time before")]
    AtEnd,
}

/// What ended the watch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    /// The clock, at this time (time truncated).
    At(f64),
    /// The last failure (failure truncated).
    LastFailure,
}

/// Failures of one system over one watch.
#[derive(Clone, Debug, PartialEq)]
pub struct Failures {
    /// All failures.
    count: f64,
    /// Failures whose times are free: all, but for the one that ended the watch.
    free: f64,
    /// End of the watch.
    end: f64,
    /// Sum of ln(end / t) over the free failures.
    logs: f64,
    /// Mean of t / end over the free failures.
    mean: f64,
}

/// The fitted power law.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PowerLaw {
    /// Shape, by maximum likelihood.
    pub beta: f64,
    /// Shape without its bias; 0 where the likelihood's estimate has no unbiased counterpart (one free failure).
    pub beta_unbiased: f64,
    /// Failures until 1 unit of time.
    pub lambda: f64,
    /// Failures per unit of time at the end of the watch.
    pub intensity: f64,
    /// Its reciprocal: mean time between failures if nothing develops further.
    pub mtbf: f64,
}

/// p of H0: the rate of failures is constant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trend {
    /// The statistic.
    pub statistic: f64,
    /// p against failures that come more and more often.
    pub p_worse: f64,
    /// p against failures that come more and more rarely.
    pub p_better: f64,
}

impl Failures {
    /// From times of failures, rising, counted from the start of the watch.
    pub fn new(times: &[f64], end: End) -> Result<Failures, GrowthError> {
        let needed = if end == End::LastFailure { 2 } else { 1 };
        let Some(&last) = times.last().filter(|_| times.len() >= needed) else {
            return Err(GrowthError::TooFew { found: times.len(), needed });
        };
        if let Some(index) = times.iter().position(|t| !(t.is_finite() && *t > 0.0)) {
            return Err(GrowthError::Time { index, time: times[index] });
        }
        if let Some(before) = times.windows(2).position(|pair| pair[1] < pair[0]) {
            return Err(GrowthError::Order { index: before + 1 });
        }
        let (end, free) = match end {
            End::At(end) if !(end.is_finite() && end >= last) => return Err(GrowthError::End { end, last }),
            End::At(end) => (end, times),
            End::LastFailure => (last, &times[..times.len() - 1]),
        };
        let logs: f64 = free.iter().map(|t| (end / t).ln()).sum();
        if logs <= 0.0 {
            return Err(GrowthError::AtEnd);
        }
        let mean = free.iter().map(|t| t / end).sum::<f64>() / free.len() as f64;
        Ok(Failures { count: times.len() as f64, free: free.len() as f64, end, logs, mean })
    }

    /// Maximum-likelihood fit (Crow 1974): beta = n / sum ln(T / t), lambda = n / T^beta, intensity = n beta / T. Without
    /// bias beta is multiplied by (n - 1) / n, or by (n - 2) / n where a failure ended the watch.
    pub fn power_law(&self) -> PowerLaw {
        let beta = self.count / self.logs;
        let intensity = self.count * beta / self.end;
        PowerLaw {
            beta,
            beta_unbiased: beta * (self.free - 1.0) / self.count,
            lambda: self.count / self.end.powf(beta),
            intensity,
            mtbf: 1.0 / intensity,
        }
    }

    /// Exact one-sided lower and upper limits of beta, each with tail `a`: 2 n beta / beta^ is chi-squared with 2n degrees
    /// of freedom, or 2(n - 1) where a failure ended the watch (Crow 1974; MIL-HDBK-189C).
    pub fn beta_limits(&self, a: f64) -> (f64, f64) {
        // Half a chi-squared quantile is a quantile of the gamma distribution.
        (gamma_p_inverse(self.free, a) / self.logs, gamma_p_inverse(self.free, 1.0 - a) / self.logs)
    }

    /// Test of MIL-HDBK-189: 2 sum ln(T / t) is chi-squared under a constant rate, and small where failures gather at the
    /// end. Exact, and the most powerful one against power laws.
    pub fn chi_squared(&self) -> Trend {
        Trend {
            statistic: 2.0 * self.logs,
            p_worse: gamma_p(self.free, self.logs),
            p_better: gamma_q(self.free, self.logs),
        }
    }

    /// Laplace's test (Cox and Lewis 1966): the mean time of the failures against the middle of the watch, in standard
    /// errors of uniform times, above 0 where they gather at the end. Normal by approximation, close from four failures.
    pub fn laplace(&self) -> Trend {
        let statistic = (self.mean - 0.5) * (12.0 * self.free).sqrt();
        Trend { statistic, p_worse: normal_cdf(-statistic), p_better: normal_cdf(statistic) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_named() {
        let why = |times: &[f64], end| Failures::new(times, end).expect_err("cannot be read");
        assert_eq!(why(&[], End::At(1.0)), GrowthError::TooFew { found: 0, needed: 1 });
        assert_eq!(why(&[3.0], End::LastFailure), GrowthError::TooFew { found: 1, needed: 2 });
        assert_eq!(why(&[0.0, 3.0], End::At(4.0)), GrowthError::Time { index: 0, time: 0.0 });
        assert!(matches!(why(&[1.0, f64::NAN], End::At(4.0)), GrowthError::Time { index: 1, .. }));
        assert_eq!(why(&[1.0, 3.0, 2.0], End::At(4.0)), GrowthError::Order { index: 2 });
        assert_eq!(why(&[1.0, 3.0], End::At(2.0)), GrowthError::End { end: 2.0, last: 3.0 });
        assert!(matches!(why(&[1.0], End::At(f64::INFINITY)), GrowthError::End { .. }));
        assert_eq!(why(&[2.0, 2.0], End::LastFailure), GrowthError::AtEnd);
    }

    #[test]
    fn the_unit_of_time_does_not_matter() {
        let hours = [3.0, 9.0, 30.0, 41.0];
        let seconds = hours.map(|t| t * 3600.0);
        let [a, b] = [(&hours, 50.0), (&seconds, 180_000.0)]
            .map(|(times, end)| Failures::new(times, End::At(end)).expect("good times"));
        assert!((a.power_law().beta / b.power_law().beta - 1.0).abs() < 1e-12);
        assert!((a.laplace().statistic - b.laplace().statistic).abs() < 1e-12);
        assert!((a.power_law().mtbf * 3600.0 / b.power_law().mtbf - 1.0).abs() < 1e-12);
    }
}
