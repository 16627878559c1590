//! kayenta-compat: the judge `NetflixACAJudge-v1.0` of spinnaker/kayenta.
//!
//! Each metric: NaN and outliers are handled, the experiment is compared with the control by the interval of the
//! Mann-Whitney test and an effect size; the canary: weighted share of the metrics that pass.
//!
//! Where the published judge fails open, so does this one: a series of zeros in place of missing data passes
//! (`nanStrategy: replace`), and a comparison that is impossible does not count. It differs in two ways: the noise on
//! two constant series is not random (`transforms::with_noise`), and a wrong word or value in a configuration is an
//! error instead of a default.

pub mod brent;
pub mod classifier;
pub mod config;
pub mod effect_size;
pub mod mann_whitney;
pub mod ranking;
pub mod score;
pub mod statistics;
pub mod transforms;

pub use config::CanaryConfig;
pub use score::{CanaryClass, GroupScore, MetricResult, ZeroReason};

use super::{MetricRuns, Problem, Problems};
use crate::signal::Worse;
use classifier::{Classified, Direction, classify};
use config::{AnalysisConfigurations, CanaryAnalysis, ClassifierConfig, MetricConfig, OutlierStrategy};
use serde::Serialize;
use statistics::summary;
use transforms::{Fences, handle_nans, without_outliers};

/// The two series of one metric.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricPair {
    /// Name of the metric in the configuration.
    pub name: String,
    /// Samples of the control; NaN: absent.
    pub control: Vec<f64>,
    /// Samples of the experiment; NaN: absent.
    pub experiment: Vec<f64>,
}

/// The judge's result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CanaryResult {
    /// Score, 0 to 100.
    pub score: f64,
    /// Class of the score.
    pub classification: CanaryClass,
    /// Why the score is 0 whatever the groups say.
    pub zero: Option<ZeroReason>,
    /// Groups by name.
    pub groups: Vec<GroupScore>,
    /// Metrics in the order of the pairs.
    pub metrics: Vec<MetricResult>,
}

/// Which baseline runs are the control of [`judge_runs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// All runs, one after the other: the most evidence; Kayenta itself runs one baseline beside the canary.
    AllRuns,
    /// The last run alone.
    LastRun,
}

/// Judges pairs of series by a configuration.
pub fn judge(config: &CanaryConfig, pairs: &[MetricPair]) -> Result<CanaryResult, Problems> {
    let mut problems = wrong_factors(config);
    let mut metrics = Vec::with_capacity(pairs.len());
    for (i, pair) in pairs.iter().enumerate() {
        match config.metrics.iter().find(|m| m.name == pair.name) {
            Some(metric) => metrics.push(judge_metric(metric, pair)),
            None => problems.push(Problem {
                key: format!("pairs[{i}].name"),
                value: pair.name.clone(),
                remedy: "no such metric in the configuration; add it to `metrics` or leave the pair out".to_owned(),
            }),
        }
    }
    Problems::none_or(problems, metrics).map(|metrics| conclude(&config.classifier, metrics))
}

/// Judges runs at Kayenta's defaults: one group, the metric's direction, NaN removed, outliers kept, mean ratio,
/// marginal 75, pass 95.
pub fn judge_runs(metrics: &[MetricRuns], control: Control) -> CanaryResult {
    let judge_one = |runs: &MetricRuns| {
        let series = match control {
            Control::AllRuns => runs.baselines.concat(),
            Control::LastRun => runs.baselines.last().cloned().unwrap_or_default(),
        };
        let pair = MetricPair { name: runs.name.clone(), control: series, experiment: runs.candidate.clone() };
        judge_metric(&default_config(runs), &pair)
    };
    conclude(&ClassifierConfig::default(), metrics.iter().map(judge_one).collect())
}

fn default_config(runs: &MetricRuns) -> MetricConfig {
    let direction = match runs.worse {
        Worse::Up => Direction::Increase,
        Worse::Down => Direction::Decrease,
        Worse::Either => Direction::Either,
    };
    MetricConfig {
        name: runs.name.clone(),
        groups: vec!["all".to_owned()],
        analysis_configurations: AnalysisConfigurations {
            canary: CanaryAnalysis { direction, ..CanaryAnalysis::default() },
        },
    }
}

fn wrong_factors(config: &CanaryConfig) -> Vec<Problem> {
    let factor = |m: &MetricConfig| m.analysis_configurations.canary.outliers.outlier_factor;
    let problem = |(i, m): (usize, &MetricConfig)| Problem {
        key: format!("metrics[{i}].analysisConfigurations.canary.outliers.outlierFactor"),
        value: factor(m).to_string(),
        remedy: "write a number above 0, such as 3".to_owned(),
    };
    let wrong = |m: &MetricConfig| factor(m).is_nan() || factor(m) <= 0.0;
    config.metrics.iter().enumerate().filter(|(_, m)| wrong(m)).map(problem).collect()
}

fn judge_metric(config: &MetricConfig, pair: &MetricPair) -> MetricResult {
    let analysis = &config.analysis_configurations.canary;
    let [control, experiment] = [&pair.control, &pair.experiment].map(|values| {
        let values = handle_nans(values, analysis.nan_strategy);
        match analysis.outliers.strategy {
            OutlierStrategy::Keep => values,
            OutlierStrategy::Remove => {
                without_outliers(&values, analysis.outliers.outlier_factor, Fences::AtLeastPercentiles)
            }
        }
    });
    MetricResult {
        name: pair.name.clone(),
        groups: config.groups.clone(),
        classified: classify(&control, &experiment, &analysis.rule()).unwrap_or_else(|_| Classified::impossible()),
        muted: analysis.muted,
        experiment: summary(&experiment),
        control: summary(&control),
    }
}

fn conclude(config: &ClassifierConfig, metrics: Vec<MetricResult>) -> CanaryResult {
    let scores = score::weighted_sum(&metrics, &config.group_weights);
    CanaryResult {
        score: scores.summary,
        classification: score::class(scores.summary, config.score_thresholds),
        zero: scores.zero,
        groups: scores.groups,
        metrics,
    }
}
