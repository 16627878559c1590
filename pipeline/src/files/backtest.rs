//! Every judge against every labelled case.

use super::labelled::FormedCase;
use datasets::{Label, LabelledCase};
use scorer::backtest::{Answer, Rates, Truth, native};
use scorer::compat::kayenta::{self, CanaryClass, CanaryResult, Control};
use scorer::compat::keptn::{self, Evaluation, EvaluationResult};
use scorer::verdict::Verdict;
use serde::Serialize;
use std::collections::BTreeMap;

/// Share of stable cases that may fail where judges are compared: their own limits fail very different shares.
pub const COMPARED_AT: f64 = 0.05;

/// Who judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum JudgeName {
    /// Mettle.
    Native,
    /// NetflixACAJudge of Kayenta, with its usual thresholds.
    KayentaCompat,
    /// SLO evaluation of Keptn, with its usual criteria.
    KeptnCompat,
}

impl JudgeName {
    /// All judges, in the order of reports.
    pub const ALL: [JudgeName; 3] = [JudgeName::Native, JudgeName::KayentaCompat, JudgeName::KeptnCompat];

    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            JudgeName::Native => "native",
            JudgeName::KayentaCompat => "kayenta-compat",
            JudgeName::KeptnCompat => "keptn-compat",
        }
    }

    /// Judges a case.
    pub fn answer(self, case: &FormedCase, false_block: f64) -> Answer {
        let runs = case.runs();
        if runs.is_empty() || case.samples == 0 {
            return Answer { verdict: Verdict::Insufficient, score: None, p: None };
        }
        match self {
            JudgeName::Native => of_native(case, false_block),
            JudgeName::KayentaCompat => of_kayenta(&kayenta::judge_runs(&runs, Control::AllRuns)),
            JudgeName::KeptnCompat => of_keptn(&keptn::judge_runs(&runs)),
        }
    }
}

/// The numbers judge what is there; what is missing keeps a case from a pass and excuses no fail.
fn of_native(case: &FormedCase, false_block: f64) -> Answer {
    let answer = native(&case.scored(), case.samples, false_block);
    match answer.verdict {
        Verdict::Pass if !case.missing.is_empty() => Answer { verdict: Verdict::Insufficient, ..answer },
        _ => answer,
    }
}

/// Marginal is neither.
fn of_kayenta(result: &CanaryResult) -> Answer {
    let verdict = match result.classification {
        CanaryClass::Pass => Verdict::Pass,
        CanaryClass::Marginal => Verdict::Insufficient,
        CanaryClass::Fail => Verdict::Fail,
    };
    Answer { verdict, score: Some(result.score), p: None }
}

/// A warning is neither.
fn of_keptn(evaluation: &Evaluation) -> Answer {
    let verdict = match evaluation.result {
        EvaluationResult::Pass => Verdict::Pass,
        EvaluationResult::Warning => Verdict::Insufficient,
        EvaluationResult::Fail => Verdict::Fail,
    };
    Answer { verdict, score: Some(evaluation.score), p: None }
}

/// What one judge said of one case.
#[derive(Clone, Debug, Serialize)]
pub struct CaseAnswer {
    /// Case.
    pub case_id: String,
    /// Data set.
    pub dataset: String,
    /// Source of the case.
    pub source: String,
    /// Judge.
    pub judge: JudgeName,
    /// The answer.
    #[serde(flatten)]
    pub answer: Answer,
    /// Metrics without which the native judge passes nothing; the others ask for none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    #[serde(skip)]
    truth: Truth,
}

/// How one judge does on one data set.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Area under the curve of the score.
    pub auc: Option<f64>,
    /// Share of the unstable cases that were failed.
    pub tpr: Option<f64>,
    /// Its Wilson interval at 95 %.
    pub tpr_interval: [f64; 2],
    /// Share of the stable cases that were failed.
    pub fpr: Option<f64>,
    /// Its Wilson interval at 95 %.
    pub fpr_interval: [f64; 2],
    /// Share of the unstable cases that score below all but [`COMPARED_AT`] of the stable ones: what the judge would
    /// find if its limit stood where it fails that many of those.
    pub found_at_five_percent: Option<f64>,
    /// Cases neither failed nor passed.
    pub insufficient: usize,
    /// Stable cases.
    pub n_stable: usize,
    /// Unstable cases.
    pub n_unstable: usize,
}

