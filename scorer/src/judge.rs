//! The judge: everything that numbers say about a tag at one look. No clock, no I/O, no randomness.
//!
//! Order of steps: orient, cut to the look, scale, features, long-run variance, between-run variance, p per feature,
//! p per metric, channels, replay calibration, p of the tag, verdict.

use crate::channels::{FEWEST_RUNS, Family, TagEvidence, most_runs, replayed_runs, tag_evidence};
use crate::looks::looks;
use crate::measure::{Measured, measure};
use crate::metric::Metric;
use crate::policy::Policy;
use crate::report::{Flag, MetricNumbers, PassLevel, metric_numbers};
use crate::resilience::{Resilience, ResilienceNumbers, resilience_numbers};
use crate::score::Scores;
use crate::tables::Tables;
use crate::verdict::Verdict;

/// p above which a metric alone cannot have failed a tag.
const NOTABLE_P: f64 = 0.05;
/// Metrics of which it is told what the tag would be without them.
const NOTABLE: usize = 10;

/// Everything that the numbers say at one look.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Numbers {
    /// Samples judged.
    pub look: usize,
    /// Level at which `fail` was tested; 0 between looks.
    pub level: f64,
    /// Metrics, gate first, in the given order.
    pub metrics: Vec<MetricNumbers>,
    /// z of shift, peak and dense of the gate family, then of the watch family (families present only); `None` where a
    /// family is too small for a channel.
    pub channels: Vec<Option<f64>>,
    /// The same for every replayed baseline run.
    pub replays: Vec<Vec<Option<f64>>>,
    /// p of every channel.
    pub channel_p: Vec<f64>,
    /// Normalised weight of every channel; what is missing to 1 is the weight of resilience.
    pub weights: Vec<f64>,
    /// Resilience, where it takes part.
    pub resilience: Option<ResilienceNumbers>,
    /// p of the tag: the least p / weight.
    pub tag_p: f64,
    /// Shown worse, or a hard rule was broken.
    pub fail: bool,
    /// Would have failed, but the baseline has fewer than three runs.
    pub warn: bool,
    /// Least score of the gate metrics, with limits.
    #[serde(flatten)]
    pub scores: Scores,
    /// Samples that the gate metrics below the KPI need; `None` when none is below, or when more time will not help.
    pub n_star: Option<f64>,
    /// Verdict by numbers and hard rules.
    pub verdict: Verdict,
}

/// What a judgement is made from.
#[derive(Clone, Copy, Debug)]
pub struct JudgeInput<'a> {
    /// Gate metrics.
    pub gate: &'a [Metric],
    /// Watch metrics.
    pub watch: &'a [Metric],
    /// Policy.
    pub policy: &'a Policy,
    /// Samples judged.
    pub look: usize,
    /// Error shares in fault windows.
    pub resilience: Option<&'a Resilience>,
    /// Declared rules found broken.
    pub hard_rules: &'a [String],
}

/// Judges a tag at `look` samples.
///
/// `gate` metrics must be shown not worse; `watch` metrics can only cause `fail`. Resilience takes part from the end of
/// the programme on, when a type of experiment has injections on both sides. `hard_rules`: declared rules found broken.
/// Metrics may have different numbers of baseline runs; one without any is `no_evidence`.
pub fn judge(input: &JudgeInput<'_>) -> Numbers {
    let JudgeInput { gate, watch, policy, look, .. } = *input;
    let metrics: Vec<&Metric> = gate.iter().chain(watch).collect();
    let runs = most_runs(&metrics);
    let (replayed, mut tables) = (replayed_runs(runs), Tables::default());
    let measured: Vec<Measured> = metrics.iter().map(|m| measure(m, look, &replayed, &mut tables)).collect();
    let families = families(input);
    let tag = tag_evidence(&measured, &families);
    let done = look >= policy.programme;
    let alpha = policy.alpha_pass / if look <= policy.programme { 2.0 } else { 6.0 };
    let resilience = input.resilience.filter(|_| done).and_then(|r| resilience_numbers(r, alpha));
    let weighing = Weighing::of(&tag, resilience.as_ref(), policy);
    let tag_p = weighing.tag_p(&tag.channel_p);
    let level = level(policy, look);
    let mut reports = Vec::with_capacity(measured.len());
    for ((metric, Measured { facts, .. }), ev) in metrics.iter().zip(&measured).zip(&tag.metrics) {
        let mut report = metric_numbers(metric, facts, ev, PassLevel { alpha, kpi: policy.kpi });
        if facts.coverage < policy.coverage {
            report.flags.push(if facts.coverage > 0.0 { Flag::Coverage } else { Flag::SignalVanished });
        }
        reports.push(report);
    }
    for metric in notable(&reports) {
        reports[metric].tag_p_without = Some(weighing.tag_p(&tag.channel_p_without(&families, metric)));
    }
    let gates = &reports[..gate.len()];
    let scores = tag_scores(gates, resilience.as_ref());
    let shown = tag_p <= level;
    let fail = !input.hard_rules.is_empty() || (runs >= FEWEST_RUNS && shown);
    let whole = !gates.is_empty() && !gates.iter().any(|g| g.flags.iter().any(|f| f.blocks_pass()));
    let pass = !fail && done && whole && runs >= 1 && scores.score_low >= policy.kpi;
    Numbers {
        look,
        level,
        n_star: n_star(gates, resilience.as_ref(), policy.kpi),
        metrics: reports,
        channels: tag.channels,
        replays: tag.replays,
        channel_p: tag.channel_p,
        weights: weighing.channels,
        resilience,
        tag_p,
        fail,
        warn: runs < FEWEST_RUNS && shown,
        scores,
        verdict: match (fail, pass) {
            (true, _) => Verdict::Fail,
            (false, true) => Verdict::Pass,
            (false, false) => Verdict::Insufficient,
        },
    }
}

