//! Scores of the tag and its dimensions, as numbers and as intervals on one scale.

use super::number;
use crate::decide::dimension_word;
use maud::{Markup, html};
use scorer::verdict::Judgement;

/// Width of the picture of a scale; a point is 2 of these.
const WIDTH: f64 = 200.0;

/// The tag first, then its dimensions; nothing where the tag was judged by objectives alone.
pub(super) fn scores(judgement: &Judgement, tag: Option<[f64; 3]>, kpi: f64) -> Markup {
    html! {
        @if let Some(score) = tag {
            section id="scores" {
                h2 { "Score of 100, with interval; the lower limit needs " (format!("{kpi:.0}")) }
                table {
                    thead { tr { th { "Of" } th { "Score" } th { "Interval" } } }
                    tbody {
                        (row("the tag", score, kpi))
                        @for d in &judgement.dimensions {
                            (row(dimension_word(d.dimension), [d.score, d.low, d.high], kpi))
                        }
                    }
                }
            }
        }
    }
}

fn row(of: &str, score: [f64; 3], kpi: f64) -> Markup {
    let text = number::score(score);
    let [middle, low, high] = score.map(|value| value.clamp(0.0, 100.0) / 100.0 * WIDTH);
    let needed = kpi.clamp(0.0, 100.0) / 100.0 * WIDTH;
    html! {
        tr {
            td data-label="Of" { (of) }
            td data-label="Score" { (text) }
            td data-label="Interval" {
                svg class="scale" viewBox="-6 0 212 22" role="img" {
                    title { (of) ": " (text) ", needs " (format!("{kpi:.0}")) }
                    line class="axis" x1="0" x2=(WIDTH) y1="11" y2="11" {}
                    line class="interval" x1=(low) x2=(high.max(low + 1.0)) y1="11" y2="11" {}
                    line class="needed" x1=(needed) x2=(needed) y1="1" y2="21" {}
                    circle class="point" cx=(middle) cy="11" r="4.5" {}
                }
            }
        }
    }
}
