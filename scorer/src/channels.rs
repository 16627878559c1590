//! From metrics to channels: shift, peak and dense of every family, their replay, and their p.

use crate::combine::simes;
use crate::descriptive::{mean, squares_about_mean};
use crate::measure::Measured;
use crate::metric::Metric;
use crate::pvalue::{MetricEvidence, Played, evidence};
use crate::special::{normal_cdf, normal_quantile, t_sf};
use std::ops::Range;

/// Metrics a family needs for the dense channel: a mean over fewer is no mean.
const DENSE_SIZE: usize = 8;
/// Degrees of freedom of the prior of replayed channel values.
const REPLAY_DF: f64 = 4.0;
/// Prior standard deviation of the dense channel.
const DENSE_SD: f64 = 0.3;
/// Least standard deviation of the dense channel.
const DENSE_FLOOR: f64 = 0.2;
/// Most replays: more would not sharpen the scale.
const MOST_REPLAYS: usize = 6;
/// Baseline runs that statistics need to fail a tag, and replays to be made.
pub(crate) const FEWEST_RUNS: usize = 3;
/// Channels of a family: shift, peak, dense.
const CHANNELS: usize = 3;
/// Place of the dense channel.
const DENSE: usize = 2;

/// A family of metrics: which, and its channel weights.
#[derive(Clone, Debug)]
pub(crate) struct Family {
    pub(crate) members: Range<usize>,
    pub(crate) weights: [f64; CHANNELS],
}

/// What all metrics say together.
#[derive(Clone, Debug)]
pub(crate) struct TagEvidence {
    pub(crate) metrics: Vec<MetricEvidence>,
    /// z of every channel, families in order; `None` where a family is too small for it.
    pub(crate) channels: Vec<Option<f64>>,
    pub(crate) replays: Vec<Vec<Option<f64>>>,
    pub(crate) channel_p: Vec<f64>,
    /// Declared weights, 0 where a channel is absent; not yet normalised.
    pub(crate) weights: Vec<f64>,
    /// What the metrics said to the channels: as judged, then in every replay.
    said: Vec<Vec<Option<Said>>>,
}

impl TagEvidence {
    /// p of every channel if one metric had not been there.
    pub(crate) fn channel_p_without(&self, families: &[Family], metric: usize) -> Vec<f64> {
        let mut plays = self.said.iter().map(|said| {
            let mut others = said.clone();
            others[metric] = None;
            channels(&others, families)
        });
        let judged = plays.next().unwrap_or_default();
        calibrated(&judged, &plays.collect::<Vec<_>>())
    }
}

/// Evidence of a call: candidate, replays, p of every channel.
///
/// Metrics may have different numbers of runs. With K the largest, a metric with fewer runs takes part in the replays
/// of the runs that it has; where K >= 3, a metric with fewer than three runs cannot fail the tag (its between-run
/// variance is invisible) and counts as p = 1.
pub(crate) fn tag_evidence(measured: &[Measured], families: &[Family]) -> TagEvidence {
    let runs = measured.iter().map(|m| m.facts.runs).max().unwrap_or(0);
    let played: Vec<Played<'_>> = measured.iter().map(|m| Played { facts: &m.facts, moments: &m.judged }).collect();
    let metrics = evidence(&played);
    let silent = |i: usize| runs >= FEWEST_RUNS && measured[i].facts.runs < FEWEST_RUNS;
    let said: Vec<Option<Said>> = metrics
        .iter()
        .enumerate()
        .map(|(i, m)| Some(if silent(i) { Said { shift: 1.0, peak: 1.0 } } else { Said::from(m) }))
        .collect();
    let channels = channels(&said, families);
    let weights = families.iter().flat_map(|f| f.weights).zip(&channels).map(|(w, c)| c.map_or(0.0, |_| w)).collect();
    let replayed: Vec<Vec<Option<Said>>> = (0..replayed_runs(runs).len()).map(|at| replay(measured, at)).collect();
    let replays: Vec<Vec<Option<f64>>> = replayed.iter().map(|said| self::channels(said, families)).collect();
    let channel_p = calibrated(&channels, &replays);
    TagEvidence {
        metrics,
        channels,
        replays,
        channel_p,
        weights,
        said: std::iter::once(said).chain(replayed).collect(),
    }
}

/// Largest number of baseline runs of any metric.
pub(crate) fn most_runs(metrics: &[&Metric]) -> usize {
    metrics.iter().map(|m| m.baselines.len()).max().unwrap_or(0)
}

/// Runs that are replayed: none below three, all up to six, else six spread evenly.
pub(crate) fn replayed_runs(runs: usize) -> Vec<usize> {
    match runs {
        0..FEWEST_RUNS => Vec::new(),
        FEWEST_RUNS..=MOST_REPLAYS => (0..runs).collect(),
        _ => (0..MOST_REPLAYS).map(|i| i * (runs - 1) / (MOST_REPLAYS - 1)).collect(),
    }
}

