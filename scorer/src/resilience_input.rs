//! What faults did: error share in the fault window, and how soon the signals of the hypothesis were back.
//!
//! Only verified injections speak. One that was not verified, or in whose window nothing was measured, is void and is
//! reported as such; it is never a survived fault.

use crate::evidence::{Evidence, Exposure};
use crate::form::{FormedMetric, bad_within, form};
use crate::grid::Grid;
use crate::recording::Recording;
use crate::signal::{Form, Signal, Worse};
use std::collections::{BTreeMap, BTreeSet};

/// Consecutive samples inside the band that are a recovery.
pub const BACK_FOR: usize = 4;

/// Share of baseline samples inside the band.
pub const BAND: f64 = 0.999;

/// When an injection was over for the user.
#[derive(Clone, Debug, PartialEq)]
pub struct Recovery {
    /// Experiment.
    pub experiment: String,
    /// Repetition.
    pub repetition: u32,
    /// Milliseconds from the undo to the first of the samples that are back; `None`: not seen to recover (censored).
    pub after_ms: Option<i64>,
    /// Milliseconds after the undo that were watched.
    pub watched_ms: i64,
    /// Limit of the hypothesis.
    pub limit_ms: Option<i64>,
}

impl Recovery {
    /// Whether it is known to be later than its limit: recovered after it, or watched beyond it in vain.
    pub fn late(&self) -> Option<bool> {
        let limit = self.limit_ms?;
        match self.after_ms {
            Some(after) => Some(after > limit),
            None if self.watched_ms >= limit => Some(true),
            None => None,
        }
    }
}

/// Band of every metric of the hypothesis signals: lowest and highest value that is normal.
pub type Bands = BTreeMap<String, (f64, f64)>;

/// Error share of every injection by experiment, in order of repetitions, and what was void.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shares {
    /// Bad events of all events in the fault window, by experiment.
    pub by_experiment: BTreeMap<String, Vec<f64>>,
    /// Injections that say nothing, with the reason: (experiment, repetition, why).
    pub void: Vec<(String, u32, String)>,
}

/// Verified injections, in order of experiment and repetition.
pub fn verified(evidence: &Evidence) -> Vec<&Exposure> {
    let mut found: Vec<&Exposure> = evidence.exposures.iter().filter(|e| e.verified && e.end_ms > e.start_ms).collect();
    found.sort_by(|a, b| (&a.experiment, a.repetition, a.start_ms).cmp(&(&b.experiment, b.repetition, b.start_ms)));
    found
}

/// Error share in the window of every verified injection. Several ratio signals of one hypothesis: the worst share.
pub fn shares(recording: &Recording<'_>, signals: &[Signal]) -> Shares {
    let mut shares = Shares::default();
    let evidence = recording.evidence();
    for exposure in evidence.exposures.iter().filter(|e| !(e.verified && e.end_ms > e.start_ms)) {
        let why = exposure.detail.clone().unwrap_or_else(|| "the injection was not verified".to_owned());
        shares.void.push((exposure.experiment.clone(), exposure.repetition, why));
    }
    for exposure in verified(evidence) {
        let ratios: Vec<&Signal> =
            hypothesis(exposure, signals).into_iter().filter(|s| matches!(s.form, Form::Ratio { .. })).collect();
        if ratios.is_empty() {
            continue;
        }
        match worst_share(&ratios, recording, exposure.start_ms, exposure.end_ms) {
            Some(share) => shares.by_experiment.entry(exposure.experiment.clone()).or_default().push(share),
            None => shares.void.push((
                exposure.experiment.clone(),
                exposure.repetition,
                "no events were measured while the fault was in".to_owned(),
            )),
        }
    }
    shares
}

/// The worst bad share of ratio and latency signals in `[start, end)`; `None` when one of them was not measured.
pub(crate) fn worst_share(ratios: &[&Signal], recording: &Recording<'_>, start_ms: i64, end_ms: i64) -> Option<f64> {
    ratios.iter().try_fold(0.0_f64, |worst, signal| {
        bad_within(signal, recording, start_ms, end_ms).map(|(bad, all)| worst.max(bad / all))
    })
}

/// Signals of the hypothesis of an injection that are declared.
fn hypothesis<'s>(exposure: &Exposure, signals: &'s [Signal]) -> Vec<&'s Signal> {
    signals.iter().filter(|s| exposure.signals.contains(&s.name)).collect()
}

