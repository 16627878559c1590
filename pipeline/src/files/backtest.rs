//! Every judge against every labelled case.

use super::labelled::FormedCase;
use datasets::{Label, LabelledCase};
use scorer::backtest::{Answer, Rates, Truth, native};
use scorer::compat::kayenta::{self, CanaryClass, CanaryResult, Control};
use scorer::compat::keptn::{self, Evaluation, EvaluationResult};
use scorer::verdict::Verdict;
use serde::Serialize;
use std::collections::BTreeMap;

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
    /// Cases neither failed nor passed.
    pub insufficient: usize,
    /// Stable cases.
    pub n_stable: usize,
    /// Unstable cases.
    pub n_unstable: usize,
}

impl From<Rates> for Row {
    fn from(rates: Rates) -> Row {
        Row {
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
        judges.into_iter().map(|(judge, answers)| (judge, Row::from(Rates::of(&answers)))).collect()
    };
    Backtest { datasets: groups.into_iter().map(|(name, judges)| (name, rows(judges))).collect(), cases: answers }
}