/// The two p values of a metric that channels read.
#[derive(Clone, Copy, Debug)]
struct Said {
    shift: f64,
    peak: f64,
}

impl From<&MetricEvidence> for Said {
    fn from(m: &MetricEvidence) -> Said {
        Said { shift: m.shift, peak: m.peak }
    }
}

/// What the metrics say in the replay at one place among the replays.
fn replay(measured: &[Measured], at: usize) -> Vec<Option<Said>> {
    let (able, played): (Vec<usize>, Vec<Played<'_>>) = measured
        .iter()
        .enumerate()
        .filter_map(|(i, m)| Some((i, Played { facts: &m.facts, moments: m.replays[at].as_ref()? })))
        .unzip();
    let mut said = vec![None; measured.len()];
    for (i, m) in able.into_iter().zip(&evidence(&played)) {
        said[i] = Some(Said::from(m));
    }
    said
}

/// shift and peak (Simes over metrics) and dense (mean clipped z) of every family, as z values.
fn channels(said: &[Option<Said>], families: &[Family]) -> Vec<Option<f64>> {
    let mut out = Vec::with_capacity(families.len() * CHANNELS);
    for family in families {
        let present: Vec<Said> = said[family.members.clone()].iter().flatten().copied().collect();
        let shifts: Vec<f64> = present.iter().map(|s| s.shift).collect();
        let peaks: Vec<f64> = present.iter().map(|s| s.peak).collect();
        out.push(Some(z_of(simes(&shifts))));
        out.push(Some(z_of(simes(&peaks))));
        let z: Vec<f64> =
            shifts.iter().map(|p| (-normal_quantile(p.clamp(1e-9, 1.0 - 1e-9))).clamp(0.0, 5.0)).collect();
        let dense = if z.is_empty() { 0.0 } else { mean(&z) };
        out.push((family.members.len() >= DENSE_SIZE).then_some(dense));
    }
    out
}

fn z_of(p: f64) -> f64 {
    -normal_quantile(p.clamp(1e-15, 1.0 - 1e-6))
}

/// How far replayed baseline runs say that a channel's z is too large.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deflation {
    pub(crate) shift: f64,
    pub(crate) stretch: f64,
}

impl Deflation {
    /// Of what every replay says of shift or peak; nothing is changed without replays.
    pub(crate) fn of(values: &[f64]) -> Deflation {
        if values.is_empty() {
            return Deflation { shift: 0.0, stretch: 1.0 };
        }
        let count = values.len() as f64;
        let df = count - 1.0 + REPLAY_DF;
        Deflation {
            shift: ((count - 1.0) / df * mean(values)).max(0.0),
            stretch: ((REPLAY_DF + squares_about_mean(values)) / df).max(1.0).sqrt(),
        }
    }
}

/// What the replays say of one channel; below 0 counts as 0.
pub(crate) fn replayed(replays: &[Vec<Option<f64>>], channel: usize) -> Vec<f64> {
    replays.iter().map(|r| r[channel].unwrap_or(0.0).max(0.0)).collect()
}

/// p of every channel, deflated by its replayed values (below 0 counts as 0) if there are some; dense has no null of its
/// own.
fn calibrated(channels: &[Option<f64>], replays: &[Vec<Option<f64>>]) -> Vec<f64> {
    if replays.is_empty() {
        return uncalibrated(channels);
    }
    let count = replays.len() as f64;
    let df = count - 1.0 + REPLAY_DF;
    let one = |(j, c): (usize, &Option<f64>)| {
        let Some(c) = *c else { return 1.0 };
        let values = replayed(replays, j);
        if j % CHANNELS == DENSE {
            let (middle, squares) = (mean(&values), squares_about_mean(&values));
            let sd = ((REPLAY_DF * DENSE_SD * DENSE_SD + squares) / df).sqrt().max(DENSE_FLOOR);
            t_sf((c - middle) / sd / (1.0 + 1.0 / count).sqrt(), df)
        } else {
            let Deflation { shift, stretch } = Deflation::of(&values);
            normal_cdf(-(c - shift) / stretch)
        }
    };
    channels.iter().enumerate().map(one).collect()
}

/// p of every channel where nothing can be replayed.
fn uncalibrated(channels: &[Option<f64>]) -> Vec<f64> {
    let one = |(j, c): (usize, &Option<f64>)| match c {
        Some(c) if j % CHANNELS != DENSE => normal_cdf(-c),
        _ => 1.0,
    };
    channels.iter().enumerate().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_runs_are_replayed_evenly() {
        assert!(replayed_runs(2).is_empty());
        assert_eq!(replayed_runs(4), [0, 1, 2, 3]);
        assert_eq!(replayed_runs(11), [0, 2, 4, 6, 8, 10]);
        assert_eq!(replayed_runs(8), [0, 1, 2, 4, 5, 7]);
    }
}
