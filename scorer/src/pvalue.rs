//! From series to p values: features, variances and the tests of every metric of a call.

use crate::between::{BetweenRuns, RunSpread, between_runs};
use crate::combine::cauchy;
use crate::contrast::{Contrast, contrast};
use crate::counts::{CountEvidence, FEW, count_evidence, few_events, share_excess};
use crate::descriptive::{mean, median, sample_variance};
use crate::features::{Feature, Reference, SHAPE_SAMPLES};
use crate::peak::peak_p;
use crate::prepare::View;
use crate::special::t_sf;
use crate::tables::Tables;

/// Fewer effective baseline samples: the run is one observation.
const MIN_EFFECTIVE: f64 = 8.0;
/// Effective samples a run that tail and dispersion need.
const SHAPE_EFFECTIVE: f64 = 25.0;
/// A gauge that leaves its mode less often than this share is nearly flat.
const FLAT_SHARE: f64 = 0.1;
/// Unseen between-run sd of a flat signal, in margins.
const FLAT_SD: f64 = 0.1;
/// Variance below which nothing varies.
const STILL: f64 = 1e-20;

/// How a metric is treated; a replay takes the candidate's treatment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Treatment {
    /// Sparse events: counts instead of moments.
    pub(crate) counts: bool,
    /// A gauge that almost never leaves its mode inside a run.
    pub(crate) flat: bool,
    /// Too few effective baseline samples.
    pub(crate) short: bool,
}

/// One feature's result, in own unit (location, tail: in scales times the scale).
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FeatureNumbers {
    /// Which feature.
    pub feature: Feature,
    /// Candidate minus baseline mean.
    pub est: f64,
    /// Its standard error; `None` without evidence.
    pub se: Option<f64>,
    /// Degrees of freedom; `None` without evidence.
    pub df: Option<f64>,
    /// Between-run standard deviation.
    pub tau: f64,
    /// Standard error of the pass side; `None` without evidence.
    pub se_pass: Option<f64>,
    /// p of H0: effect <= margin; `None` when the feature has no evidence.
    pub p: Option<f64>,
}

/// What is known about one metric.
#[derive(Clone, Debug)]
pub(crate) struct MetricEvidence {
    pub(crate) alive: bool,
    pub(crate) treatment: Treatment,
    pub(crate) one_observation: bool,
    pub(crate) features: [FeatureNumbers; 5],
    pub(crate) shift: f64,
    pub(crate) peak: f64,
    pub(crate) counts: Option<CountEvidence>,
    /// Effective samples of one baseline run.
    pub(crate) n_eff: f64,
}

/// Moments of one metric before the between-run step.
struct Moments {
    alive: bool,
    treatment: Treatment,
    scale: f64,
    location_margin: f64,
    peak: f64,
    contrasts: [Contrast; 5],
}

impl Moments {
    fn one_observation(&self) -> bool {
        self.alive && !self.treatment.counts && (self.treatment.short || self.treatment.flat)
    }
}

