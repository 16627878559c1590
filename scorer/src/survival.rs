//! Recovery times: the hard rule, and from eight injections Kaplan-Meier, restricted mean and log-rank.

use crate::special::normal_cdf;
use std::collections::BTreeMap;

/// One recovery, in any unit of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recovery {
    /// When it recovered, or how long it was watched.
    pub time: f64,
    /// Whether the watch ended before it recovered.
    pub censored: bool,
}

/// Survival (share not yet recovered) just after one event time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SurvivalStep {
    /// Event time.
    pub time: f64,
    /// Share not yet recovered.
    pub survival: f64,
    /// Greenwood's variance of that share.
    pub variance: f64,
}

/// One type of injection: recoveries of the baseline and of the candidate.
#[derive(Clone, Debug, PartialEq)]
pub struct Stratum {
    /// Baseline.
    pub base: Vec<Recovery>,
    /// Candidate.
    pub cand: Vec<Recovery>,
}

/// Hard rule: at least two, and at least half, of the injections of one type recovered later than `limit`.
/// `times`: recovery times by type, infinite where it never recovered.
pub fn recovers_late(times: &BTreeMap<String, Vec<f64>>, limit: f64) -> bool {
    times.values().any(|t| {
        let late = t.iter().filter(|t| **t > limit).count();
        late >= 2 && 2 * late >= t.len()
    })
}

/// Distinct times at which something recovered, rising.
fn event_times(recoveries: impl Iterator<Item = Recovery>) -> Vec<f64> {
    let mut times: Vec<f64> = recoveries.filter(|r| !r.censored).map(|r| r.time).collect();
    times.sort_unstable_by(f64::total_cmp);
    times.dedup();
    times
}

/// Kaplan-Meier estimate (1958) with Greenwood's variance, one step per event time.
pub fn kaplan_meier(recoveries: &[Recovery]) -> Vec<SurvivalStep> {
    let (mut survival, mut sum) = (1.0, 0.0);
    let step = |time: f64| {
        let n = recoveries.iter().filter(|r| r.time >= time).count() as f64;
        let d = recoveries.iter().filter(|r| !r.censored && r.time == time).count() as f64;
        survival *= 1.0 - d / n;
        if n > d {
            sum += d / (n * (n - d));
        }
        SurvivalStep { time, survival, variance: survival * survival * sum }
    };
    event_times(recoveries.iter().copied()).into_iter().map(step).collect()
}

/// Restricted mean recovery time: area under Kaplan-Meier up to `horizon`.
pub fn restricted_mean(recoveries: &[Recovery], horizon: f64) -> f64 {
    let (mut area, mut from, mut height) = (0.0, 0.0, 1.0);
    for step in kaplan_meier(recoveries).iter().take_while(|s| s.time < horizon) {
        area += (step.time - from) * height;
        (from, height) = (step.time, step.survival);
    }
    area + (horizon - from) * height
}

/// One-sided p that the candidate recovers later: log-rank test stratified by type (Mantel 1966); 1 without events.
pub fn log_rank(strata: &[Stratum]) -> f64 {
    let (mut observed, mut expected, mut variance) = (0.0, 0.0, 0.0);
    for stratum in strata {
        let at_risk = |side: &[Recovery], u: f64| side.iter().filter(|r| r.time >= u).count() as f64;
        let events = |side: &[Recovery], u: f64| side.iter().filter(|r| !r.censored && r.time == u).count() as f64;
        for u in event_times(stratum.base.iter().chain(&stratum.cand).copied()) {
            let n1 = at_risk(&stratum.cand, u);
            let n = n1 + at_risk(&stratum.base, u);
            let d1 = events(&stratum.cand, u);
            let d = d1 + events(&stratum.base, u);
            observed += d1;
            expected += d * n1 / n;
            if n > 1.0 {
                variance += d * n1 / n * (1.0 - n1 / n) * (n - d) / (n - 1.0);
            }
        }
    }
    if variance > 0.0 { normal_cdf((observed - expected) / variance.sqrt()) } else { 1.0 }
}
