//! Puts the candidate's metrics beside those of the baseline runs.

use crate::form::{FormedMetric, form};
use crate::metric::{Kind, Metric, Samples};
use crate::quantity::Unit;
use crate::recording::Recording;
use crate::shape::{Above, Compared, shape};
use crate::signal::{Form, Margin, Signal, Tier};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// One metric of a signal in the candidate and in every baseline run; `None` where it was not formed.
pub(crate) struct Pair<'a> {
    pub(crate) signal: Cow<'a, Signal>,
    pub(crate) name: String,
    pub(crate) candidate: Option<FormedMetric>,
    pub(crate) baselines: Vec<Option<FormedMetric>>,
    /// What is compared of a distribution, of the baseline runs that were formed in their order. `None` for other signals,
    /// and where nothing can be compared.
    ridits: Option<Compared<Vec<f64>>>,
}

impl<'a> Pair<'a> {
    /// Every metric of every signal, signals in their declared order, groups by name. A signal that formed nothing
    /// anywhere is a pair without metrics, so that it is not forgotten.
    pub(crate) fn all(signals: &'a [Signal], candidate: &Recording<'_>, baselines: &[Recording<'_>]) -> Vec<Pair<'a>> {
        signals.iter().flat_map(|signal| Pair::of_signal(signal, candidate, baselines)).collect()
    }

    fn of_signal(signal: &'a Signal, candidate: &Recording<'_>, baselines: &[Recording<'_>]) -> Vec<Pair<'a>> {
        let by_name = |recording: &Recording<'_>| -> BTreeMap<String, FormedMetric> {
            form(signal, recording).into_iter().map(|metric| (metric.name.clone(), metric)).collect()
        };
        let mut candidate = by_name(candidate);
        let mut baselines: Vec<_> = baselines.iter().map(by_name).collect();
        let mut names: BTreeSet<String> = candidate.keys().cloned().collect();
        names.extend(baselines.iter().flat_map(|run| run.keys().cloned()));
        if names.is_empty() {
            names.insert(signal.name.clone());
        }
        let pairs = |name: String| {
            let candidate = candidate.remove(&name);
            let baselines = baselines.iter_mut().map(|run| run.remove(&name)).collect();
            Pair { signal: Cow::Borrowed(signal), name, candidate, baselines, ridits: None }.with_shape()
        };
        names.into_iter().flat_map(pairs).collect()
    }

    /// The pair itself; of a distribution also the shares above bounds of the baseline, as latency signals that watch.
    fn with_shape(mut self) -> Vec<Pair<'a>> {
        let known: Vec<_> = self.baselines.iter().flatten().filter_map(|m| m.histograms.as_ref()).collect();
        let found = self.candidate.as_ref().and_then(|m| shape(&known, m.histograms.as_ref()?));
        let Some(found) = found else { return vec![self] };
        self.ridits = Some(found.ridits);
        let above: Vec<Pair<'a>> = found.above.into_iter().filter_map(|above| self.above(above)).collect();
        [self].into_iter().chain(above).collect()
    }

    fn above(&self, above: Above) -> Option<Pair<'a>> {
        let Form::Distribution { buckets, .. } = &self.signal.form else { return None };
        let named = |name: &str| format!("{name} {}", above.name);
        let signal = Signal {
            name: named(&self.signal.name),
            tier: Tier::Watch,
            form: Form::Latency { buckets: buckets.clone(), threshold_s: above.bound },
            margin: None,
            rise: None,
            objective: None,
            ..Signal::clone(&self.signal)
        };
        let formed = |from: &FormedMetric, samples| FormedMetric {
            name: named(&self.name),
            kind: Kind::LatencyShare,
            samples,
            unit: Unit::Share,
            bound_s: Some(above.bound),
            histograms: None,
            ..from.clone()
        };
        let mut baselines = above.samples.baselines.into_iter();
        Some(Pair {
            name: named(&self.name),
            candidate: self.candidate.as_ref().map(|from| formed(from, above.samples.candidate)),
            baselines: self.baselines.iter().map(|run| Some(formed(run.as_ref()?, baselines.next()??))).collect(),
            signal: Cow::Owned(signal),
            ridits: None,
        })
    }

    /// Whether the metric can decide: a gate signal with a margin. Without a margin a signal only watches.
    pub(crate) fn tier(&self) -> Tier {
        if self.signal.margin.is_some() { self.signal.tier } else { Tier::Watch }
    }

    /// The component that the metric speaks of: the group's job, or the declared one.
    pub(crate) fn component(&self) -> Option<String> {
        let formed = self.candidate.iter().chain(self.baselines.iter().flatten()).next();
        formed.and_then(|m| m.group.get("job").cloned()).or_else(|| self.signal.component.clone())
    }

    /// Unit of the values.
    pub(crate) fn unit(&self) -> Unit {
        self.candidate.as_ref().map_or(Unit::Plain, |m| m.unit)
    }

    /// Unit of effects and margins.
    pub(crate) fn effect_unit(&self) -> Unit {
        if matches!(self.signal.form, Form::Distribution { .. }) { Unit::Share } else { self.unit() }
    }

    /// What the judge compares of the candidate, sample by sample.
    pub(crate) fn compared(&self, sample: usize) -> f64 {
        match (&self.ridits, &self.candidate) {
            (Some(ridits), _) => ridits.candidate.get(sample).copied().unwrap_or(f64::NAN),
            (None, Some(metric)) => metric.value(sample),
            (None, None) => f64::NAN,
        }
    }

    /// The same of every baseline run.
    pub(crate) fn compared_before(&self, sample: usize) -> Vec<f64> {
        match &self.ridits {
            Some(ridits) => {
                ridits.baselines.iter().flatten().map(|r| r.get(sample).copied().unwrap_or(f64::NAN)).collect()
            }
            None => self.comparable().map(|(_, m)| m.value(sample)).collect(),
        }
    }

    /// Baseline runs whose buckets are those of the candidate, with their places among the runs that were formed.
    pub(crate) fn comparable(&self) -> impl Iterator<Item = (usize, &FormedMetric)> {
        let alike = |(i, m): &(usize, &FormedMetric)| match (&self.candidate, &self.ridits) {
            (Some(_), Some(ridits)) => ridits.baselines.get(*i).is_some_and(Option::is_some),
            (Some(here), None) => here.histograms.is_none() && here.bound_s == m.bound_s,
            (None, _) => true,
        };
        self.baselines.iter().flatten().enumerate().filter(alike)
    }

    /// Why the candidate's numbers are not of the kind that the baseline's are: its buckets differ.
    pub(crate) fn differs(&self) -> Option<String> {
        let (here, mut there) = (self.candidate.as_ref()?, self.baselines.iter().flatten());
        if here.histograms.is_some() {
            // Where nothing was observed before, that is what is said.
            let lacks = self.ridits.is_none() && there.any(|m| m.present(m.len()) > 0);
            return lacks.then(|| format!("{} lacks buckets that its baseline has", self.name));
        }
        let other = there.find_map(|m| m.bound_s.filter(|bound| Some(*bound) != here.bound_s))?;
        let bound = |seconds| Unit::Seconds.level(seconds);
        let (here, there) = (here.bound_s.map_or("unknown".to_owned(), bound), bound(other));
        Some(format!("{} counts what is slower than {here}, its baseline what is slower than {there}", self.name))
    }

    /// Samples of the candidate among the first `look`.
    pub(crate) fn candidate_samples(&self, look: usize) -> usize {
        self.candidate.as_ref().map_or(0, |m| m.present(look))
    }

    /// Baseline runs in which at least this share of the first `look` samples is there.
    pub(crate) fn usable_runs(&self, look: usize, coverage: f64) -> Vec<&FormedMetric> {
        self.usable(look, coverage).into_iter().map(|(_, metric)| metric).collect()
    }

    /// The same, with their places among the runs that were formed.
    fn usable(&self, look: usize, coverage: f64) -> Vec<(usize, &FormedMetric)> {
        let enough = |m: &FormedMetric| look > 0 && m.present(look) as f64 >= coverage * look as f64;
        self.comparable().filter(|(_, m)| enough(m)).collect()
    }

    /// What the judge reads. `None` where the candidate or the whole baseline has nothing usable.
    pub(crate) fn metric(&self, offsets: &[u32], look: usize, coverage: f64) -> Option<Metric> {
        let candidate = self.candidate.as_ref().filter(|_| self.candidate_samples(look) > 0)?;
        let usable = self.usable(look, coverage);
        let ridits = |values: &Vec<f64>| cut(&Samples::Values(values.clone()), look);
        let (baselines, samples): (Vec<Samples>, Samples) = match &self.ridits {
            Some(all) => (
                usable.iter().filter_map(|(i, _)| all.baselines[*i].as_ref()).map(ridits).collect(),
                ridits(&all.candidate),
            ),
            None => (usable.iter().map(|(_, m)| cut(&m.samples, look)).collect(), cut(&candidate.samples, look)),
        };
        if baselines.is_empty() {
            return None;
        }
        let value = |margin: Option<Margin>| {
            margin.map(|m| match m {
                Margin::Absolute(v) | Margin::Relative(v) => v,
            })
        };
        let (by, rise, relative) = same_scale(self.signal.margin, self.signal.rise, &baselines, look);
        Some(Metric {
            name: self.name.clone(),
            kind: candidate.kind,
            worse: candidate.worse,
            baselines,
            candidate: samples,
            by: value(by),
            rise: value(rise),
            relative,
            aligned: true,
            offsets: Some((0..look).map(|i| offsets.get(i).copied().unwrap_or(i as u32)).collect()),
        })
    }
}

/// The judge reads margin and rise in one scale; where they were declared in two, both become absolute with the median
/// of all baseline samples, which is what the judge would use.
fn same_scale(
    by: Option<Margin>,
    rise: Option<Margin>,
    baselines: &[Samples],
    look: usize,
) -> (Option<Margin>, Option<Margin>, bool) {
    let relative = |m: &Option<Margin>| matches!(m, Some(Margin::Relative(_)));
    if by.is_none_or(|_| relative(&by)) && rise.is_none_or(|_| relative(&rise)) {
        return (by, rise, by.is_some() || rise.is_some());
    }
    if !relative(&by) && !relative(&rise) {
        return (by, rise, false);
    }
    let median = pooled_median(baselines, look);
    let absolute = |margin: Margin| match margin {
        Margin::Relative(share) => Margin::Absolute(share * median),
        absolute => absolute,
    };
    (by.map(absolute), rise.map(absolute), false)
}

fn pooled_median(baselines: &[Samples], look: usize) -> f64 {
    let mut pooled: Vec<f64> = baselines.iter().flat_map(|samples| values(samples, look)).collect();
    pooled.sort_by(f64::total_cmp);
    let n = pooled.len();
    if n == 0 { 0.0 } else { ((pooled[(n - 1) / 2] + pooled[n / 2]) / 2.0).abs() }
}

/// Values of the first `look` samples that are there.
fn values(samples: &Samples, look: usize) -> Vec<f64> {
    let all: Vec<f64> = match samples {
        Samples::Values(values) => values.iter().take(look).copied().collect(),
        Samples::Events { events, total } => {
            let share = |(e, t): (&f64, &f64)| if *t > 0.0 { e / t } else { f64::NAN };
            events.iter().zip(total).take(look).map(share).collect()
        }
    };
    all.into_iter().filter(|v| v.is_finite()).collect()
}

/// Exactly `look` samples; what is not there is absent. A sample without events of any kind is absent too.
fn cut(samples: &Samples, look: usize) -> Samples {
    let fit = |values: &[f64]| (0..look).map(|i| values.get(i).copied().unwrap_or(f64::NAN)).collect();
    match samples {
        Samples::Values(values) => Samples::Values(fit(values)),
        Samples::Events { events, total } => Samples::Events { events: fit(events), total: fit(total) },
    }
}
