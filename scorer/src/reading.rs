//! What the assessment reads from the numeric judge.

use crate::assess::Question;
use crate::features::Feature;
use crate::judge::{JudgeInput, Numbers, judge};
use crate::power::found_here;
use crate::signal::Worse;
use crate::verdict::Verdict;

/// Numbers of one look.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) level: f64,
    pub(crate) tag_p: f64,
    /// Whether the statistics fail the tag, whatever hard rules do.
    pub(crate) shown_worse: bool,
    pub(crate) outcome: Shown,
    pub(crate) score: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) metrics: Vec<MetricReading>,
    pub(crate) resilience: Option<ResilienceReading>,
}

/// What the numbers show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Not worse, by the whole programme.
    NotWorse,
    /// Worse, or a hard rule.
    Worse,
    /// Would be worse with three baseline runs.
    Warning,
    /// Neither.
    Neither,
}

/// Numbers of one metric.
#[derive(Clone, Debug)]
pub(crate) struct MetricReading {
    pub(crate) margin: f64,
    pub(crate) n: usize,
    pub(crate) n_eff: f64,
    pub(crate) effect: Option<f64>,
    pub(crate) limits: Option<(f64, f64)>,
    pub(crate) p_fail: f64,
    pub(crate) p_peak: f64,
    pub(crate) p_pass: f64,
    pub(crate) tag_p_without: Option<f64>,
    pub(crate) smallest_change: Option<f64>,
    pub(crate) rise: f64,
    pub(crate) feature: Option<Feature>,
    pub(crate) n_star: Option<f64>,
    pub(crate) score: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) flags: Vec<String>,
}

/// Numbers of the error shares in fault windows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResilienceReading {
    pub(crate) difference: f64,
    pub(crate) p_fail: f64,
    pub(crate) score: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// Asks the judge.
pub(crate) fn read(question: &Question<'_>) -> Reading {
    let numbers = judge(&JudgeInput {
        gate: question.gate,
        watch: question.watch,
        policy: question.policy,
        look: question.look,
        resilience: question.shares.as_ref(),
        hard_rules: question.hard_rules,
    });
    let outcome = match (numbers.verdict, numbers.warn) {
        (Verdict::Fail, _) => Shown::Worse,
        (Verdict::Pass, _) => Shown::NotWorse,
        (Verdict::Insufficient | Verdict::None, true) => Shown::Warning,
        (Verdict::Insufficient | Verdict::None, false) => Shown::Neither,
    };
    Reading {
        level: numbers.level,
        tag_p: numbers.tag_p,
        shown_worse: numbers.tag_p <= numbers.level && !numbers.warn,
        outcome,
        score: numbers.scores.score,
        low: numbers.scores.score_low,
        high: numbers.scores.score_high,
        metrics: question
            .gate
            .iter()
            .chain(question.watch)
            .enumerate()
            .map(|(i, asked)| metric(&numbers, question.gate.len(), i, asked.worse))
            .collect(),
        resilience: numbers.resilience.map(|r| ResilienceReading {
            difference: r.share.diff,
            p_fail: r.share.p_fail,
            score: r.scores.score,
            low: r.scores.score_low,
            high: r.scores.score_high,
        }),
    }
}

fn metric(all: &Numbers, gates: usize, index: usize, worse: Worse) -> MetricReading {
    let numbers = &all.metrics[index];
    let known = numbers.features.iter().filter_map(|f| Some((f.feature, f.p?)));
    MetricReading {
        margin: numbers.margin,
        n: numbers.n,
        n_eff: numbers.n_eff,
        effect: numbers.effect,
        limits: numbers.effect_low.zip(numbers.effect_high),
        p_fail: numbers.p_fail,
        p_peak: numbers.p_peak,
        p_pass: numbers.p_pass,
        tag_p_without: numbers.tag_p_without,
        smallest_change: found_here(all, gates, index, worse),
        rise: numbers.feature(Feature::Drift).est,
        feature: known.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(feature, _)| feature),
        n_star: numbers.n_star,
        score: numbers.scores.score,
        low: numbers.scores.score_low,
        high: numbers.scores.score_high,
        flags: numbers.flags.iter().map(|flag| flag.name().to_owned()).collect(),
    }
}
