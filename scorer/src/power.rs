//! The smallest change that a soak finds: what a person chooses a soak's length by, before it runs.

use crate::channels::{Deflation, FEWEST_RUNS, replayed};
use crate::counts::fail_p;
use crate::features::Feature;
use crate::judge::{JudgeInput, Numbers, judge};
use crate::looks::looks;
use crate::metric::{Metric, Samples};
use crate::policy::Policy;
use crate::rates::Tally;
use crate::report::MetricNumbers;
use crate::signal::Worse;
use crate::special::{gamma_p_inverse, normal_cdf, normal_quantile, t_quantile};

/// How often a change of the smallest size is found.
pub const POWER: f64 = 0.8;
/// Features that a change of the level moves: level, and location, which counts half. Its ranks end where the baseline
/// ends, so large changes move it less; `tests/calibration/power_promise.rs` measures what that makes of [`POWER`].
const MOVED: f64 = 1.5;
/// Steps of the search for a number of events.
const STEPS: usize = 60;

/// What a soak of one length finds of one metric.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Findable {
    /// Metric.
    pub metric: String,
    /// Direction that is worse: where less is, change and margin are sizes of a fall.
    pub worse: Worse,
    /// Samples of the soak.
    pub samples: usize,
    /// Smallest change of the level towards worse that is found with [`POWER`], in own unit; `None`: none, however
    /// large, because nothing is known of the metric's noise.
    pub change: Option<f64>,
    /// Level of the baseline, in own unit.
    pub level: f64,
    /// Margin: what is tolerated, in own unit.
    pub margin: f64,
    /// Whether a longer soak would find less: not where runs differ more than samples.
    pub longer_helps: bool,
}

impl Findable {
    /// The change as a share of the level; `None` where the level is 0.
    pub fn relative(&self) -> Option<f64> {
        self.change.filter(|_| self.level != 0.0).map(|change| change / self.level.abs())
    }
}

/// What baseline runs say of soaks to come.
pub struct Plan<'a> {
    metrics: Vec<&'a Metric>,
    policy: &'a Policy,
    /// Samples of the longest baseline run.
    known: usize,
    /// Gate and watch metrics with a baseline run in the candidate's place.
    gate: Vec<Metric>,
    watch: Vec<Metric>,
    numbers: Numbers,
}

impl<'a> Plan<'a> {
    /// From baseline runs alone, gate metrics, then watch metrics; what the metrics' candidates hold does not matter.
    pub fn new(gate: &'a [Metric], watch: &'a [Metric], policy: &'a Policy) -> Plan<'a> {
        let of_baseline = |metrics: &[Metric]| metrics.iter().map(Metric::of_baseline).collect::<Vec<Metric>>();
        let metrics = gate.iter().chain(watch).collect();
        let (gate, watch) = (of_baseline(gate), of_baseline(watch));
        let known = gate.iter().chain(&watch).map(|m| m.candidate.len()).max().unwrap_or(0);
        let numbers = judged(&gate, &watch, policy, known);
        Plan { metrics, policy, known, gate, watch, numbers }
    }

    /// What a soak of `samples` samples finds of every metric, at its end. Both sides are taken to have `samples`
    /// samples, and their noise to be what this baseline says of it, cut to the soak where that is shorter.
    ///
    /// Held by simulation: against this very baseline a change is found in 75 to 97 of 100 cases. A soak of another
    /// length is judged by runs of its own length, whose noise is estimated anew: that finds it in 71 to 77 where runs
    /// do not differ, in 64 where they do (5 runs). More runs help, a larger change printed for a longer soak
    /// would not.
    pub fn findable(&self, samples: usize) -> Vec<Findable> {
        let cut = (samples < self.known).then(|| judged(&self.gate, &self.watch, self.policy, samples));
        let numbers = cut.as_ref().unwrap_or(&self.numbers);
        // A policy whose first look is its end declares one look, however long the soak.
        let one_look = self.policy.first_look >= self.policy.programme;
        let first = if one_look { samples } else { self.policy.first_look };
        let looks = looks(samples, first, self.policy.extensions);
        let level = self.policy.alpha * looks.iter().rev().find(|l| l.samples == samples).map_or(0.0, |l| l.share);
        let families = Families { gates: self.gate.len(), numbers };
        let one = |(i, metric): (usize, &&Metric)| {
            let own = &numbers.metrics[i];
            let p = families.needed_p(i, level);
            let (change, longer_helps) = match own.counts {
                true => (counted(metric, own, p, samples), true),
                false => moments(own, one_sided(p, metric.worse), samples),
            };
            let (worse, level) = (metric.worse, baseline_level(metric));
            Findable { metric: own.name.clone(), worse, samples, change, level, margin: own.margin, longer_helps }
        };
        self.metrics.iter().enumerate().map(one).collect()
    }
}

/// What the baseline says of itself at `look` samples.
fn judged(gate: &[Metric], watch: &[Metric], policy: &Policy, look: usize) -> Numbers {
    let policy = Policy { programme: look, first_look: look, ..policy.clone() };
    judge(&JudgeInput { gate, watch, policy: &policy, look, resilience: None, hard_rules: &[] })
}

/// The smallest change that this very judgement would have found of one metric; `None` between looks, without noise, and
/// with too few runs for any fail.
pub(crate) fn found_here(numbers: &Numbers, gates: usize, metric: usize, worse: Worse) -> Option<f64> {
    let own = &numbers.metrics[metric];
    let runs = numbers.metrics.iter().map(|m| m.runs).max().unwrap_or(0);
    if own.counts || numbers.level <= 0.0 || runs < FEWEST_RUNS {
        return None;
    }
    let p = Families { gates, numbers }.needed_p(metric, numbers.level);
    moments(own, one_sided(p, worse), own.n).0
}

/// p that one side of a test needs: where any change is worse, the p of both is twice that of one.
fn one_sided(p: f64, worse: Worse) -> f64 {
    if worse == Worse::Either { 0.5 * p } else { p }
}

/// Which channel a metric speaks through.
struct Families<'a> {
    gates: usize,
    numbers: &'a Numbers,
}