/// Names that a hypothesis uses and nobody declares, by experiment.
pub fn undeclared(evidence: &Evidence, signals: &[Signal]) -> BTreeSet<(String, String)> {
    let names: BTreeSet<&str> = signals.iter().map(|s| s.name.as_str()).collect();
    let used = evidence.exposures.iter().flat_map(|e| e.signals.iter().map(move |s| (e.experiment.clone(), s.clone())));
    used.filter(|(_, signal)| !names.contains(signal.as_str())).collect()
}

/// Bands from formed metrics of the runs that say what is normal: the middle 99.9 % of their samples, one-sided where
/// one direction is worse. A metric without samples has no band.
pub fn bands<'m>(runs: impl IntoIterator<Item = &'m FormedMetric>) -> Bands {
    let mut pooled: BTreeMap<String, (Worse, Vec<f64>)> = BTreeMap::new();
    for metric in runs {
        let values = (0..metric.len()).map(|i| metric.value(i)).filter(|v| v.is_finite());
        pooled.entry(metric.name.clone()).or_insert_with(|| (metric.worse, Vec::new())).1.extend(values);
    }
    let band = |(name, (worse, mut values)): (String, (Worse, Vec<f64>))| {
        if values.is_empty() {
            return None;
        }
        values.sort_by(f64::total_cmp);
        let limits = match worse {
            Worse::Up => (f64::NEG_INFINITY, quantile(&values, BAND)),
            Worse::Down => (quantile(&values, 1.0 - BAND), f64::INFINITY),
            Worse::Either => (quantile(&values, (1.0 - BAND) / 2.0), quantile(&values, (1.0 + BAND) / 2.0)),
        };
        Some((name, limits))
    };
    pooled.into_iter().filter_map(band).collect()
}

/// Quantile of sorted values by linear interpolation.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let at = q * (sorted.len() - 1) as f64;
    let (low, high) = (at.floor() as usize, at.ceil() as usize);
    sorted[low] + (sorted[high] - sorted[low]) * (at - at.floor())
}

/// Recovery of every verified injection whose hypothesis names signals. A metric without a band, or without a value in
/// a sample, is not back in that sample.
pub fn recoveries(evidence: &Evidence, signals: &[Signal], bands: &Bands) -> Vec<Recovery> {
    verified(evidence)
        .into_iter()
        .filter(|exposure| !exposure.signals.is_empty())
        .map(|exposure| Recovery {
            experiment: exposure.experiment.clone(),
            repetition: exposure.repetition,
            after_ms: back_after(evidence, exposure, &hypothesis(exposure, signals), bands),
            watched_ms: exposure.observed_until_ms.saturating_sub(exposure.end_ms).max(0),
            limit_ms: exposure.recover_within_ms,
        })
        .collect()
}

fn back_after(evidence: &Evidence, exposure: &Exposure, signals: &[&Signal], bands: &Bands) -> Option<i64> {
    let interval_ms = evidence.context.interval_ms;
    let grid = Grid::window(exposure.end_ms, exposure.observed_until_ms, interval_ms);
    let samples = grid.len();
    let recording = Recording::on(evidence, grid);
    let formed: Vec<Vec<FormedMetric>> = signals.iter().map(|signal| form(signal, &recording)).collect();
    if signals.len() < exposure.signals.len() || formed.iter().any(Vec::is_empty) {
        return None;
    }
    let formed: Vec<FormedMetric> = formed.into_iter().flatten().collect();
    let inside = |metric: &FormedMetric, sample: usize| {
        let value = metric.value(sample);
        bands.get(&metric.name).is_some_and(|(low, high)| (*low..=*high).contains(&value))
    };
    let back = |sample: usize| formed.iter().all(|metric| inside(metric, sample));
    let first = (0..samples.saturating_sub(BACK_FOR - 1)).find(|i| (*i..i + BACK_FOR).all(back))?;
    Some((first as i64).saturating_mul(interval_ms))
}

/// Experiments whose recovery is late in at least two, and at least half, of their injections: a hard rule.
pub fn recovers_late(recoveries: &[Recovery]) -> BTreeMap<String, (usize, usize)> {
    let mut counted: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for recovery in recoveries {
        let (late, all) = counted.entry(recovery.experiment.clone()).or_default();
        *late += usize::from(recovery.late() == Some(true));
        *all += 1;
    }
    counted.retain(|_, (late, all)| *late >= 2 && 2 * *late >= *all);
    counted
}
