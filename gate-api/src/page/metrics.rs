//! Metrics that watch: they can cause a fail, never a pass.

use super::mark;
use maud::{Markup, html};
use scorer::quantity::Unit;
use scorer::signal::Tier;
use scorer::verdict::{Judgement, MetricReport};

/// Table of the watch metrics.
pub(super) fn watched(judgement: &Judgement) -> Markup {
    let watched: Vec<&MetricReport> = judgement.metrics.iter().filter(|m| m.tier == Tier::Watch).collect();
    html! {
        @if !watched.is_empty() {
            section id="watched" {
                h2 { "Metrics that only watch" }
                table {
                    thead {
                        tr { th { "Metric" } th { "Change for the worse" } th { "Limits" } th { "Allowed" } th { "Judged" } }
                    }
                    tbody { @for metric in watched { (row(metric)) } }
                }
            }
        }
    }
}

fn row(metric: &MetricReport) -> Markup {
    let unit = Unit::named(&metric.unit);
    let text = |value: Option<f64>| value.map_or_else(|| "not known".to_owned(), |v| unit.difference(v));
    html! {
        tr {
            td data-label="Metric" { (metric.name) }
            td data-label="Worse by" { (text(metric.effect)) }
            td data-label="Limits" { (text(metric.effect_low)) " to " (text(metric.effect_high)) }
            td data-label="Allowed" { (unit.difference(metric.margin)) }
            td data-label="Judged" {
                @if metric.worse { (mark::sign("bad", "✗", "worse")) } @else { (mark::sign("none", "·", "not worse")) }
            }
        }
    }
}
