//! The living view between declared looks: what is known now, for a few microseconds a metric and interval.
//!
//! Everything of the baseline side is made once, at the programme's length; a new sample only moves sums. `fail` is
//! never tested here: that is for [`judge`](crate::judge::judge) at declared looks, with the error rate they share.
//!
//! At the programme's end, for complete aligned data, effect, standard error and the p of level and location are those
//! of the judge. Before, they differ in that the judge cuts the baselines to the look and scales anew. Always left to
//! the judge: tail, dispersion, drift and peak; the candidate's own long-run variance (its limits may be wider) and its
//! own design effect of counts; the score of a declared rise; replays.

use crate::between::BetweenRuns;
use crate::combine::cauchy;
use crate::contrast::paired;
use crate::counts::{CountBase, CountEvidence};
use crate::descriptive::mean;
use crate::features::{Feature, Reference};
use crate::kernels::profile;
use crate::measure::{Moments, judged};
use crate::metric::Metric;
use crate::policy::Policy;
use crate::prepare::{Facts, Series, View};
use crate::pvalue::{Played, between_of, test};
use crate::rates::{Tally, garwood};
use crate::score::Scores;
use crate::signal::Worse;
use crate::special::{t_quantile, t_quantile_near};
use crate::tables::{Rows, Tables};
use std::rc::Rc;

/// Samples of the candidate before anything is said.
const FEWEST: usize = 3;
/// The features that a new sample moves in constant time.
const LIVING: [Feature; 2] = [Feature::Location, Feature::Level];

/// The newest sample of one metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sample {
    /// A gap or a fault window.
    Absent,
    /// A value.
    Value(f64),
    /// Events and total.
    Events {
        /// Events.
        events: f64,
        /// Total.
        total: f64,
    },
}

/// Why samples were not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{got} samples for {metrics} metrics")]
pub struct WrongCount {
    /// Metrics prepared.
    pub metrics: usize,
    /// Samples given.
    pub got: usize,
}

/// What is known of one metric now. Effects are in own unit, positive is worse (`either`: the sign is the change's).
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricReading {
    /// Samples used.
    pub samples: usize,
    /// Share of the samples so far that are there.
    pub coverage: f64,
    /// Effect; `None` while nothing can be said.
    pub effect: Option<f64>,
    /// Its standard error.
    pub se: Option<f64>,
    /// Degrees of freedom.
    pub df: Option<f64>,
    /// p of location and level (or of counts): worse than the margin.
    pub p_shift: f64,
    /// Score with limits.
    #[serde(flatten)]
    pub scores: Scores,
}

/// What is known now.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reading {
    /// Intervals so far.
    pub samples: usize,
    /// Metrics, gate first, in the given order.
    pub metrics: Vec<MetricReading>,
    /// Least score of the gate metrics, with limits.
    #[serde(flatten)]
    pub scores: Scores,
}

/// A tag between its looks.
pub struct Interim {
    metrics: Vec<Living>,
    gates: usize,
    alpha: f64,
    samples: usize,
}

impl Interim {
    /// Prepares the baseline side of the metrics at the programme's length; their candidates are not read.
    pub fn prepare(gate: &[Metric], watch: &[Metric], policy: &Policy) -> Interim {
        let mut tables = Tables::default();
        let mut metrics: Vec<Living> =
            gate.iter().chain(watch).map(|m| Living::prepare(m, policy.programme, &mut tables)).collect();
        for feature in LIVING {
            let played: Vec<Played<'_>> =
                metrics.iter().map(|m| Played { facts: &m.facts, moments: &m.moments }).collect();
            let between = between_of(&played, feature as usize);
            metrics.iter_mut().zip(between).for_each(|(m, b)| m.between[feature as usize] = b);
        }
        Interim { metrics, gates: gate.len(), alpha: policy.alpha_pass / 2.0, samples: 0 }
    }

    /// Takes the samples of one interval, one a metric.
    pub fn push(&mut self, samples: &[Sample]) -> Result<(), WrongCount> {
        if samples.len() != self.metrics.len() {
            return Err(WrongCount { metrics: self.metrics.len(), got: samples.len() });
        }
        for (metric, sample) in self.metrics.iter_mut().zip(samples) {
            metric.push(self.samples, *sample);
        }
        self.samples += 1;
        Ok(())
    }

