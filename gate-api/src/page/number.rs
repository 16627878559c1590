//! Times, scores and effects as people read them.

use crate::decide::duration_text;
use chrono::{DateTime, Utc};
use scorer::quantity::{self, Unit, digits};
use scorer::signal::Worse;
use scorer::verdict::MetricReport;

/// `2026-02-03 14:05 UTC`.
pub(super) fn moment(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// `9 h 40 min` between two moments; never negative.
pub(super) fn between(from: DateTime<Utc>, to: DateTime<Utc>) -> String {
    duration_text((to - from).num_seconds().max(0).unsigned_abs())
}

/// `96 (91..99)`.
pub(super) fn score([score, low, high]: [f64; 3]) -> String {
    quantity::score_text(score, low, high)
}

/// Effect of a metric with its limits and what was allowed, as changes of the number itself.
pub(super) struct Effect {
    /// `+3.7 pp`, or that it is not known.
    pub(super) change: String,
    /// `+2.9 pp to +4.5 pp`.
    pub(super) limits: Option<String>,
    /// `+2 pp`.
    pub(super) allowed: String,
}

/// The judge's degradation is positive for the worse; people read how the number changed.
pub(super) fn effect(report: &MetricReport, worse: Worse) -> Effect {
    let unit = Unit::named(&report.unit);
    let sign = if worse == Worse::Down { -1.0 } else { 1.0 };
    let change = report.effect.map_or_else(|| "not known".to_owned(), |e| unit.difference(sign * e));
    let limits = report.effect_low.zip(report.effect_high).filter(|(a, b)| a.is_finite() && b.is_finite());
    let limits = limits.map(|(a, b)| if sign > 0.0 { (a, b) } else { (-b, -a) });
    Effect {
        change,
        limits: limits.map(|(a, b)| format!("{} to {}", unit.difference(a), unit.difference(b))),
        allowed: unit.difference(sign * report.margin),
    }
}

/// Seconds: `250 ms`, `8 s`, `2 min 5 s`.
pub(super) fn seconds(value: f64) -> String {
    if value < 100.0 {
        return Unit::Seconds.level(value);
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive span of seconds")]
    let whole = value.round() as u64;
    duration_text(whole)
}

/// A measured dose: unit is in its name.
pub(super) fn dose(name: &str, value: f64) -> String {
    format!("{} {}", name.replace('_', " "), digits(value))
}
