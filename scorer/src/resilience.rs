//! Error share in fault windows, one value per injection, compared within type.

use crate::descriptive::{mean, squares_about_mean};
use crate::score::Scores;
use crate::special::{t_cdf, t_quantile, t_sf};
use std::collections::BTreeMap;

/// Margin of the error share in fault windows: 10 percentage points.
pub const FAULT_MARGIN: f64 = 0.10;
/// Prior standard deviation of the error share between injections of one type.
pub(crate) const PRIOR_SD: f64 = 0.03;
/// Degrees of freedom of that prior.
pub(crate) const PRIOR_DF: f64 = 4.0;

/// Error shares (0..1) in the fault window per verified injection, by type of experiment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resilience {
    /// Injections of the baseline runs.
    pub base: BTreeMap<String, Vec<f64>>,
    /// Injections of the candidate.
    pub cand: BTreeMap<String, Vec<f64>>,
}

/// t test of H0: difference of error shares <= 10 percentage points.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FaultShare {
    /// Candidate minus baseline, types weighted by the candidate's injections.
    pub diff: f64,
    /// Standard error.
    pub se: f64,
    /// Degrees of freedom.
    pub df: f64,
    /// p of H0: difference <= margin.
    pub p_fail: f64,
    /// p of H0: difference >= margin.
    pub p_pass: f64,
}

/// Resilience as a part of the tag.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResilienceNumbers {
    /// The test.
    #[serde(flatten)]
    pub share: FaultShare,
    /// Lower one-sided limit of the difference at the pass level.
    pub diff_low: f64,
    /// Upper limit.
    pub diff_high: f64,
    /// Score with limits.
    #[serde(flatten)]
    pub scores: Scores,
    /// Types that only one side has; they are left out of the difference.
    pub unmatched: Vec<String>,
}

/// Compares error shares within type; `None` when no type has injections on both sides.
///
/// The variance is pooled over the baseline's injections within type, with a prior of 3 percentage points worth four
/// injections. A type without baseline injections cannot be compared and is left out.
pub fn fault_share(resilience: &Resilience) -> Option<FaultShare> {
    let usable = |side: &BTreeMap<String, Vec<f64>>, kind: &String| side.get(kind).is_some_and(|v| !v.is_empty());
    let types: Vec<&String> =
        resilience.cand.keys().filter(|k| usable(&resilience.cand, k) && usable(&resilience.base, k)).collect();
    let injections: f64 = types.iter().map(|k| resilience.cand[*k].len() as f64).sum();
    if types.is_empty() {
        return None;
    }
    let (mut squares, mut df) = (0.0, 0.0);
    for values in resilience.base.values().filter(|v| !v.is_empty()) {
        squares += squares_about_mean(values);
        df += values.len() as f64 - 1.0;
    }
    let (mut diff, mut inverse) = (0.0, 0.0);
    for kind in types {
        let (base, cand) = (&resilience.base[kind], &resilience.cand[kind]);
        let weight = cand.len() as f64 / injections;
        diff += weight * (mean(cand) - mean(base));
        inverse += weight * weight * (1.0 / cand.len() as f64 + 1.0 / base.len() as f64);
    }
    let df = df + PRIOR_DF;
    let se = ((PRIOR_DF * PRIOR_SD * PRIOR_SD + squares) / df * inverse).sqrt();
    let t = (diff - FAULT_MARGIN) / se;
    Some(FaultShare { diff, se, df, p_fail: t_sf(t, df), p_pass: t_cdf(t, df) })
}

/// The resilience part of a tag at the one-sided level `pass_level`; `None` when nothing can be compared.
pub fn resilience_numbers(resilience: &Resilience, pass_level: f64) -> Option<ResilienceNumbers> {
    let share = fault_share(resilience)?;
    let reach = t_quantile(1.0 - pass_level, share.df) * share.se;
    let (diff_low, diff_high) = (share.diff - reach, share.diff + reach);
    let scores = Scores::of(share.diff, (diff_low, diff_high), FAULT_MARGIN);
    let one_sided = |a: &BTreeMap<String, Vec<f64>>, b: &BTreeMap<String, Vec<f64>>| {
        let here = a.iter().filter(|(_, v)| !v.is_empty()).map(|(k, _)| k.clone());
        here.filter(|k| b.get(k).is_none_or(Vec::is_empty)).collect::<Vec<String>>()
    };
    let mut unmatched = one_sided(&resilience.base, &resilience.cand);
    unmatched.extend(one_sided(&resilience.cand, &resilience.base));
    unmatched.sort_unstable();
    Some(ResilienceNumbers { share, diff_low, diff_high, scores, unmatched })
}
