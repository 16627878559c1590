//! What is compared of whole distributions.
//!
//! *Ridit*: of a bucket, the share of the baseline's observations below it plus half of those in it; its mean over a
//! sample is how probable it is that one of its observations is larger than one of the baseline, ties counted half
//! (Bross 1958; the same quantity as the Mann-Whitney statistic). It uses every bucket, no bound has to be chosen, and
//! no straight line is drawn within a bucket as quantiles need it. Without any change it is one half. It sees what
//! happens to most observations; what happens to few of them is seen by the *shares above* two bounds far up in the
//! baseline's own distribution.

use crate::histogram::{Histograms, alike};
use crate::metric::Samples;

/// Names of what lies above a bound, and the shares of the baseline that are to. No quantiles: buckets are wide.
const FEW: [(&str, f64); 2] = [("upper tail", 0.10), ("far tail", 0.01)];
/// How far the share above a bucket's bound may be from the wanted one, as a factor.
const NEAR: f64 = 3.0;

/// Distributions of baseline runs and candidate, brought to what can be compared sample by sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// Mean ridit of every sample; NaN: absent, or nothing was observed.
    pub ridits: Compared<Vec<f64>>,
    /// Observations above bounds of the baseline, of all.
    pub above: Vec<Above>,
}

/// The same of every run.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared<T> {
    /// Baseline runs, in the order given; `None`: left out, because its buckets are others than those of most.
    pub baselines: Vec<Option<T>>,
    /// Candidate.
    pub candidate: T,
}

/// Observations above one bound.
#[derive(Clone, Debug, PartialEq)]
pub struct Above {
    /// `upper tail`.
    pub name: &'static str,
    /// The bound, in the unit of the observations.
    pub bound: f64,
    /// Events and totals.
    pub samples: Compared<Samples>,
}

/// Compares baseline runs and candidate. `None`: their buckets cannot be compared, or the baseline observed nothing.
pub fn shape(baselines: &[&Histograms], candidate: &Histograms) -> Option<Shape> {
    let (baselines, candidate) = alike(baselines, candidate)?;
    let mut pooled = vec![0.0; candidate.bounds().len()];
    let rows = baselines.iter().flatten().flat_map(Histograms::samples);
    for row in rows.filter(|row| row.iter().all(|c| c.is_finite())) {
        pooled.iter_mut().zip(row).for_each(|(sum, count)| *sum += count);
    }
    let total: f64 = pooled.iter().sum();
    if total <= 0.0 {
        return None;
    }
    let ridit = ridits(&pooled, total);
    let means = |run: &Histograms| run.samples().map(|row| mean(row, &ridit)).collect();
    let mut above: Vec<Above> = Vec::new();
    for (name, share) in FEW {
        let at = bound_above(&pooled, total, share).map(|bucket| candidate.bounds()[bucket]);
        // With few buckets two shares may mean the same bound.
        if let Some(bound) = at.filter(|bound| above.iter().all(|other| other.bound != *bound)) {
            let parts = |run: &Histograms| run.above(bound).map(|(_, samples)| samples);
            let of_baselines = baselines.iter().map(|run| run.as_ref().and_then(parts)).collect();
            let compared = parts(&candidate).map(|candidate| Compared { baselines: of_baselines, candidate });
            above.extend(compared.map(|samples| Above { name, bound, samples }));
        }
    }
    let of_baselines = baselines.iter().map(|run| run.as_ref().map(means)).collect();
    let ridits = Compared { baselines: of_baselines, candidate: means(&candidate) };
    Some(Shape { ridits, above })
}

fn ridits(pooled: &[f64], total: f64) -> Vec<f64> {
    let mut below = 0.0;
    let of_bucket = |count: &f64| {
        let ridit = (below + count / 2.0) / total;
        below += count;
        ridit
    };
    pooled.iter().map(of_bucket).collect()
}

fn mean(counts: &[f64], ridit: &[f64]) -> f64 {
    let (mut sum, mut total) = (0.0, 0.0);
    for (count, ridit) in counts.iter().zip(ridit) {
        sum += count * ridit;
        total += count;
    }
    // NaN of nothing, and of absent counts.
    sum / total
}

/// The bucket above which the share of all observations is nearest to the wanted one, by factors.
fn bound_above(pooled: &[f64], total: f64, wanted: f64) -> Option<usize> {
    let mut above = total;
    let mut nearest: Option<(f64, usize)> = None;
    for (bucket, count) in pooled.iter().enumerate() {
        above -= count;
        let away = (above / total / wanted).ln().abs();
        if away <= NEAR.ln() && nearest.is_none_or(|(least, _)| away < least) {
            nearest = Some((away, bucket));
        }
    }
    nearest.map(|(_, bucket)| bucket)
}
