//! What the pooled baseline fixes (median, scale, tail cut, ranks) and the five features of a run.

use crate::descriptive::{mean, median, quantile, robust_sd, sorted_median};
use crate::tables::Tables;
use std::rc::Rc;

/// A sample counts at most this many scales: one spike cannot decide a mean.
const CLIP: f64 = 8.0;
/// Clip of the drift feature: a leak of many scales must keep its slope.
const WIDE: f64 = 40.0;
/// The scale is at least this many margins, so the level clip is at least 32 margins.
const SCALE_MARGINS: f64 = 4.0;
/// Differences below this many scales are ties: ranks must not hang on rounding.
const TIE: f64 = 1e-9;
/// Ties that are counted one by one.
const NEAR: usize = 4;
/// Samples that tail and dispersion need.
pub(crate) const SHAPE_SAMPLES: usize = 120;
/// Samples that drift needs.
pub(crate) const DRIFT_SAMPLES: usize = 30;

/// A feature of a run that may shift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Feature {
    /// Normal score of the rank among the pooled baseline samples.
    Location,
    /// Mean, clipped at 8 scales.
    Level,
    /// Share of samples far above the run's own median.
    Tail,
    /// Mean distance from the run's own median.
    Dispersion,
    /// Least-squares rise over the window.
    Drift,
}

impl Feature {
    /// All features, in the order of every array over features.
    pub const ALL: [Feature; 5] =
        [Feature::Location, Feature::Level, Feature::Tail, Feature::Dispersion, Feature::Drift];

    /// Tail and dispersion: they speak of the shape, not of the place.
    pub fn is_shape(self) -> bool {
        matches!(self, Feature::Tail | Feature::Dispersion)
    }

    /// Samples of the candidate that the feature needs.
    pub fn needs(self) -> usize {
        match self {
            Feature::Location | Feature::Level => 0,
            Feature::Tail | Feature::Dispersion => SHAPE_SAMPLES,
            Feature::Drift => DRIFT_SAMPLES,
        }
    }
}

/// What the pooled baseline fixes.
pub(crate) struct Reference {
    sorted: Vec<f64>,
    scores: Rc<Vec<f64>>,
    pub(crate) median: f64,
    /// Robust standard deviation, never 0.
    pub(crate) sd: f64,
    /// Unit of the features, never 0.
    pub(crate) scale: f64,
    tail_cut: f64,
    tolerance: f64,
    /// Mean shift of the location score when the margin is added to the baseline samples.
    pub(crate) location_margin: f64,
}

impl Reference {
    /// From baseline runs of at least one sample each and a margin in own unit.
    pub(crate) fn new(runs: &[&[f64]], margin: f64, tables: &mut Tables) -> Reference {
        let mut sorted = runs.concat();
        sorted.sort_unstable_by(f64::total_cmp);
        let middle = sorted_median(&sorted);
        let sd = robust_sd(&sorted, middle);
        let wide = sd.max(SCALE_MARGINS * margin);
        let scale = if wide > 0.0 { wide } else { 1.0 };
        let mut own = Vec::with_capacity(sorted.len());
        for run in runs {
            let m = median(run);
            own.extend(run.iter().map(|v| (v - m) / scale));
        }
        // A tail must be material: at least a margin away.
        let tail_cut = quantile(own, 0.95).max(margin / scale);
        let scores = tables.scores(sorted.len());
        let mut reference = Reference {
            sorted,
            scores,
            median: middle,
            sd: if sd > 0.0 { sd } else { 1.0 },
            scale,
            tail_cut,
            tolerance: TIE * scale,
            location_margin: 0.0,
        };
        if margin != 0.0 {
            let (moved, still) = (reference.scores_moved_by(margin), reference.scores_moved_by(0.0));
            let shifts: Vec<f64> = moved.iter().zip(&still).map(|(a, b)| a - b).collect();
            reference.location_margin = mean(&shifts);
        }
        reference
    }

    /// Scores of the baseline samples moved by `margin`, in their order: both ends of the ties only move up.
    fn scores_moved_by(&self, margin: f64) -> Vec<f64> {
        let (mut left, mut right) = (0, 0);
        let mut scores = Vec::with_capacity(self.sorted.len());
        for v in &self.sorted {
            let value = v + margin;
            while left < self.sorted.len() && self.sorted[left] < value - self.tolerance {
                left += 1;
            }
            right = right.max(left);
            while right < self.sorted.len() && self.sorted[right] <= value + self.tolerance {
                right += 1;
            }
            scores.push(self.scores[left + right]);
        }
        scores
    }

    /// Normal score of the mid-rank of a value among the baseline samples.
    fn score(&self, value: f64) -> f64 {
        let left = self.sorted.partition_point(|s| *s < value - self.tolerance);
        let ties = |s: &f64| *s <= value + self.tolerance;
        // Most values have few ties: look beside before searching.
        let near = self.sorted[left..].iter().take(NEAR).take_while(|s| ties(s)).count();
        let right = if near < NEAR { left + near } else { left + self.sorted[left..].partition_point(ties) };
        self.scores[left + right]
    }

    /// One feature of a run, sample by sample.
    pub(crate) fn feature(&self, feature: Feature, run: &Scaled<'_>) -> Vec<f64> {
        let own = |v: &f64| v - run.median;
        match feature {
            Feature::Location => run.raw.iter().map(|&v| self.score(v)).collect(),
            Feature::Level => run.scaled.iter().map(|v| v.clamp(-CLIP, CLIP)).collect(),
            Feature::Tail => run.scaled.iter().map(|v| if own(v) > self.tail_cut + TIE { 1.0 } else { 0.0 }).collect(),
            Feature::Dispersion => run.scaled.iter().map(|v| own(v).abs().min(CLIP)).collect(),
            Feature::Drift => run.scaled.iter().map(|v| own(v).clamp(-WIDE, WIDE)).collect(),
        }
    }

    /// A run in scales above the baseline median.
    pub(crate) fn scaled<'a>(&self, raw: &'a [f64]) -> Scaled<'a> {
        let scaled: Vec<f64> = raw.iter().map(|v| (v - self.median) / self.scale).collect();
        let median = median(&scaled);
        Scaled { raw, scaled, median }
    }
}

/// A run, raw and in scales, with its own median in scales.
pub(crate) struct Scaled<'a> {
    raw: &'a [f64],
    scaled: Vec<f64>,
    median: f64,
}
