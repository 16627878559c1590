//! Effect, limits, score and flags of one metric.

use crate::features::Feature;
use crate::metric::Metric;
use crate::prepare::Facts;
use crate::pvalue::{FeatureNumbers, MetricEvidence};
use crate::rates::garwood;
use crate::score::{POINTS, Scores};
use crate::special::{t_cdf, t_quantile};

/// A margin below this many standard errors is too tight to pass reliably.
const TIGHT: f64 = 6.0;

/// Why a metric's numbers are what they are, or are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// Judged by exact counts.
    Counts,
    /// Each run counts as one observation.
    RunIsObservation,
    /// The margin is below six standard errors of the pass side.
    MarginTooTight,
    /// Nothing can be said.
    NoEvidence,
    /// Too many samples are absent.
    Coverage,
    /// All samples are absent.
    SignalVanished,
}

impl Flag {
    /// Stable name, as in documents.
    pub fn name(self) -> &'static str {
        match self {
            Flag::Counts => "counts",
            Flag::RunIsObservation => "run_is_observation",
            Flag::MarginTooTight => "margin_too_tight",
            Flag::NoEvidence => "no_evidence",
            Flag::Coverage => "coverage",
            Flag::SignalVanished => "signal_vanished",
        }
    }

    /// Whether a gate metric with this flag keeps the tag from passing.
    pub fn blocks_pass(self) -> bool {
        matches!(self, Flag::NoEvidence | Flag::Coverage | Flag::SignalVanished)
    }
}

/// Everything known of one metric. Effects and margins are in the metric's own unit, positive is worse (`either`: the
/// sign is that of the change).
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricNumbers {
    /// Name.
    pub name: String,
    /// Margin.
    pub margin: f64,
    /// Margin of the rise over the programme.
    pub rise_margin: f64,
    /// Samples of the candidate that were judged.
    pub n: usize,
    /// Effective samples of one baseline run.
    pub n_eff: f64,
    /// Share of the look's samples that the candidate has.
    pub coverage: f64,
    /// Baseline runs.
    pub runs: usize,
    /// Judged by exact counts.
    pub counts: bool,
    /// A gauge that almost never leaves its mode inside a run.
    pub flat: bool,
    /// Each run counts as one observation.
    pub run_is_observation: bool,
    /// Features in the order of [`Feature::ALL`].
    pub features: [FeatureNumbers; 5],
    /// p of the shift: worse than the margin.
    pub p_fail: f64,
    /// p of the peak.
    pub p_peak: f64,
    /// p of the pass side: H0 at least a margin worse.
    pub p_pass: f64,
    /// p of the tag if this metric had not been there; known of the few with the least p.
    pub tag_p_without: Option<f64>,
    /// Samples needed for a pass; `None` when more time will not help or is not known to help.
    pub n_star: Option<f64>,
    /// Effect.
    pub effect: Option<f64>,
    /// Lower one-sided limit of the effect at the pass level.
    pub effect_low: Option<f64>,
    /// Upper one-sided limit of the effect at the pass level.
    pub effect_high: Option<f64>,
    /// Standard error of the effect.
    pub se: Option<f64>,
    /// Standard error of the pass side.
    pub se_pass: Option<f64>,
    /// Degrees of freedom.
    pub df: Option<f64>,
    /// Between-run standard deviation.
    pub tau: Option<f64>,
    /// Design effect of counts.
    pub design: Option<f64>,
    /// Score with limits.
    #[serde(flatten)]
    pub scores: Scores,
    /// Flags.
    pub flags: Vec<Flag>,
}

/// Levels of the pass side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PassLevel {
    /// One-sided level.
    pub(crate) alpha: f64,
    /// Score that the lower limit must reach.
    pub(crate) kpi: f64,
}

/// One part of a metric's score: the effect with limits against one margin.
struct Part {
    degradation: f64,
    low: f64,
    high: f64,
    margin: f64,
    p_pass: f64,
}

impl Part {
    fn scores(&self) -> Scores {
        Scores::of(self.degradation, (self.low, self.high), self.margin)
    }
}

