//! Judges against labelled cases: how many unstable ones a judge fails, and how many stable ones.

use crate::judge::{JudgeInput, Numbers, judge};
use crate::metric::Metric;
use crate::policy::Policy;
use crate::special::normal_quantile;
use crate::verdict::Verdict;
use serde::Serialize;

/// Points of a native score that one declared level costs: p at the level scores as a metric at its margin does.
const LEVEL_POINTS: f64 = 15.0;
/// Least p that a score tells apart.
const LEAST_P: f64 = 1e-30;
/// Confidence of the intervals of shares.
const CONFIDENCE: f64 = 0.95;

/// What a judge says of one case.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// Verdict.
    pub verdict: Verdict,
    /// 0 to 100, less is worse; `None` where the judge gives none.
    pub score: Option<f64>,
    /// p of the tag; `None` where the judge knows none.
    pub p: Option<f64>,
}

/// Mettle's own answer: every metric is a gate metric, one look at the end, `false_block` the declared rate of failing
/// a harmless case.
///
/// The score puts p on a scale of its own, 100 at p = 1 and 85 at the level, so that cases can be ranked by it; the score
/// of a tag is an effect in margins and says nothing about cases whose margins nobody declared.
pub fn native(metrics: &[Metric], samples: usize, false_block: f64) -> Answer {
    let policy = Policy { alpha: false_block, ..Policy::new(samples, samples) };
    let input =
        JudgeInput { gate: metrics, watch: &[], policy: &policy, look: samples, resilience: None, hard_rules: &[] };
    let Numbers { verdict, tag_p, metrics: numbers, .. } = judge(&input);
    if numbers.iter().all(|m| m.p_fail >= 1.0 && m.p_peak >= 1.0 && m.effect.is_none()) {
        return Answer { verdict: Verdict::Insufficient, score: None, p: None };
    }
    let decades = tag_p.max(LEAST_P).ln() / false_block.ln();
    Answer { verdict, score: Some((100.0 - LEVEL_POINTS * decades).max(0.0)), p: Some(tag_p) }
}

/// What is known of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// Nothing was wrong.
    Stable,
    /// Something was.
    Unstable,
}

/// A share of cases with its Wilson interval at 95 %.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Share {
    /// Cases that have the property.
    pub count: usize,
    /// Cases.
    pub of: usize,
    /// `count / of`; `None` of nothing.
    pub share: Option<f64>,
    /// Lower limit.
    pub low: f64,
    /// Upper limit.
    pub high: f64,
}

impl Share {
    /// `count` of `of`, interval after Wilson 1927.
    pub fn new(count: usize, of: usize) -> Share {
        let (x, n) = (count as f64, of as f64);
        if of == 0 {
            return Share { count, of, share: None, low: 0.0, high: 1.0 };
        }
        let z = normal_quantile(0.5 + CONFIDENCE / 2.0);
        let (p, z2) = (x / n, z * z / n);
        let middle = (p + z2 / 2.0) / (1.0 + z2);
        let half = z * (p * (1.0 - p) / n + z2 / (4.0 * n)).sqrt() / (1.0 + z2);
        Share { count, of, share: Some(p), low: (middle - half).max(0.0), high: (middle + half).min(1.0) }
    }
}

/// How a judge does on a data set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rates {
    /// Area under the curve of the score: how often an unstable case scores below a stable one, ties half. `None` where
    /// one of the two has no scored case.
    pub auc: Option<f64>,
    /// Unstable cases that were failed.
    pub found: Share,
    /// Stable cases that were failed.
    pub blocked: Share,
    /// Cases that were neither failed nor passed.
    pub insufficient: usize,
}

impl Rates {
    /// Over the answers to labelled cases.
    pub fn of(answers: &[(Truth, Answer)]) -> Rates {
        let failed = |truth: Truth| {
            let own = answers.iter().filter(|(t, _)| *t == truth);
            Share::new(own.clone().filter(|(_, a)| a.verdict == Verdict::Fail).count(), own.count())
        };
        let undecided = |a: &Answer| !matches!(a.verdict, Verdict::Fail | Verdict::Pass);
        Rates {
            auc: auc(answers),
            found: failed(Truth::Unstable),
            blocked: failed(Truth::Stable),
            insufficient: answers.iter().filter(|(_, a)| undecided(a)).count(),
        }
    }
}

/// Area under the curve by the rank sum (Hanley and McNeil 1982).
fn auc(answers: &[(Truth, Answer)]) -> Option<f64> {
    let scores = |truth: Truth| -> Vec<f64> {
        answers.iter().filter(|(t, _)| *t == truth).filter_map(|(_, a)| a.score).collect()
    };
    let (stable, unstable) = (scores(Truth::Stable), scores(Truth::Unstable));
    if stable.is_empty() || unstable.is_empty() {
        return None;
    }
    let won = |u: f64, s: f64| {
        if u < s {
            1.0
        } else if u == s {
            0.5
        } else {
            0.0
        }
    };
    let sum: f64 = unstable.iter().flat_map(|&u| stable.iter().map(move |&s| won(u, s))).sum();
    Some(sum / (stable.len() * unstable.len()) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(verdict: Verdict, score: f64) -> Answer {
        Answer { verdict, score: Some(score), p: None }
    }

    #[test]
    fn rates_count_what_was_failed() {
        let answers = [
            (Truth::Unstable, answer(Verdict::Fail, 10.0)),
            (Truth::Unstable, answer(Verdict::Insufficient, 90.0)),
            (Truth::Stable, answer(Verdict::Pass, 95.0)),
            (Truth::Stable, answer(Verdict::Fail, 90.0)),
        ];
        let rates = Rates::of(&answers);
        assert_eq!((rates.found.count, rates.blocked.count, rates.insufficient), (1, 1, 1));
        // Pairs: 10 below both (2), 90 below 95 (1), 90 equal to 90 (a half).
        assert_eq!(rates.auc, Some(3.5 / 4.0));
        assert_eq!(Rates::of(&answers[..2]).auc, None);
    }

    #[test]
    fn intervals_are_those_of_wilson() {
        // Newcombe 1998, table I, method 3: 81 of 263 and 1 of 29.
        let share = Share::new(81, 263);
        assert!((share.low - 0.2553).abs() < 5e-5 && (share.high - 0.3662).abs() < 5e-5, "{share:?}");
        let share = Share::new(1, 29);
        assert!((share.low - 0.0061).abs() < 5e-5 && (share.high - 0.1718).abs() < 5e-5, "{share:?}");
        assert_eq!(Share::new(0, 0).share, None);
    }
}
