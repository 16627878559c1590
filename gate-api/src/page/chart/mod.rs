//! Charts of the gate metrics.

mod axis;
mod plot;

use super::{mark, number};
use crate::facts::{PageChart, PageData};
use maud::{Markup, html};
use scorer::quantity::Unit;
use scorer::signal::Tier;
use scorer::verdict::{Judgement, MetricReport};

/// All charts with one legend.
pub(super) fn charts(page: &PageData, judgement: &Judgement, kpi: f64) -> Markup {
    html! {
        @if !page.charts.is_empty() {
            section id="charts" {
                h2 { "Gate metrics over the soak" }
                (legend())
                div class="charts" {
                    @for chart in &page.charts {
                        @let report = judgement.metrics.iter().find(|m| m.name == chart.metric);
                        (figure(page, chart, (report, kpi)))
                    }
                }
                @if page.charts_left_out > 0 {
                    p class="faint" { (page.charts_left_out) " further gate metrics are not drawn; the evidence has them." }
                }
            }
        }
    }
}

fn legend() -> Markup {
    let key =
        |shape: Markup, text: &str| html! { li { svg viewBox="0 0 34 14" aria-hidden="true" { (shape) } (text) } };
    html! {
        svg class="defs" width="0" height="0" aria-hidden="true" focusable="false" {
            defs {
                pattern id="hatch" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)" {
                    line class="hatch" x1="0" x2="0" y1="0" y2="7" {}
                }
            }
        }
        ul class="legend" {
            (key(html! { path class="candidate" d="M1 10 L12 4 L22 9 L33 5" {} }, "this tag"))
            (key(html! { rect class="band" width="34" height="14" {} }, "span of the baseline runs"))
            (key(html! { line class="allowed" x1="0" x2="34" y1="7" y2="7" {} }, "baseline and margin"))
            (key(html! { line class="objective" x1="0" x2="34" y1="7" y2="7" {} }, "objective"))
            (key(html! { rect class="fault" width="34" height="14" {} rect fill="url(#hatch)" width="34" height="14" {} }, "fault is in (F1, F2 …: see faults)"))
            (key(html! { rect class="unjudged" width="34" height="14" {} }, "not judged: warm-up, recovery"))
        }
    }
}

fn figure(page: &PageData, chart: &PageChart, (report, kpi): (Option<&MetricReport>, f64)) -> Markup {
    let worse = report.is_some_and(|r| r.worse);
    html! {
        figure class=[worse.then_some("worse")] data-metric=(chart.metric) {
            figcaption {
                h3 { (chart.metric) " " (judged(report, kpi)) }
                p { (said(chart, report)) }
                p class="faint" { (what(chart)) @if let Some(r) = report { ", score " (number::score([r.score, r.score_low, r.score_high])) } }
            }
            (plot::plot(page, chart))
        }
    }
}

fn judged(report: Option<&MetricReport>, kpi: f64) -> Markup {
    match report {
        None => mark::sign("none", "–", "not compared"),
        Some(r) if r.worse => mark::sign("bad", "✗", "judged worse"),
        Some(r) if r.score_low >= kpi => mark::sign("good", "✓", "shown not worse"),
        Some(_) => mark::sign("open", "?", "not shown either way"),
    }
}

/// Effect and interval in the metric's own unit.
fn said(chart: &PageChart, report: Option<&MetricReport>) -> String {
    let Some(report) = report.filter(|r| r.tier == Tier::Gate) else {
        return match chart.objective {
            Some(objective) => format!("objective {}", Unit::named(&chart.unit).level(objective)),
            None => "no comparison".to_owned(),
        };
    };
    let effect = number::effect(report, chart.worse);
    match effect.limits {
        Some(limits) => format!("{} ({limits}), allowed {}", effect.change, effect.allowed),
        None => format!("{}, allowed {}", effect.change, effect.allowed),
    }
}

/// What the values are.
fn what(chart: &PageChart) -> String {
    match (chart.bound_s, Unit::named(&chart.unit)) {
        (Some(bound), _) => format!("share of requests slower than {}", Unit::Seconds.level(bound)),
        (None, Unit::Share) => "share of events that were not good".to_owned(),
        (None, Unit::Bytes) => "bytes".to_owned(),
        (None, Unit::Seconds) => "time".to_owned(),
        (None, Unit::PerSecond) => "a second".to_owned(),
        (None, Unit::BytesPerSecond) => "bytes a second".to_owned(),
        (None, Unit::PerSample) => "events a sample".to_owned(),
        (None, Unit::Plain) => "value".to_owned(),
    }
}