    /// What is known now.
    pub fn reading(&mut self) -> Reading {
        let (samples, alpha) = (self.samples, self.alpha);
        let metrics: Vec<MetricReading> = self.metrics.iter_mut().map(|m| m.reading(samples, alpha)).collect();
        let gates = metrics[..self.gates].iter().map(|m| m.scores);
        Reading { samples, scores: gates.reduce(Scores::worse).unwrap_or(Scores::UNKNOWN), metrics }
    }
}

/// What the baseline runs say of one feature at every sample.
enum Usual {
    /// Mean of the runs, by sample; NaN where a run lacks it.
    Profile(Vec<f64>),
    /// Mean of the runs' means: runs are not compared sample by sample.
    Mean(f64),
}

/// Sums of one feature so far.
struct Sums {
    usual: Usual,
    candidate: f64,
    base: f64,
    /// Variance of the estimate per sample of the candidate, and what does not shrink with them.
    inside: f64,
    fixed: f64,
    /// The candidate's share of `inside`.
    one: f64,
}

/// One metric.
struct Living {
    facts: Facts,
    worse: Worse,
    moments: Moments,
    between: [BetweenRuns; 5],
    reference: Option<Reference>,
    pooled: Vec<f64>,
    scores: Rc<Vec<f64>>,
    /// Of location and level.
    sums: Vec<Sums>,
    counts: Option<CountBase>,
    tally: Tally,
    samples: usize,
    quantile: Option<f64>,
}

impl Living {
    fn prepare(metric: &Metric, programme: usize, tables: &mut Tables) -> Living {
        // Nothing of the baseline side depends on the candidate; any complete run may stand in for it.
        let series = Series::prepare(&metric.of_baseline(), programme, tables);
        let view = series.view();
        let (moments, _) = judged(&view, tables);
        let speaks = moments.alive && !moments.treatment.counts;
        let mut living = Living {
            facts: series.facts,
            worse: metric.worse,
            between: [BetweenRuns::default(); 5],
            reference: None,
            pooled: Vec::new(),
            scores: tables.scores(view.runs.iter().map(|r| r.len()).sum()),
            sums: Vec::new(),
            counts: moments.counts.map(|_| CountBase::of(&view.events[..view.runs.len()])),
            tally: Tally { events: 0.0, exposure: 0.0 },
            moments,
            samples: 0,
            quantile: None,
        };
        if speaks {
            living.fill(&view, tables);
        }
        series.recycle(tables);
        living
    }

    /// Sums that start at the first sample, and what they are compared with.
    fn fill(&mut self, view: &View<'_>, tables: &mut Tables) {
        let reference = Reference::new(view, tables);
        self.pooled = view.pooled();
        for feature in LIVING {
            reference.feature(feature, view, tables);
            let contrast = &self.moments.contrasts[feature as usize];
            let (n, k) = (view.cand.len() as f64, view.runs.len() as f64);
            let rows = std::mem::take(&mut tables.scratch.rows);
            let usual = match paired(view) {
                true => Usual::Profile(by_sample(&rows, view, &mut tables.scratch.profile)),
                false => Usual::Mean((0..view.runs.len()).map(|i| mean(rows.row(i))).sum::<f64>() / k),
            };
            tables.scratch.rows = rows;
            let one = contrast.one * n;
            let (inside, fixed) =
                if paired(view) { (one * (1.0 + 1.0 / k), 0.0) } else { (one, contrast.var - contrast.one) };
            self.sums.push(Sums { usual, candidate: 0.0, base: 0.0, inside, fixed, one });
        }
        self.reference = Some(reference);
    }

