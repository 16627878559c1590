//! One chart as SVG: shaded windows, baseline band, lines, axes.

use super::axis::{Axis, range, time_label};
use crate::facts::{PageChart, PageData, PageFault, PagePhase};
use maud::{Markup, html};
use scorer::evidence::PhaseLabel;
use scorer::quantity::Unit;
use std::fmt::Write as _;

/// Size in picture units. Narrow on purpose: on a phone it is scaled by little, so that labels stay readable.
const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 216.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 472.0;
const TOP: f64 = 22.0;
const BOTTOM: f64 = 190.0;
/// A label needs about this much a letter.
const LETTER: f64 = 7.0;

/// The chart.
pub(super) fn plot(page: &PageData, chart: &PageChart) -> Markup {
    let unit = Unit::named(&chart.unit);
    let known = [&chart.values, &chart.low, &chart.high].into_iter().flatten().flatten().copied();
    let lines = [chart.allowed, chart.objective].into_iter().flatten();
    let Some(shown) = range(unit, known.chain(lines).filter(|v| v.is_finite())) else {
        return html! { p class="faint" { "Nothing was measured." } };
    };
    let (x, y) = (Axis::new((0.0, page.length_s), (LEFT, RIGHT)), Axis::new(shown, (BOTTOM, TOP)));
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" {
            title { (chart.metric) " over the soak" }
            desc { (described(page, chart, unit)) }
            @for phase in &page.phases { (shaded(phase, x)) }
            @for (i, fault) in page.faults.iter().enumerate() { (faulted(i + 1, fault, x)) }
            @for tick in y.ticks(4.0) {
                line class="grid" x1=(LEFT) x2=(RIGHT) y1=(y.at(tick)) y2=(y.at(tick)) {}
                text x=(LEFT - 6.0) y=(y.at(tick) + 4.0) text-anchor="end" { (unit.level(tick)) }
            }
            line class="axis" x1=(LEFT) x2=(RIGHT) y1=(BOTTOM) y2=(BOTTOM) {}
            @for tick in x.times() {
                line class="axis" x1=(x.at(tick)) x2=(x.at(tick)) y1=(BOTTOM) y2=(BOTTOM + 4.0) {}
                text x=(x.at(tick)) y=(BOTTOM + 18.0) text-anchor=(if tick == 0.0 { "start" } else { "middle" }) { (time_label(tick, page.length_s)) }
            }
            path class="band" d=(band(chart, x, y)) {}
            @if let Some(value) = chart.objective { line class="objective" x1=(LEFT) x2=(RIGHT) y1=(y.at(value)) y2=(y.at(value)) {} }
            @if let Some(value) = chart.allowed { line class="allowed" x1=(LEFT) x2=(RIGHT) y1=(y.at(value)) y2=(y.at(value)) {} }
            path class="candidate" d=(line(chart, x, y)) {}
        }
    }
}

/// What a reader who does not see the picture should know.
fn described(page: &PageData, chart: &PageChart, unit: Unit) -> String {
    let spans = |values: &[Option<f64>]| {
        let (low, high) =
            values.iter().flatten().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
        (low <= high).then(|| format!("{} to {}", unit.level(low), unit.level(high)))
    };
    let mut text = match spans(&chart.values) {
        Some(span) => format!("This tag: {span}. "),
        None => "This tag: nothing was measured. ".to_owned(),
    };
    let both: Vec<Option<f64>> = chart.low.iter().chain(&chart.high).copied().collect();
    if let Some(span) = spans(&both) {
        let _ = write!(text, "Baseline runs: {span}. ");
    }
    let limits = [("Baseline and margin", chart.allowed), ("Objective", chart.objective)];
    for (name, value) in limits.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        let _ = write!(text, "{name}: {}. ", unit.level(value));
    }
    let _ = write!(text, "{} phases, {} faults.", page.phases.len(), page.faults.len());
    text
}

/// A phase: shaded where it is not judged or has its own load, labelled where there is room.
fn shaded(phase: &PagePhase, x: Axis) -> Markup {
    let (from, to) = (x.at(phase.from_s), x.at(phase.to_s));
    let (class, word) = match phase.label {
        PhaseLabel::Warmup => ("unjudged", "warm-up"),
        PhaseLabel::Steady => ("", "steady"),
        PhaseLabel::Load => ("load", "load"),
        // The fault itself is drawn where it truly was; its phase has the rest of the window.
        PhaseLabel::Fault | PhaseLabel::Recovery | PhaseLabel::Excluded => ("unjudged", ""),
    };
    let fits = (to - from) > word.len() as f64 * LETTER;
    html! {
        @if !class.is_empty() { rect class=(class) x=(from) y=(TOP) width=(width(from, to)) height=(BOTTOM - TOP) {} }
        @if phase.from_s > 0.0 { line class="border" x1=(from) x2=(from) y1=(TOP) y2=(BOTTOM) {} }
        @if fits && !word.is_empty() { text x=(middle(from, to)) y=(TOP - 7.0) text-anchor="middle" { (word) } }
    }
}

fn faulted(number: usize, fault: &PageFault, x: Axis) -> Markup {
    let (from, to) = (x.at(fault.from_s), x.at(fault.to_s));
    let label = format!("F{number}");
    html! {
        @if fault.verified && fault.to_s > fault.from_s {
            g {
                title { (label) ": " (fault.experiment) " #" (fault.repetition) ", " (fault.kind) " on " (fault.target) }
                rect class="fault" x=(from) y=(TOP) width=(width(from, to)) height=(BOTTOM - TOP) {}
                rect fill="url(#hatch)" x=(from) y=(TOP) width=(width(from, to)) height=(BOTTOM - TOP) {}
                @if to - from > label.len() as f64 * LETTER {
                    text class="in-fault" x=(middle(from, to)) y=(TOP - 7.0) text-anchor="middle" { (label) }
                }
            }
        }
    }
}

fn width(from: f64, to: f64) -> f64 {
    // A window of less than a unit is still there.
    tenth((to - from).max(1.0))
}

fn middle(from: f64, to: f64) -> f64 {
    tenth((from + to) / 2.0)
}

fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// The candidate; a lone point is a dot, since a round line of no length is one.
fn line(chart: &PageChart, x: Axis, y: Axis) -> String {
    let mut path = String::new();
    let mut pen = 'M';
    for (at, value) in chart.at_s.iter().zip(&chart.values) {
        match value {
            Some(value) => {
                let _ = write!(path, "{pen}{} {}", x.at(*at), y.at(*value));
                if pen == 'M' {
                    path.push_str("h0");
                }
                pen = 'L';
            }
            None => pen = 'M',
        }
    }
    path
}

/// The band: one closed shape for every stretch that has both sides.
fn band(chart: &PageChart, x: Axis, y: Axis) -> String {
    let points: Vec<Option<(f64, f64, f64)>> = chart
        .at_s
        .iter()
        .zip(chart.low.iter().zip(&chart.high))
        .map(|(at, (low, high))| Some((x.at(*at), y.at((*low)?), y.at((*high)?))))
        .collect();
    let mut path = String::new();
    for stretch in points.split(Option::is_none).filter(|stretch| !stretch.is_empty()) {
        let known = || stretch.iter().flatten();
        for (i, (at, low, high)) in known().enumerate() {
            // A band of no height is still seen: half a unit on each side.
            let high = high.min(low - 1.0);
            let _ = write!(path, "{}{at} {high}", if i == 0 { 'M' } else { 'L' });
        }
        for (at, low, _) in known().rev() {
            let _ = write!(path, "L{at} {low}");
        }
        path.push('Z');
    }
    path
}
