//! Sentences for people, and the order in which they are read.

use crate::assess::Assessment;
use crate::evidence::Context;
use crate::gaps::{about, reason};
use crate::metric::Kind;
use crate::objectives::{level, whole};
use crate::pairing::Pair;
use crate::quantity::{Unit, digits};
use crate::reading::{MetricReading, ResilienceReading};
use crate::signal::{Dimension, Form, Worse};
use crate::verdict::{MetricReport, Reason, ReasonSeverity};
use std::collections::BTreeSet;

/// Margin of the error share in fault windows, and points from no change to the margin (as in the judge).
const FAULT_MARGIN: f64 = 0.10;

/// A metric that was judged, with its numbers.
pub(crate) struct Judged<'p, 'a> {
    pub(crate) pair: &'p Pair<'a>,
    pub(crate) reading: MetricReading,
    pub(crate) worse: bool,
}

impl Judged<'_, '_> {
    fn unit(&self) -> Unit {
        self.pair.candidate.as_ref().map_or(Unit::Plain, |m| m.unit)
    }

    /// The line of the report.
    pub(crate) fn report(&self) -> MetricReport {
        let reading = &self.reading;
        MetricReport {
            name: self.pair.name.clone(),
            component: self.pair.component(),
            tier: self.pair.tier(),
            dimension: self.pair.signal.dimension,
            unit: self.unit().name().to_owned(),
            effect: reading.effect,
            effect_low: reading.limits.map(|l| l.0),
            effect_high: reading.limits.map(|l| l.1),
            margin: reading.margin,
            score: reading.score,
            score_low: reading.low,
            score_high: reading.high,
            p_fail: reading.p_fail,
            p_peak: reading.p_peak,
            p_pass: reading.p_pass,
            worse: self.worse,
            n: reading.n,
            n_eff: reading.n_eff,
            n_star: reading.n_star,
            flags: reading.flags.clone(),
        }
    }

    /// Smaller of the two p values.
    pub(crate) fn p(&self) -> f64 {
        self.reading.p_fail.min(self.reading.p_peak)
    }

    /// `checkout-latency: 5.8 % of requests slower than 250 ms, 2.1 % before (+3.7 pp, limits +2.9 pp to +4.5 pp);
    /// allowed +2 pp`.
    fn sentence(&self, look: usize) -> String {
        let (unit, pair) = (self.unit(), self.pair);
        let now = pair.candidate.as_ref().map_or(f64::NAN, |m| whole(m, look));
        let runs: Vec<f64> =
            pair.baselines.iter().flatten().map(|m| level(&m.samples, look)).filter(|v| v.is_finite()).collect();
        let before = runs.iter().sum::<f64>() / runs.len() as f64;
        // Degradation is positive in the judge; people read the change of the number itself.
        let sign = if pair.candidate.as_ref().is_some_and(|m| m.worse == Worse::Down) { -1.0 } else { 1.0 };
        let effect = match (self.reading.effect, self.reading.limits) {
            (Some(effect), Some((low, high))) if low.is_finite() && high.is_finite() => {
                let (a, b) = if sign > 0.0 { (low, high) } else { (-high, -low) };
                let limits = format!("{} to {}", unit.difference(a), unit.difference(b));
                format!(" ({}, limits {limits})", unit.difference(sign * effect))
            }
            (Some(effect), _) => format!(" ({})", unit.difference(sign * effect)),
            (None, _) => String::new(),
        };
        format!(
            "{}: {}{}, {} before{effect}; allowed {}",
            pair.name,
            unit.level(now),
            self.what(),
            unit.level(before),
            unit.difference(sign * self.reading.margin),
        )
    }

    fn what(&self) -> String {
        let Some(metric) = &self.pair.candidate else { return String::new() };
        match (&self.pair.signal.form, metric.kind) {
            (Form::Latency { .. }, _) => {
                let bound = metric.bound_s.map_or("its bound".to_owned(), |b| Unit::Seconds.level(b));
                format!(" of requests slower than {bound}")
            }
            (_, Kind::Share) => " of events were not good".to_owned(),
            _ => String::new(),
        }
    }