/// What is known of `metric` at the pass level.
pub(crate) fn metric_numbers(metric: &Metric, facts: &Facts, ev: &MetricEvidence, pass: PassLevel) -> MetricNumbers {
    let mut out = blank(metric, facts, ev);
    let parts = match &ev.counts {
        Some(c) => {
            let (low, high) = garwood(c.tally, pass.alpha);
            let (low, high) = (low - c.rate, high - c.rate);
            (out.effect, out.effect_low, out.effect_high) = (Some(c.est), Some(low), Some(high));
            out.design = Some(c.design);
            vec![Part { degradation: c.est, low, high, margin: facts.margin, p_pass: c.p_pass }]
        }
        None => {
            moments(&mut out, facts, ev, pass);
            let mut parts = vec![moment_part(out.feature(Feature::Level), facts, facts.margin, pass)];
            if facts.rise_declared {
                parts.push(moment_part(out.feature(Feature::Drift), facts, facts.rise, pass));
            }
            parts
        }
    };
    if !ev.alive || parts.iter().any(|p| p.high.is_infinite()) {
        out.flags.push(Flag::NoEvidence);
    }
    if ev.alive {
        out.p_pass = parts.iter().map(|p| p.p_pass).fold(0.0, f64::max);
        let whole = Scores { score: 100.0, score_low: 100.0, score_high: 100.0 };
        out.scores = parts.iter().fold(whole, |s, p| s.worse(p.scores()));
    }
    out
}

impl MetricNumbers {
    /// Numbers of one feature.
    pub fn feature(&self, feature: Feature) -> &FeatureNumbers {
        &self.features[feature as usize]
    }
}

fn blank(metric: &Metric, facts: &Facts, ev: &MetricEvidence) -> MetricNumbers {
    let mut flags = Vec::new();
    if ev.treatment.counts {
        flags.push(Flag::Counts);
    }
    if ev.one_observation {
        flags.push(Flag::RunIsObservation);
    }
    MetricNumbers {
        name: metric.name.clone(),
        margin: facts.margin,
        rise_margin: facts.rise,
        n: facts.samples,
        n_eff: ev.n_eff,
        coverage: facts.coverage,
        runs: facts.runs,
        counts: ev.treatment.counts,
        flat: ev.treatment.flat,
        run_is_observation: ev.one_observation,
        features: ev.features,
        p_fail: ev.shift,
        p_peak: ev.peak,
        p_pass: 1.0,
        tag_p_without: None,
        n_star: None,
        effect: None,
        effect_low: None,
        effect_high: None,
        se: None,
        se_pass: None,
        df: None,
        tau: None,
        design: None,
        scores: Scores::UNKNOWN,
        flags,
    }
}

/// Effect, limits, n* and tightness from the level.
fn moments(out: &mut MetricNumbers, facts: &Facts, ev: &MetricEvidence, pass: PassLevel) {
    let level = *out.feature(Feature::Level);
    let (Some(se), Some(se_pass), Some(df)) = (level.se, level.se_pass, level.df) else {
        out.effect = ev.alive.then_some(level.est);
        return;
    };
    let t = t_quantile(1.0 - pass.alpha, df);
    let degradation = if facts.either { level.est.abs() } else { level.est };
    let room = facts.margin * (100.0 - pass.kpi) / POINTS - degradation;
    let between = level.tau * level.tau * (1.0 + 1.0 / facts.runs as f64);
    let denominator = room * room - t * t * between;
    out.effect = Some(level.est);
    out.effect_low = Some(level.est - t * se_pass);
    out.effect_high = Some(level.est + t * se_pass);
    (out.se, out.se_pass, out.df, out.tau) = (Some(se), Some(se_pass), Some(df), Some(level.tau));
    if room > 0.0 && denominator > 0.0 && !ev.one_observation {
        out.n_star = Some(out.n as f64 * t * t * (se_pass * se_pass - between).max(0.0) / denominator);
    }
    if facts.margin < TIGHT * se_pass {
        out.flags.push(Flag::MarginTooTight);
    }
}

fn moment_part(feature: &FeatureNumbers, facts: &Facts, margin: f64, pass: PassLevel) -> Part {
    let degradation = if facts.either { feature.est.abs() } else { feature.est };
    let known = feature.se_pass.filter(|se| se.is_finite() && feature.est.is_finite());
    let (Some(se), Some(df)) = (known, feature.df) else {
        // What is not a number is as bad as can be.
        let degradation = if degradation.is_nan() { f64::INFINITY } else { degradation };
        return Part { degradation, low: f64::NEG_INFINITY, high: f64::INFINITY, margin, p_pass: 1.0 };
    };
    let reach = t_quantile(1.0 - pass.alpha, df) * se;
    Part {
        degradation,
        low: degradation - reach,
        high: degradation + reach,
        margin,
        p_pass: t_cdf((degradation - margin) / se, df),
    }
}
