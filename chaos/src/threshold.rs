//! The dose at which something breaks, from trials that say only whether it broke.
//!
//! Bayesian estimation of a psychometric threshold, after QUEST (Watson and Pelli, Perception & Psychophysics 33,
//! 1983): a trial at dose x breaks with probability `LAPSE + (1 - 2 LAPSE) logistic((ln x - ln t) / s)`. The posterior
//! over (t, s) is kept on a grid; the next dose is the one whose answer leaves the least expected entropy (Kontsevich
//! and Tyler, Vision Research 39, 1999).

/// Chance that a trial answers for another reason than the dose.
const LAPSE: f64 = 0.02;
/// Points of the grid of thresholds.
const POINTS: usize = 121;
/// Slopes that are considered, as widths on the logarithmic scale: from a sharp edge to a slow decline.
const SLOPES: [f64; 5] = [0.02, 0.05, 0.1, 0.2, 0.4];
/// Share of the range by which a threshold may lie beyond its ends: it may break at every dose, or at none.
const BEYOND: f64 = 0.15;

/// What is known of a threshold between two doses.
#[derive(Clone, Debug)]
pub struct Threshold {
    low: f64,
    high: f64,
    /// Logarithms of thresholds.
    grid: Vec<f64>,
    /// Posterior, one row a slope; sums to one.
    posterior: Vec<[f64; POINTS]>,
    trials: Vec<(f64, bool)>,
}

/// An interval of doses.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Median.
    pub median: f64,
    /// Upper end.
    pub high: f64,
}

fn breaks(dose: f64, threshold: f64, slope: f64) -> f64 {
    LAPSE + (1.0 - 2.0 * LAPSE) / (1.0 + ((threshold - dose) / slope).exp())
}

fn entropy(weights: impl Iterator<Item = f64>, total: f64) -> f64 {
    weights.filter(|weight| *weight > 0.0).map(|weight| -(weight / total) * (weight / total).ln()).sum()
}

impl Threshold {
    /// Nothing is known: every threshold of the range, on a logarithmic scale, is as likely as any other.
    ///
    /// # Panics
    /// Unless `0 < low < high`, both finite.
    pub fn between(low: f64, high: f64) -> Self {
        assert!(low > 0.0 && low < high && high.is_finite(), "no range of doses: {low} to {high}");
        let (from, to) = (low.ln(), high.ln());
        let margin = (to - from) * BEYOND;
        let step = (to - from + 2.0 * margin) / (POINTS - 1) as f64;
        let grid = (0..POINTS).map(|n| from - margin + step * n as f64).collect();
        let posterior = vec![[1.0 / (POINTS * SLOPES.len()) as f64; POINTS]; SLOPES.len()];
        Self { low, high, grid, posterior, trials: Vec::new() }
    }

    /// Doses and answers so far.
    pub fn trials(&self) -> &[(f64, bool)] {
        &self.trials
    }

    /// Takes the answer of a trial.
    pub fn observe(&mut self, dose: f64, broke: bool) {
        let x = dose.ln();
        let mut total = 0.0;
        for (row, slope) in self.posterior.iter_mut().zip(SLOPES) {
            for (weight, threshold) in row.iter_mut().zip(&self.grid) {
                let chance = breaks(x, *threshold, slope);
                *weight *= if broke { chance } else { 1.0 - chance };
                total += *weight;
            }
        }
        self.posterior.iter_mut().flatten().for_each(|weight| *weight /= total);
        self.trials.push((dose, broke));
    }

    /// The dose of the next trial, within the range.
    pub fn next(&self) -> f64 {
        let inside = self.grid.iter().map(|x| x.clamp(self.low.ln(), self.high.ln()));
        let best = inside.min_by(|one, other| self.expected_entropy(*one).total_cmp(&self.expected_entropy(*other)));
        best.map_or(self.high, f64::exp)
    }

