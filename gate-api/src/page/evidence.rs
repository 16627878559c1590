//! What the verdict rests on, by digest.

use super::number;
use crate::facts::{PageData, VerdictRecord};
use maud::{Markup, html};
use scorer::verdict::Basis;

/// Digests, method, baseline runs.
pub(super) fn evidence(record: &VerdictRecord, page: Option<&PageData>) -> Markup {
    let judged = &record.judgement;
    let basis = match judged.basis {
        Basis::Baseline => format!("compared with {} baseline runs", judged.baseline_runs),
        Basis::Objectives => "declared objectives: no earlier tag to compare with".to_owned(),
    };
    html! {
        section id="evidence" {
            h2 { "Evidence" }
            div class="card" {
                dl {
                    @for piece in &record.evidence { dt { "Evidence" } dd { code { (piece.digest) } br; span class="faint" { (piece.uri) } } }
                    dt { "Report" } dd { code { (record.report_digest) } }
                    dt { "Policy" } dd { code { (record.policy_digest) } }
                    dt { "Programme" } dd { code { (record.programme_digest) } }
                    dt { "Commit" } dd { code { (record.commit) } }
                    dt { "Method" } dd { (judged.method) ", judged at " (judged.look) " samples" }
                    dt { "Basis" } dd { (basis) @if judged.provisional { "; provisional: fewer than three" } }
                    @if let Some(p) = judged.tag_p {
                        dt { "p of the tag" } dd { (format!("{p:.1e}")) ", fails below " (format!("{:.1e}", judged.level)) }
                    }
                    @if !record.toggles.is_empty() {
                        dt { "Toggles" }
                        dd { (record.toggles.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(", ")) }
                    }
                    dt { "Judged" } dd { (number::moment(record.evaluated_at)) }
                    @for run in page.iter().flat_map(|p| &p.baseline) {
                        dt { "Baseline run" } dd { (run.tag) ", soak " code { (run.soak) } br; code class="faint" { (run.evidence) } }
                    }
                }
            }
        }
    }
}
