//! From series to p values: features, variances and the tests of every metric of a call.

use crate::between::{BetweenRuns, RunSpread, between_runs};
use crate::combine::cauchy;
use crate::contrast::Contrast;
use crate::counts::CountEvidence;
use crate::descriptive::sample_variance;
use crate::features::{Feature, SHAPE_SAMPLES};
use crate::measure::{Moments, Treatment};
use crate::prepare::Facts;
use crate::special::t_sf;

/// Effective samples a run that tail and dispersion need.
const SHAPE_EFFECTIVE: f64 = 25.0;
/// Unseen between-run sd of a flat signal, in margins.
const FLAT_SD: f64 = 0.1;
/// Variance below which nothing varies.
const STILL: f64 = 1e-20;

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

/// Evidence of every metric of a call, each with the moments of the same play.
pub(crate) fn evidence(played: &[Played<'_>]) -> Vec<MetricEvidence> {
    let between: Vec<Vec<BetweenRuns>> = (0..Feature::ALL.len()).map(|j| between_of(played, j)).collect();
    let mut out = Vec::with_capacity(played.len());
    for (i, p) in played.iter().enumerate() {
        let m = p.moments;
        let features: [FeatureNumbers; 5] = std::array::from_fn(|j| test(p, j, between[j][i]));
        let mut p = [0.0; 5];
        let mut count = 0;
        for own in features.iter().filter_map(|f| f.p) {
            p[count] = own;
            count += 1;
        }
        let own_peak = m.alive && !m.treatment.counts && !m.one_observation();
        out.push(MetricEvidence {
            alive: m.alive,
            treatment: m.treatment,
            one_observation: m.one_observation(),
            features,
            shift: m.counts.map_or_else(|| cauchy(&p[..count]), |c| c.p_fail),
            peak: if own_peak && !m.peak.is_nan() { m.peak } else { 1.0 },
            counts: m.counts,
            n_eff: m.contrasts[0].n_eff / m.runs().max(1) as f64,
        });
    }
    out
}

/// A metric in one play.
#[derive(Clone, Copy)]
pub(crate) struct Played<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) moments: &'a Moments,
}

pub(crate) fn between_of(played: &[Played<'_>], j: usize) -> Vec<BetweenRuns> {
    let spreads: Vec<RunSpread<'_>> = played
        .iter()
        .map(|&Played { facts, moments: m }| {
            let lends = m.alive && !m.treatment.counts && !m.treatment.flat;
            let c = &m.contrasts[j];
            let size = if lends { c.size } else { 0.0 };
            RunSpread { kind: facts.kind, runs: &c.runs, within: c.run_var, size }
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

/// t test of one feature (by its place) against its margin.
pub(crate) fn test(played: &Played<'_>, j: usize, between: BetweenRuns) -> FeatureNumbers {
    let Played { facts, moments: m } = *played;
    let feature = Feature::ALL[j];
    let c = &m.contrasts[j];
    let (n, k) = (m.samples, m.runs() as f64);
    let margin = match feature {
        Feature::Location => m.location_margin,
        Feature::Level | Feature::Dispersion => facts.margin / m.scale,
        Feature::Drift => facts.rise / m.scale,
        Feature::Tail => 0.0,
    };
    let moments_speak = m.alive && !m.treatment.counts;
    let Spread { variance, df } = spread(c, between, m, margin);
    // Beyond the range of numbers nothing can be said.
    let within_range = variance.is_finite() && c.est.is_finite();
    let mut ok = moments_speak
        && within_range
        && variance > STILL
        && (!m.one_observation() || m.runs() >= 2)
        && n >= feature.needs();
    if feature.is_shape() {
        ok &= n >= SHAPE_SAMPLES && m.contrasts[0].n_eff / k.max(1.0) >= SHAPE_EFFECTIVE && !m.one_observation();
    }
    let se = variance.max(1e-300).sqrt();
    let both_ways = facts.either && !feature.is_shape();
    let mut p = ok.then(|| {
        if both_ways { (2.0 * t_sf((c.est.abs() - margin) / se, df)).min(1.0) } else { t_sf((c.est - margin) / se, df) }
    });
    if feature == Feature::Level && moments_speak && variance <= STILL && m.treatment.flat {
        // Nothing varies and nothing is declared: exact permutation of the runs.
        let worse = if facts.either { c.est != 0.0 } else { c.est > 0.0 };
        p = Some(if worse { 1.0 / (k + 1.0) } else { 1.0 });
    }
    let share = if feature == Feature::Level { m.share_excess * (c.one + between.variance) } else { 0.0 };
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