    fn push(&mut self, at: usize, sample: Sample) {
        let value = match sample {
            Sample::Absent => return,
            Sample::Value(v) => {
                if self.worse == Worse::Down {
                    -v
                } else {
                    v
                }
            }
            Sample::Events { events, total } => {
                let bad = if self.worse == Worse::Down { total - events } else { events };
                if self.counts.is_some() && bad.is_finite() && total > 0.0 {
                    self.tally.events += bad;
                    self.tally.exposure += total;
                    self.samples += 1;
                    return;
                }
                if total > 0.0 { bad / total } else { f64::NAN }
            }
        };
        let Some(reference) = self.reference.as_ref().filter(|_| value.is_finite()) else { return };
        let usual = |sums: &Sums| match &sums.usual {
            Usual::Profile(by_sample) => by_sample.get(at).copied().unwrap_or(f64::NAN),
            Usual::Mean(mean) => *mean,
        };
        // Absent in one run, absent in all.
        if self.sums.iter().any(|s| usual(s).is_nan()) {
            return;
        }
        let tolerance = reference.tolerance();
        let left = self.pooled.partition_point(|v| *v < value - tolerance);
        // Most samples tie with none: one look beside is cheaper than a second search.
        let ties = |v: &f64| *v <= value + tolerance;
        let right = match self.pooled.get(left) {
            Some(next) if ties(next) => left + self.pooled[left..].partition_point(ties),
            _ => left,
        };
        for (sums, own) in self.sums.iter_mut().zip([self.scores[left + right], reference.level(value)]) {
            sums.base += usual(sums);
            sums.candidate += own;
        }
        self.samples += 1;
    }

    fn reading(&mut self, so_far: usize, alpha: f64) -> MetricReading {
        let mut out = MetricReading {
            samples: self.samples,
            coverage: self.samples as f64 / so_far.max(1) as f64,
            effect: None,
            se: None,
            df: None,
            p_shift: 1.0,
            scores: Scores::UNKNOWN,
        };
        if self.samples < FEWEST || !self.moments.alive {
            return out;
        }
        match self.counts {
            Some(base) => self.counted(&base.against(self.tally, 1.0, self.facts.margin), alpha, &mut out),
            None => self.measured(alpha, &mut out),
        }
        out
    }

    fn counted(&self, counts: &CountEvidence, alpha: f64, out: &mut MetricReading) {
        let (low, high) = garwood(counts.tally, alpha);
        out.effect = Some(counts.est);
        out.p_shift = counts.p_fail;
        out.scores = Scores::of(counts.est, (low - counts.rate, high - counts.rate), self.facts.margin);
    }

    fn measured(&mut self, alpha: f64, out: &mut MetricReading) {
        let n = self.samples as f64;
        let mut p = Vec::with_capacity(LIVING.len());
        let mut level = None;
        self.moments.samples = self.samples;
        for (feature, sums) in LIVING.into_iter().zip(&self.sums) {
            let contrast = &mut self.moments.contrasts[feature as usize];
            contrast.est = sums.candidate / n - sums.base / n;
            (contrast.var, contrast.one, contrast.excess) = (sums.inside / n + sums.fixed, sums.one / n, 0.0);
            let played = Played { facts: &self.facts, moments: &self.moments };
            let numbers = test(&played, feature as usize, self.between[feature as usize]);
            p.extend(numbers.p);
            level = Some(numbers);
        }
        out.p_shift = cauchy(&p);
        let Some(level) = level else { return };
        (out.effect, out.se, out.df) = (Some(level.est), level.se, level.df);
        let degradation = if self.facts.either { level.est.abs() } else { level.est };
        let limits = match (level.se_pass, level.df) {
            (Some(se), Some(df)) => {
                let share = 1.0 - alpha;
                let t = self.quantile.map_or_else(|| t_quantile(share, df), |near| t_quantile_near(near, share, df));
                self.quantile = Some(t).filter(|t| t.is_finite());
                (degradation - t * se, degradation + t * se)
            }
            _ => (f64::NEG_INFINITY, f64::INFINITY),
        };
        out.scores = Scores::of(degradation, limits, self.facts.margin);
    }
}

/// Mean of the baseline rows at every sample of the programme.
fn by_sample(rows: &Rows, view: &View<'_>, mean: &mut Vec<f64>) -> Vec<f64> {
    profile((0..view.runs.len()).map(|i| rows.row(i)), mean);
    let kept = &view.series.kept;
    let mut out = vec![f64::NAN; kept.last().map_or(0, |last| last + 1)];
    kept.iter().zip(mean.iter()).for_each(|(at, v)| out[*at] = *v);
    out
}