    /// The metric got worse than its baseline.
    pub(crate) fn got_worse(&self, look: usize, severity: ReasonSeverity) -> Reason {
        let (observed, wanted) = self.effect_and_margin();
        let text = if self.reading.p_peak < self.reading.p_fail {
            format!("{}. What stands out is its worst stretch of three samples, not its level.", self.sentence(look))
        } else {
            format!("{}.", self.sentence(look))
        };
        about(reason("worse_than_baseline", severity, text, &observed, &wanted), self.pair)
    }

    /// Not shown to be within its margin.
    pub(crate) fn not_shown(&self, input: &Assessment<'_>) -> Reason {
        let flag = |name: &str| self.reading.flags.iter().any(|f| f == name);
        let (observed, wanted) = (digits(self.reading.low), digits(input.policy.kpi));
        let sentence = self.sentence(input.look);
        let (code, text) = if flag("no_evidence") {
            ("no_evidence", format!("{sentence}. Its samples say nothing about the margin."))
        } else if flag("margin_too_tight") {
            ("margin_too_tight", format!("{sentence}. The margin is narrower than what the samples can show."))
        } else {
            ("score_below", format!("{sentence}. Its score is at least {observed}, {wanted} is needed."))
        };
        about(reason(code, ReasonSeverity::Error, text, &observed, &wanted), self.pair)
    }

    /// Further samples until it can be shown; `None`: more time will not help.
    pub(crate) fn extra(&self) -> Option<usize> {
        // At least one: what is not shown now needs something more.
        self.reading.n_star.map(|star| ((star - self.reading.n as f64).ceil().max(1.0)) as usize)
    }

    /// `memory{job=checkout}: needs 40 more samples`.
    pub(crate) fn short(&self) -> String {
        match self.extra() {
            Some(extra) => format!("{}: needs {extra} more samples", self.pair.name),
            None => format!("{}: more time will not help", self.pair.name),
        }
    }

    fn effect_and_margin(&self) -> (String, String) {
        let unit = self.unit();
        let effect = self.reading.effect.map_or("unknown".to_owned(), |e| unit.difference(e));
        (effect, format!("at most {}", unit.difference(self.reading.margin)))
    }
}

/// The error share in fault windows grew.
pub(crate) fn resilience(reading: ResilienceReading, severity: ReasonSeverity) -> Reason {
    let (observed, wanted) = (Unit::Share.difference(reading.difference), Unit::Share.difference(FAULT_MARGIN));
    let text = format!("Errors while faults are in: {observed} against the baseline; allowed {wanted}.");
    let code = if reading.p_fail <= 0.05 { "worse_than_baseline" } else { "score_below" };
    let found = reason(code, severity, text, &observed, &format!("at most {wanted}"));
    Reason { dimension: Some(Dimension::Resilience), ..found }
}

/// Components whose version differs from that of any baseline run.
pub(crate) fn changed(candidate: &Context, baselines: &[&Context]) -> BTreeSet<String> {
    let differs = |name: &&String| baselines.iter().any(|b| b.versions.get(*name) != candidate.versions.get(*name));
    candidate.versions.keys().filter(differs).cloned().collect()
}

/// A reason and how much it weighs: -log10 p, or more for a hard rule.
pub(crate) struct Weighed {
    pub(crate) reason: Reason,
    pub(crate) weight: f64,
}

/// Weight of a hard rule and of a gap: before any statistics.
pub(crate) const DECIDED: f64 = 1e3;

/// Weightiest first: hard rules, then components that changed and whose own signals moved, then the evidence.
pub(crate) fn ordered(mut reasons: Vec<Weighed>, changed: &BTreeSet<String>) -> Vec<Reason> {
    let suspect = |w: &Weighed| {
        let moved = matches!(w.reason.code.as_str(), "worse_than_baseline" | "objective_broken");
        moved && w.reason.component.as_ref().is_some_and(|c| changed.contains(c))
    };
    reasons.sort_by(|a, b| {
        let severity = b.reason.severity.cmp(&a.reason.severity);
        let decided = (b.weight > DECIDED).cmp(&(a.weight > DECIDED));
        let suspects = suspect(b).cmp(&suspect(a));
        let weight = b.weight.total_cmp(&a.weight);
        severity.then(decided).then(suspects).then(weight).then_with(|| a.reason.text.cmp(&b.reason.text))
    });
    reasons.into_iter().map(|w| w.reason).collect()
}
