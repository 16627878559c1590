//! Sentences for people, and the order in which they are read.

use crate::assess::Assessment;
use crate::evidence::Context;
use crate::extent::{Both, Sides};
use crate::gaps::{about, reason};
use crate::metric::Kind;
use crate::objectives::mean_level;
use crate::onset::SHORTEST;
use crate::pairing::Pair;
use crate::quantity::{Unit, digits};
use crate::reading::{MetricReading, ResilienceReading};
use crate::signal::{Dimension, Form, Worse};
use crate::verdict::{Change, MetricReport, Reason, ReasonSeverity, Shape};
use chrono::DateTime;
use std::collections::BTreeSet;

/// Margin of the error share in fault windows, and points from no change to the margin (as in the judge).
const FAULT_MARGIN: f64 = 0.10;

/// A change within the first so-manieth part of the samples was there from the beginning.
const EARLY: usize = 20;
/// Soaks of which one false alarm is the rarest that is told: the rates are measured by repetitions of that order.
const RAREST: f64 = 10_000.0;

/// What a metric that got worse has to do with the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The statistics failed nothing: the tag is no fail, or a hard rule failed it.
    Noted,
    /// The statistics failed the tag, by this metric among others.
    Adds,
    /// Nothing but the statistics failed the tag, and without this metric they would not have.
    Decides,
}

/// A metric that was judged, with its numbers.
pub(crate) struct Judged<'p, 'a> {
    pub(crate) pair: &'p Pair<'a>,
    pub(crate) reading: MetricReading,
    pub(crate) worse: bool,
    /// How it changed, where it got worse.
    pub(crate) change: Option<Change>,
    /// Share of the evidence of all metrics.
    pub(crate) evidence_share: f64,
}

