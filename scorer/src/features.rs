//! What the pooled baseline fixes (median, scale, tail cut, ranks) and the five features of a run.

use crate::descriptive::{MAD_TO_SD, sorted_median, variance};
use crate::kernels::map;
use crate::order::{median_deviation, upper_quantile};
use crate::prepare::View;
use crate::ranks::Ranks;
use crate::tables::Tables;

/// A sample counts at most this many scales: one spike cannot decide a mean.
const CLIP: f64 = 8.0;
/// Clip of the drift feature: a leak of many scales must keep its slope.
const WIDE: f64 = 40.0;
/// The scale is at least this many margins, so the level clip is at least 32 margins.
const SCALE_MARGINS: f64 = 4.0;
/// Differences below this many scales are ties: ranks must not hang on rounding.
const TIE: f64 = 1e-9;
/// Quantile of the baseline above which a sample is in the tail.
pub(crate) const TAIL: f64 = 0.95;
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
    pub(crate) median: f64,
    /// Robust standard deviation, never 0.
    pub(crate) sd: f64,
    /// Unit of the features, never 0.
    pub(crate) scale: f64,
    tail_cut: f64,
    /// Mean shift of the location score when the margin is added to the baseline samples.
    pub(crate) location_margin: f64,
    /// Medians of the runs, the candidate last.
    medians: Vec<f64>,
}

impl Reference {
    /// From baseline runs of at least one sample each and the margin of their metric. Leaves the location scores in the
    /// working memory.
    pub(crate) fn new(view: &View<'_>, tables: &mut Tables) -> Reference {
        let margin = view.series.margin;
        let order = &view.series.order;
        let scores = tables.scores(view.runs.iter().map(|r| r.len()).sum());
        let scratch = &mut tables.scratch;
        let ranks = Ranks { order, baseline: &view.baseline(), scores: &scores };
        ranks.count(scratch);
        let (below, total) = (&scratch.below, scratch.below[order.values.len()] as usize);
        // The last sample with at most k baseline samples before it is the k-th of them.
        let pooled = |k: usize| order.values[below.partition_point(|b| *b as usize <= k) - 1];
        let middle = 0.5 * (pooled((total - 1) / 2) + pooled(total / 2));
        let split = below[order.values.partition_point(|v| *v < middle)] as usize;
        let mad = median_deviation(total, split, middle, pooled) * MAD_TO_SD;
        let sd = if mad > 0.0 { mad } else { variance(&view.pooled()).sqrt() };
        let wide = sd.max(SCALE_MARGINS * margin);
        let scale = if wide > 0.0 { wide } else { 1.0 };
        let own = view.ordered_runs();
        let medians: Vec<f64> = own.iter().map(|run| sorted_median(run)).collect();
        let shifted: Vec<(&[f64], f64)> =
            own.iter().zip(&medians).take(view.runs.len()).map(|(run, m)| (run.as_ref(), *m)).collect();
        let location_margin = ranks.mean_shift(scratch, TIE * scale, margin) / total as f64;
        scratch.locations.shape(view.everyone().map(<[f64]>::len));
        for slot in 0..=view.runs.len() {
            ranks.scores_of(scratch, (slot, view.players[slot]), view.ranks(slot), TIE * scale);
        }
        Reference {
            location_margin,
            median: middle,
            sd: if sd > 0.0 { sd } else { 1.0 },
            scale,
            // A tail must be material: at least a margin away.
            tail_cut: (upper_quantile(&shifted, TAIL) / scale).max(margin / scale),
            medians,
        }
    }

    /// One feature of all runs, sample by sample, into the rows of the working memory; the candidate's is the last.
    pub(crate) fn feature(&self, feature: Feature, view: &View<'_>, tables: &mut Tables) {
        let scratch = &mut tables.scratch;
        if feature == Feature::Location {
            std::mem::swap(&mut scratch.rows, &mut scratch.locations);
            return;
        }
        let (middle, scale, cut) = (self.median, self.scale, self.tail_cut + TIE);
        scratch.rows.shape(view.everyone().map(<[f64]>::len));
        for (run, raw) in view.everyone().enumerate() {
            let own = (self.medians[run] - middle) / scale;
            let out = scratch.rows.row_mut(run);
            match feature {
                Feature::Location | Feature::Level => {
                    map(raw, out, move |v| ((v - middle) / scale).clamp(-CLIP, CLIP));
                }
                Feature::Tail => map(raw, out, move |v| if (v - middle) / scale - own > cut { 1.0 } else { 0.0 }),
                Feature::Dispersion => map(raw, out, move |v| ((v - middle) / scale - own).abs().min(CLIP)),
                Feature::Drift => map(raw, out, move |v| ((v - middle) / scale - own).clamp(-WIDE, WIDE)),
            }
        }
    }

    /// Level of one sample.
    pub(crate) fn level(&self, value: f64) -> f64 {
        ((value - self.median) / self.scale).clamp(-CLIP, CLIP)
    }

    /// Difference below which samples tie.
    pub(crate) fn tolerance(&self) -> f64 {
        TIE * self.scale
    }

    /// Whether a value of a player is in the tail.
    pub(crate) fn in_tail(&self, run: usize, value: f64) -> bool {
        let own = (self.medians[run] - self.median) / self.scale;
        (value - self.median) / self.scale - own > self.tail_cut + TIE
    }

    /// Whether no sample of the players reaches the clip of a feature, so that it is linear in the samples (dispersion:
    /// in their distances from the run's own median).
    pub(crate) fn unclipped(&self, feature: Feature, view: &View<'_>) -> bool {
        let within = |(run, sorted): (usize, &[f64])| {
            let (Some(low), Some(high)) = (sorted.first(), sorted.last()) else { return false };
            let (origin, clip) = match feature {
                Feature::Level => (self.median, CLIP),
                Feature::Dispersion => (self.medians[run], CLIP),
                Feature::Drift => (self.medians[run], WIDE),
                Feature::Location | Feature::Tail => return false,
            };
            (high - origin).max(origin - low) < clip * self.scale
        };
        view.ordered_runs().iter().enumerate().all(|(run, sorted)| within((run, sorted.as_ref())))
    }
}