fn families(input: &JudgeInput<'_>) -> Vec<Family> {
    let (gates, all) = (input.gate.len(), input.gate.len() + input.watch.len());
    let gate = Family { members: 0..gates, weights: input.policy.gate_weights };
    let watch = Family { members: gates..all, weights: input.policy.watch_weights };
    [gate, watch].into_iter().filter(|f| !f.members.is_empty()).collect()
}

/// Level of the test at this look; 0 where no look was declared.
fn level(policy: &Policy, look: usize) -> f64 {
    let plan = looks(policy.programme, policy.first_look, policy.extensions);
    plan.iter().rev().find(|l| l.samples == look).map_or(0.0, |l| policy.alpha * l.share)
}

/// Weights normalised over the channels present; what is missing to 1 is resilience's.
struct Weighing {
    channels: Vec<f64>,
    /// p of resilience and its weight.
    resilience: Option<(f64, f64)>,
}

impl Weighing {
    fn of(tag: &TagEvidence, resilience: Option<&ResilienceNumbers>, policy: &Policy) -> Weighing {
        let own = resilience.map(|r| (r.share.p_fail, policy.resilience_weight));
        let total = tag.weights.iter().sum::<f64>() + own.map_or(0.0, |(_, w)| w);
        let share = |w: f64| if total > 0.0 { w / total } else { 0.0 };
        Weighing {
            channels: tag.weights.iter().map(|w| share(*w)).collect(),
            resilience: own.map(|(p, w)| (p, share(w))),
        }
    }

    /// The least p / weight.
    fn tag_p(&self, channel_p: &[f64]) -> f64 {
        let all = channel_p.iter().copied().zip(self.channels.iter().copied()).chain(self.resilience);
        all.filter(|(_, w)| *w > 0.0).map(|(p, w)| p / w).fold(1.0, f64::min)
    }
}

/// Metrics whose absence might matter: those with the least p, a few at most.
fn notable(reports: &[MetricNumbers]) -> Vec<usize> {
    let p = |i: &usize| reports[*i].p_fail.min(reports[*i].p_peak);
    let mut found: Vec<usize> = (0..reports.len()).filter(|i| p(i) <= NOTABLE_P).collect();
    found.sort_by(|a, b| p(a).total_cmp(&p(b)));
    found.truncate(NOTABLE);
    found
}

fn tag_scores(gates: &[MetricNumbers], resilience: Option<&ResilienceNumbers>) -> Scores {
    let all = gates.iter().map(|g| g.scores).chain(resilience.map(|r| r.scores));
    all.reduce(Scores::worse).unwrap_or(Scores::UNKNOWN)
}

/// Samples that the slowest gate metric below the KPI needs. More samples do not bring more injections.
fn n_star(gates: &[MetricNumbers], resilience: Option<&ResilienceNumbers>, kpi: f64) -> Option<f64> {
    if resilience.is_some_and(|r| r.scores.score_low < kpi) {
        return None;
    }
    let below: Option<Vec<f64>> = gates.iter().filter(|g| g.scores.score_low < kpi).map(|g| g.n_star).collect();
    below?.into_iter().reduce(f64::max)
}