impl Judged<'_, '_> {
    /// The line of the report.
    pub(crate) fn report(&self) -> MetricReport {
        let reading = &self.reading;
        MetricReport {
            name: self.pair.name.clone(),
            component: self.pair.component(),
            tier: self.pair.tier(),
            dimension: self.pair.signal.dimension,
            unit: self.pair.effect_unit().name().to_owned(),
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
            change: self.change.clone(),
            evidence_share: self.evidence_share,
            tag_p_without: reading.tag_p_without,
            smallest_change: reading.smallest_change,
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
        let (unit, pair) = (self.pair.unit(), self.pair);
        let now = pair.candidate.as_ref().map_or(f64::NAN, |m| mean_level(&m.samples, look));
        let runs: Vec<f64> =
            pair.comparable().map(|(_, m)| mean_level(&m.samples, look)).filter(|v| v.is_finite()).collect();
        let before = runs.iter().sum::<f64>() / runs.len() as f64;
        format!(
            "{}: {}{}, {} before{}; allowed {}",
            pair.name,
            unit.level(now),
            self.what(),
            unit.level(before),
            self.effect(now - before),
            self.size(self.reading.margin),
        )
    }

    fn worse(&self) -> Worse {
        self.pair.candidate.as_ref().map_or(Worse::Up, |metric| metric.worse)
    }

    /// Degradation is positive in the judge; people read the change of the number itself.
    fn sign(&self) -> f64 {
        if self.worse() == Worse::Down { -1.0 } else { 1.0 }
    }

    /// A degradation as the change of the number itself.
    fn difference(&self, degradation: f64) -> String {
        self.pair.effect_unit().difference(self.sign() * degradation)
    }

    /// How large a degradation is allowed, or is found: of either direction where both are worse.
    fn size(&self, degradation: f64) -> String {
        match self.worse() {
            Worse::Up | Worse::Down => self.difference(degradation),
            Worse::Either => format!("{} either way", self.pair.effect_unit().size(degradation)),
        }
    }

    /// ` (+3.7 pp, limits +2.9 pp to +4.5 pp)`; of a distribution what the difference is of as well. `seen`: what a
    /// reader finds by subtraction.
    fn effect(&self, seen: f64) -> String {
        let (unit, sign) = (self.pair.effect_unit(), self.sign());
        let Some(effect) = self.reading.effect else { return String::new() };
        let (mut told, mut limits) = (sign * effect, String::new());
        if let Some((low, high)) = self.reading.limits.filter(|(low, high)| low.is_finite() && high.is_finite()) {
            let (a, b) = if sign > 0.0 { (low, high) } else { (-high, -low) };
            // Subtraction finds the difference of what is shown, of a distribution of its medians.
            let same = !matches!(self.pair.signal.form, Form::Distribution { .. });
            // The judge cuts off what is far out, so that a few samples do not decide; the whole is larger than that.
            let (above, below) = (same && told > 0.0 && seen > b, same && told < 0.0 && seen < a);
            told = if above || below || same && (a..=b).contains(&seen) { seen } else { told };
            limits = match (above, below) {
                (true, _) => format!(", at least {}", unit.difference(a)),
                (_, true) => format!(", at least {}", unit.difference(b)),
                _ => format!(", limits {} to {}", unit.difference(a), unit.difference(b)),
            };
        }
        let difference = unit.difference(told);
        match &self.pair.signal.form {
            Form::Distribution { .. } => format!(
                "; larger than one of the baseline in {} of cases, {} without a change ({difference}{limits})",
                unit.level(0.5 + sign * effect),
                unit.level(0.5)
            ),
            _ => format!(" ({difference}{limits})"),
        }
    }

    fn what(&self) -> String {
        let Some(metric) = &self.pair.candidate else { return String::new() };
        match (&self.pair.signal.form, metric.kind) {
            (Form::Distribution { .. }, _) => " in the median".to_owned(),
            (Form::Latency { buckets, .. }, _) => {
                let bound = |unit: Unit| metric.bound_s.map_or("its bound".to_owned(), |b| unit.level(b));
                match Unit::of_series(buckets.name.trim_end_matches("_bucket")) {
                    Unit::Bytes => format!(" of observations larger than {}", bound(Unit::Bytes)),
                    _ => format!(" of requests slower than {}", bound(Unit::Seconds)),
                }
            }
            (_, Kind::Share) => " of events were not good".to_owned(),
            _ => String::new(),
        }
    }

    /// The metric got worse than its baseline.
    pub(crate) fn got_worse(&self, look: usize, part: Part) -> Reason {
        let (observed, wanted) = self.effect_and_margin();
        let (severity, alone) = match part {
            Part::Noted => (ReasonSeverity::Warn, ""),
            Part::Adds => (ReasonSeverity::Error, ""),
            Part::Decides => (ReasonSeverity::Error, " Without this metric the tag would not have failed."),
        };
        let text = format!("{}.{}{alone}", self.sentence(look), self.how(look));
        about(reason("worse_than_baseline", severity, text, &observed, &wanted), self.pair)
    }

    /// What kind of change it is and where it began, as sentences with a space before each.
    fn how(&self, look: usize) -> String {
        let Some(change) = &self.change else { return String::new() };
        let clock = change.onset_ms.and_then(DateTime::from_timestamp_millis);
        let at = clock.map_or_else(String::new, |at| format!(" at {}", at.format("%H:%M:%S UTC")));
        let phase = change.phase.as_ref().map_or_else(String::new, |phase| format!(" in phase {phase}"));
        let began = if change.onset_sample * EARLY <= look {
            " It was so from the beginning.".to_owned()
        } else {
            format!(" It began{at}{phase}, after {} of {look} samples.", change.onset_sample)
        };
        match change.shape {
            Shape::Level | Shape::Events => began,
            Shape::Growth => {
                let way = if self.sign() * self.reading.rise < 0.0 { "falls steadily" } else { "grows" };
                format!(" It {way}, by {} over the programme.", self.difference(self.reading.rise))
            }
            Shape::Tail => format!("{}{}", self.far(look), self.level_holds()),
            Shape::Spread => format!("{}{}", self.spread(look), self.level_holds()),
            Shape::Spike => {
                let stretch = self.stretch(look);
                format!(" What stands out is a short stretch{at}{phase}{stretch}.{}", self.level_holds())
            }
        }
    }

    /// Both sides in own unit. Of a distribution what is compared is no number that people know.
    fn sides(&self, look: usize) -> Option<Sides> {
        let known = !matches!(self.pair.signal.form, Form::Distribution { .. });
        known.then(|| Sides::of(self.pair, self.worse(), look))
    }

    fn far(&self, look: usize) -> String {
        let Some((far, Both { now, before })) = self.sides(look).and_then(|sides| sides.tail(self.reading.margin))
        else {
            return " Most samples are as before; a few are far off.".to_owned();
        };
        let side = if self.worse() == Worse::Down { "below" } else { "above" };
        let (now, before) = (Unit::Share.level(now), Unit::Share.level(before));
        let far = self.pair.unit().size(far);
        format!(" Some samples are far off: {now} lie more than {far} {side} their run's median, {before} before.")
    }

    fn spread(&self, look: usize) -> String {
        let times = self.sides(look).and_then(|sides| sides.spread());
        let by = times.map_or_else(String::new, |times| {
            format!(": its samples are {} times as far from their run's median on average", digits(times))
        });
        format!(" It varies more than before{by}.")
    }

    fn stretch(&self, look: usize) -> String {
        let Some(Both { now, before }) = self.sides(look).and_then(|sides| sides.stretch()) else {
            return ", not its level".to_owned();
        };
        let (unit, bound) = (self.pair.unit(), if now < before { "at least" } else { "at most" });
        format!(": {} over {SHORTEST} samples, {bound} {} before", unit.level(now), unit.level(before))
    }

    /// Said where it is not the level that got worse, so that nobody looks for the fault there.
    fn level_holds(&self) -> &'static str {
        let size = |effect: f64| if self.worse() == Worse::Either { effect.abs() } else { effect };
        match self.reading.effect {
            Some(effect) if size(effect) <= self.reading.margin => " The level itself is within what is allowed.",
            _ => "",
        }
    }