/// Evidence of every metric of a call. `forced`: the candidate's treatments in a replay, one per view.
pub(crate) fn evidence(views: &[View<'_>], forced: Option<&[Treatment]>, tables: &mut Tables) -> Vec<MetricEvidence> {
    let moments: Vec<Moments> =
        views.iter().enumerate().map(|(i, v)| measure(v, forced.map(|f| f[i]), tables)).collect();
    let between: Vec<Vec<BetweenRuns>> = (0..Feature::ALL.len()).map(|j| between_of(views, &moments, j)).collect();
    let mut out = Vec::with_capacity(views.len());
    for (i, (view, m)) in views.iter().zip(&moments).enumerate() {
        let features: [FeatureNumbers; 5] = std::array::from_fn(|j| test(view, m, j, between[j][i]));
        let counts = (m.treatment.counts && m.alive).then(|| count_evidence(view));
        let p: Vec<f64> = features.iter().filter_map(|f| f.p).collect();
        let own_peak = m.alive && !m.treatment.counts && !m.one_observation();
        out.push(MetricEvidence {
            alive: m.alive,
            treatment: m.treatment,
            one_observation: m.one_observation(),
            features,
            shift: counts.map_or_else(|| cauchy(&p), |c| c.p_fail),
            peak: if own_peak && !m.peak.is_nan() { m.peak } else { 1.0 },
            counts,
            n_eff: m.contrasts[0].n_eff / view.runs.len().max(1) as f64,
        });
    }
    out
}

fn measure(view: &View<'_>, forced: Option<Treatment>, tables: &mut Tables) -> Moments {
    let alive = view.alive() && makes_sense(view);
    let mut treatment = forced.unwrap_or_else(|| Treatment {
        counts: alive && few_events(view),
        flat: alive && nearly_flat(view),
        short: true,
    });
    let blank = || Contrast { runs: vec![0.0; view.runs.len()], ..Contrast::default() };
    let mut moments = Moments {
        alive,
        treatment,
        scale: 1.0,
        location_margin: 0.0,
        peak: 1.0,
        contrasts: std::array::from_fn(|_| blank()),
    };
    if alive && !treatment.counts {
        let reference = Reference::new(&view.runs, view.series.margin, tables);
        moments.scale = reference.scale;
        moments.location_margin = reference.location_margin;
        moments.peak = peak_p(&reference, view);
        let mut runs: Vec<_> = view.runs.iter().map(|r| reference.scaled(r)).collect();
        runs.push(reference.scaled(view.cand));
        for (j, feature) in Feature::ALL.into_iter().enumerate() {
            if view.cand.len() < feature.needs() {
                continue;
            }
            let values: Vec<Vec<f64>> = runs.iter().map(|r| reference.feature(feature, r)).collect();
            moments.contrasts[j] = contrast(feature, &values, view, tables);
        }
    }
    if forced.is_none() {
        treatment.short = moments.contrasts[0].n_eff < MIN_EFFECTIVE;
        moments.treatment = treatment;
    }
    moments
}

/// Margins are finite and not negative, and no event was counted backwards. A metric for which this does not hold has no
/// evidence, like one that was not measured.
fn makes_sense(view: &View<'_>) -> bool {
    let margin = |m: f64| m.is_finite() && m >= 0.0;
    let counted = |values: &[f64]| values.iter().all(|v| *v >= 0.0);
    margin(view.series.margin) && margin(view.series.rise) && view.events.iter().all(|e| counted(e.bad))
}

/// A gauge that almost never leaves its mode inside a run, or never moves inside any run.
fn nearly_flat(view: &View<'_>) -> bool {
    if !view.events.is_empty() {
        return false;
    }
    let off = |run: &&[f64]| {
        let mode = median(run);
        run.iter().filter(|v| **v != mode).count() as f64
    };
    let off = mean(&view.runs.iter().map(off).collect::<Vec<f64>>());
    let length = mean(&view.runs.iter().map(|r| r.len() as f64).collect::<Vec<f64>>());
    off < FEW && off <= FLAT_SHARE * length
}

fn between_of(views: &[View<'_>], moments: &[Moments], j: usize) -> Vec<BetweenRuns> {
    let spreads: Vec<RunSpread<'_>> = views
        .iter()
        .zip(moments)
        .map(|(view, m)| {
            let lends = m.alive && !m.treatment.counts && !m.treatment.flat;
            let c = &m.contrasts[j];
            let size = if lends { c.size } else { 0.0 };
            RunSpread { kind: view.series.kind, runs: &c.runs, within: c.run_var, size }
        })
        .collect();
    between_runs(&spreads)
}

/// Variance of an estimate with its degrees of freedom.
#[derive(Clone, Copy)]
struct Spread {
    variance: f64,
    df: f64,
}

/// Adds the between-run variance (Satterthwaite 1946), or lets each run be one observation.
fn spread(c: &Contrast, between: BetweenRuns, m: &Moments, margin: f64) -> Spread {
    let k = c.runs.len() as f64;
    let mut s = Spread { variance: c.var, df: c.df.max(1.0) };
    if c.runs.len() < 2 {
        return s;
    }
    let t2 = between.variance * (1.0 + 1.0 / k);
    if t2 > 0.0 {
        let total = s.variance + t2;
        let parts = s.variance * s.variance / s.df + t2 * t2 / between.df + 1e-300;
        s = Spread { variance: total, df: (total * total / parts).min(between.df) };
    }
    if m.one_observation() {
        let seen = sample_variance(&c.runs).max((FLAT_SD * margin).powi(2)) * (1.0 + 1.0 / k);
        s = Spread { variance: s.variance.max(seen), df: k - 1.0 };
    }
    s
}

/// t test of one feature against its margin.
fn test(view: &View<'_>, m: &Moments, j: usize, between: BetweenRuns) -> FeatureNumbers {
    let feature = Feature::ALL[j];
    let c = &m.contrasts[j];
    let (n, k) = (view.cand.len(), view.runs.len() as f64);
    let margin = match feature {
        Feature::Location => m.location_margin,
        Feature::Level | Feature::Dispersion => view.series.margin / m.scale,
        Feature::Drift => view.series.rise / m.scale,
        Feature::Tail => 0.0,
    };
    let moments_speak = m.alive && !m.treatment.counts;
    let Spread { variance, df } = spread(c, between, m, margin);
    // Beyond the range of numbers nothing can be said.
    let within_range = variance.is_finite() && c.est.is_finite();
    let mut ok = moments_speak
        && within_range
        && variance > STILL
        && (!m.one_observation() || view.runs.len() >= 2)
        && n >= feature.needs();
    if feature.is_shape() {
        ok &= n >= SHAPE_SAMPLES && m.contrasts[0].n_eff / k.max(1.0) >= SHAPE_EFFECTIVE && !m.one_observation();
    }
    let se = variance.max(1e-300).sqrt();
    let both_ways = view.series.either && !feature.is_shape();
    let mut p = ok.then(|| {
        if both_ways { (2.0 * t_sf((c.est.abs() - margin) / se, df)).min(1.0) } else { t_sf((c.est - margin) / se, df) }
    });
    if feature == Feature::Level && moments_speak && variance <= STILL && m.treatment.flat {
        // Nothing varies and nothing is declared: exact permutation of the runs.
        let worse = if view.series.either { c.est != 0.0 } else { c.est > 0.0 };
        p = Some(if worse { 1.0 / (k + 1.0) } else { 1.0 });
    }
    let share = if feature == Feature::Level { share_excess(view) * (c.one + between.variance) } else { 0.0 };
    FeatureNumbers {
        feature,
        est: c.est * m.scale,
        se: ok.then(|| variance.sqrt() * m.scale),
        df: ok.then_some(df),
        tau: between.variance.sqrt() * m.scale,
        se_pass: ok.then(|| (variance + c.excess.max(share)).sqrt() * m.scale),
        p,
    }
}