    fn expected_entropy(&self, x: f64) -> f64 {
        let mut chances = Vec::with_capacity(POINTS * SLOPES.len());
        for (row, slope) in self.posterior.iter().zip(SLOPES) {
            chances
                .extend(row.iter().zip(&self.grid).map(|(weight, threshold)| (*weight, breaks(x, *threshold, slope))));
        }
        let yes: f64 = chances.iter().map(|(weight, chance)| weight * chance).sum();
        let after_yes = entropy(chances.iter().map(|(weight, chance)| weight * chance), yes);
        let after_no = entropy(chances.iter().map(|(weight, chance)| weight * (1.0 - chance)), 1.0 - yes);
        yes * after_yes + (1.0 - yes) * after_no
    }

    /// Probability of each point of the grid.
    fn marginal(&self) -> impl Iterator<Item = f64> + '_ {
        (0..self.grid.len()).map(|n| self.posterior.iter().map(|row| row[n]).sum())
    }

    /// Probability that this threshold lies below the other one, over the same range.
    ///
    /// # Panics
    /// The ranges differ.
    pub fn below(&self, other: &Threshold) -> f64 {
        assert_eq!((self.low, self.high), (other.low, other.high), "thresholds over two ranges");
        let (mut below, mut above) = (0.0, 1.0);
        for (here, there) in self.marginal().zip(other.marginal()) {
            above -= there;
            // Two at the same point are as likely this way as that.
            below += here * (above + there / 2.0);
        }
        below
    }

    /// The central interval that holds the threshold with probability `level`.
    pub fn interval(&self, level: f64) -> Interval {
        let quantile = |q: f64| {
            let mut sum = 0.0;
            for (x, probability) in self.grid.iter().zip(self.marginal()) {
                sum += probability;
                if sum >= q {
                    return x.exp();
                }
            }
            self.high
        };
        Interval { low: quantile((1.0 - level) / 2.0), median: quantile(0.5), high: quantile((1.0 + level) / 2.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::draw;

    /// Trials until the interval is as narrow as a factor, at most so many.
    fn find(truth: f64, slope: f64, seed: u64) -> Threshold {
        let mut threshold = Threshold::between(10.0, 5_000.0);
        for n in 0..40 {
            let dose = threshold.next();
            threshold.observe(dose, draw(seed, n) < breaks(dose.ln(), truth.ln(), slope));
            let Interval { low, high, .. } = threshold.interval(0.9);
            if high / low < 1.3 {
                break;
            }
        }
        threshold
    }

    #[test]
    fn the_interval_holds_the_truth_as_often_as_it_says() {
        let mut inside = 0;
        let mut trials = 0;
        for seed in 0..100 {
            let truth = 20.0 * (100.0_f64).powf(draw(99, seed));
            let slope = SLOPES[seed as usize % SLOPES.len()];
            let found = find(truth, slope, seed);
            let Interval { low, high, .. } = found.interval(0.9);
            inside += u32::from((low..=high).contains(&truth));
            trials += found.trials().len();
        }
        // 90 % asked; three standard errors of 100 are 9 points.
        assert!(inside >= 81, "{inside} of 100");
        assert!(trials / 100 <= 25, "{} trials each", trials / 100);
    }

    #[test]
    fn what_never_breaks_and_what_always_breaks_end_beyond_the_range() {
        for (broke, beyond) in [(false, 5_000.0), (true, 10.0)] {
            let mut threshold = Threshold::between(10.0, 5_000.0);
            for _ in 0..12 {
                let dose = threshold.next();
                assert!((9.99..=5_000.1).contains(&dose));
                threshold.observe(dose, broke);
            }
            let median = threshold.interval(0.9).median;
            assert!(if broke { median < beyond * 1.6 } else { median > beyond / 1.6 }, "{median}");
        }
    }

    #[test]
    fn one_threshold_lies_below_another_as_surely_as_their_trials_say() {
        let unknown = Threshold::between(10.0, 5_000.0);
        assert!((unknown.below(&unknown) - 0.5).abs() < 1e-9);
        let (low, high) = (find(100.0, 0.05, 1), find(400.0, 0.05, 2));
        assert!(low.below(&high) > 0.99 && high.below(&low) < 0.01, "{}", low.below(&high));
    }
}