    /// Not shown to be within its margin.
    pub(crate) fn not_shown(&self, input: &Assessment<'_>) -> Reason {
        let flag = |name: &str| self.reading.flags.iter().any(|f| f == name);
        let (observed, wanted) = (digits(self.reading.low), digits(input.policy.kpi));
        let sentence = self.sentence(input.look);
        let (code, text) = if flag("no_evidence") {
            ("no_evidence", format!("{sentence}. Its samples say nothing about the margin."))
        } else if flag("margin_too_tight") && !self.surely_beyond() {
            ("margin_too_tight", format!("{sentence}. The margin is narrower than what the samples can show."))
        } else {
            ("score_below", format!("{sentence}. Its score is at least {observed}, {wanted} is needed."))
        };
        let finds = self.reading.smallest_change.map_or_else(String::new, |change| {
            format!(" A soak of this length finds a change of {} in 8 of 10 cases.", self.size(change))
        });
        about(reason(code, ReasonSeverity::Error, format!("{text}{finds}"), &observed, &wanted), self.pair)
    }

    /// Whether even the limit of the effect that is nearer to none is more than what is allowed.
    fn surely_beyond(&self) -> bool {
        let either = self.worse() == Worse::Either;
        let margin = self.reading.margin;
        self.reading.limits.is_some_and(|(low, high)| low > margin || either && high < -margin)
    }

    /// Further samples until it can be shown; `None`: more time is not known to help.
    pub(crate) fn extra(&self) -> Option<usize> {
        // At least one: what is not shown now needs something more.
        self.reading.n_star.map(|star| ((star - self.reading.n as f64).ceil().max(1.0)) as usize)
    }

    /// `memory{job=checkout}: needs 40 more samples`.
    pub(crate) fn short(&self) -> String {
        match self.extra() {
            Some(extra) => format!("{}: needs {extra} more samples", self.pair.name),
            None => format!("{}: more time is not known to help", self.pair.name),
        }
    }

    fn effect_and_margin(&self) -> (String, String) {
        let effect = self.reading.effect.map_or("unknown".to_owned(), |effect| self.difference(effect));
        let least = if self.worse() == Worse::Down { "at least" } else { "at most" };
        (effect, format!("{least} {}", self.size(self.reading.margin)))
    }
}

/// How rarely a tag without any change looks as bad, in words. Beyond what repetitions can measure no number is named.
pub(crate) fn odds(tag_p: f64) -> Reason {
    let one_in = (1.0 / tag_p.max(f64::MIN_POSITIVE)).floor();
    let text = if one_in >= RAREST {
        format!("A tag without any change looks this bad in fewer than 1 of {RAREST:.0} soaks.")
    } else {
        format!("A tag without any change looks this bad in about 1 of {one_in:.0} soaks.")
    };
    reason("odds", ReasonSeverity::Info, text, &digits(tag_p), "")
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