impl Row {
    fn of(answers: &[(Truth, Answer)]) -> Row {
        let rates = Rates::of(answers);
        Row {
            found_at_five_percent: found_at(answers, COMPARED_AT),
            auc: rates.auc,
            tpr: rates.found.share,
            tpr_interval: [rates.found.low, rates.found.high],
            fpr: rates.blocked.share,
            fpr_interval: [rates.blocked.low, rates.blocked.high],
            insufficient: rates.insufficient,
            n_stable: rates.blocked.of,
            n_unstable: rates.found.of,
        }
    }
}

/// Share of the unstable cases below the limit at which at most `rate` of the stable ones fail. A case without a score
/// is below no limit.
fn found_at(answers: &[(Truth, Answer)], rate: f64) -> Option<f64> {
    let scores = |truth: Truth| -> Vec<f64> {
        let own = answers.iter().filter(|(t, _)| *t == truth);
        own.map(|(_, a)| a.score.unwrap_or(f64::INFINITY)).collect()
    };
    let (mut stable, unstable) = (scores(Truth::Stable), scores(Truth::Unstable));
    stable.sort_by(f64::total_cmp);
    let limit = stable.get((rate * stable.len() as f64).floor() as usize)?;
    let found = unstable.iter().filter(|score| *score < limit).count();
    (!unstable.is_empty()).then(|| found as f64 / unstable.len() as f64)
}

/// Everything that a back test found.
#[derive(Clone, Debug, Serialize)]
pub struct Backtest {
    /// Per data set and judge.
    pub datasets: BTreeMap<String, BTreeMap<JudgeName, Row>>,
    /// Per case and judge.
    pub cases: Vec<CaseAnswer>,
}

/// Judges all cases with all `judges`; `false_block` is the declared rate of the native one. `done` is called after
/// every case.
pub fn backtest(cases: &[LabelledCase], judges: &[JudgeName], false_block: f64, mut done: impl FnMut()) -> Backtest {
    let mut answers = Vec::with_capacity(cases.len() * judges.len());
    for case in cases {
        let formed = FormedCase::of(case);
        for &judge in judges {
            answers.push(CaseAnswer {
                case_id: case.case_id.clone(),
                dataset: case.dataset.clone(),
                source: case.source.clone(),
                judge,
                answer: judge.answer(&formed, false_block),
                missing: if judge == JudgeName::Native { formed.missing.clone() } else { Vec::new() },
                truth: match case.label {
                    Label::Stable => Truth::Stable,
                    Label::Unstable => Truth::Unstable,
                },
            });
        }
        done();
    }
    let mut groups: BTreeMap<String, BTreeMap<JudgeName, Vec<(Truth, Answer)>>> = BTreeMap::new();
    for one in &answers {
        groups.entry(one.dataset.clone()).or_default().entry(one.judge).or_default().push((one.truth, one.answer));
    }
    let rows = |judges: BTreeMap<JudgeName, Vec<(Truth, Answer)>>| {
        judges.into_iter().map(|(judge, answers)| (judge, Row::of(&answers))).collect()
    };
    Backtest { datasets: groups.into_iter().map(|(name, judges)| (name, rows(judges))).collect(), cases: answers }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judges_are_compared_at_one_rate() {
        let answer = |score: Option<f64>| Answer { verdict: Verdict::Insufficient, score, p: None };
        // Of twenty stable cases one may fail: the limit is the second lowest score.
        let mut answers: Vec<(Truth, Answer)> =
            (0..20).map(|i| (Truth::Stable, answer(Some(50.0 + f64::from(i))))).collect();
        answers.extend([Some(10.0), Some(50.5), Some(51.0), None].map(|score| (Truth::Unstable, answer(score))));
        assert_eq!(found_at(&answers, COMPARED_AT), Some(0.5));
        // Of nineteen none.
        assert_eq!(found_at(&answers[1..], COMPARED_AT), Some(0.5));
        assert_eq!(found_at(&answers[2..], 0.0), Some(0.75));
        assert_eq!(found_at(&answers[..20], COMPARED_AT), None);
    }
}