impl Families<'_> {
    /// p that one feature of one metric needs alone, so that its family's shift channel fails the tag at `level`.
    fn needed_p(&self, metric: usize, level: f64) -> f64 {
        let numbers = self.numbers;
        let watch = numbers.metrics.len() - self.gates;
        // Channels come in threes, of the gate family first.
        let (channel, members) = match (metric < self.gates, self.gates > 0) {
            (true, _) => (0, self.gates),
            (false, true) => (3, watch),
            (false, false) => (0, watch),
        };
        let Deflation { shift, stretch } = Deflation::of(&replayed(&numbers.replays, channel));
        let of_channel = level * numbers.weights[channel];
        let combined = normal_cdf(-(shift - stretch * normal_quantile(of_channel)));
        let features = numbers.metrics[metric].features.iter().filter(|f| f.p.is_some()).count().max(1) as f64;
        // Simes over the family, Cauchy over the features.
        combined / members.max(1) as f64 * (MOVED / features).min(1.0)
    }
}

/// Smallest change by the t test of the level, and whether more samples make it smaller.
///
/// Judged with the se that it was computed by, margin + (t_(1-p) + t_power) se is found with exactly that power (Stein
/// 1945): the estimate misses its mean by Z sigma, and P(Z <= t_power se / sigma) is the t distribution itself. Runs to
/// come bring an se of their own, so what is planned by other runs than it is judged by is found less often.
fn moments(own: &MetricNumbers, p: f64, samples: usize) -> (Option<f64>, bool) {
    let level = own.feature(Feature::Level);
    let (Some(se), Some(df)) = (level.se, level.df) else { return (None, false) };
    let k = own.runs as f64;
    let between = level.tau * level.tau * (1.0 + 1.0 / k);
    let within = (se * se - between).max(0.0);
    let scaled = if own.run_is_observation { within } else { within * own.n as f64 / samples as f64 };
    let sides = t_quantile(1.0 - p, df) + t_quantile(POWER, df);
    let change = own.margin + sides * (scaled + between).sqrt();
    (change.is_finite().then_some(change), !own.run_is_observation && within > 0.0)
}

/// Smallest change of a sparse rate: the least number of events that fails, and the rate that brings it with [`POWER`].
fn counted(metric: &Metric, own: &MetricNumbers, p: f64, samples: usize) -> Option<f64> {
    let design = own.design?;
    let (mut bad, mut all, mut count, mut runs) = (0.0, 0.0, 0, 0);
    for run in &metric.baselines {
        let Samples::Events { events, total } = run else { continue };
        runs += 1;
        for (e, t) in events.iter().zip(total).filter(|(e, t)| e.is_finite() && t.is_finite()) {
            bad += if metric.worse == Worse::Down { t - e } else { *e };
            all += t;
            count += 1;
        }
    }
    if count == 0 || all <= 0.0 {
        return None;
    }
    let exposure = all / count as f64 * samples as f64 / design;
    // Runs of the soak's own length.
    let baseline = Tally { events: bad / all * exposure * f64::from(runs), exposure: exposure * f64::from(runs) };
    let fails = |events: f64| fail_p(Tally { events, exposure }, baseline, design, own.margin) <= p;
    let (mut low, mut high) = (0.0, exposure.max(1.0));
    if !fails(high) {
        return None;
    }
    for _ in 0..STEPS {
        let middle = f64::midpoint(low, high);
        if fails(middle) { high = middle } else { low = middle }
    }
    Some(gamma_p_inverse(high.max(f64::MIN_POSITIVE), POWER) / exposure - bad / all)
}

fn baseline_level(metric: &Metric) -> f64 {
    let levels: Vec<f64> = metric
        .baselines
        .iter()
        .map(|run| crate::objectives::level(run, usize::MAX))
        .filter(|level| level.is_finite())
        .collect();
    levels.iter().sum::<f64>() / levels.len() as f64
}
