//! The reasons that numbers give for a verdict.

use crate::assess::{Assessment, PROVISIONAL_BELOW, WORSE_RATE};
use crate::comparable::load_was_late;
use crate::explain::{DECIDED, Judged, Part, Weighed, odds, resilience};
use crate::gaps;
use crate::quantity::digits;
use crate::reading::{Reading, Shown};
use crate::signal::Tier;
use crate::verdict::{ReasonSeverity, Verdict};

/// Gate metrics that were not shown to be within their margins.
pub(crate) fn open<'j, 'p, 'a>(
    input: &Assessment<'_>,
    judged: &'j [Judged<'p, 'a>],
) -> impl Iterator<Item = &'j Judged<'p, 'a>> {
    let kpi = input.policy.kpi;
    judged.iter().filter(move |j| j.pair.tier() == Tier::Gate && below(j.reading.low, kpi))
}

/// Whether a score does not reach the KPI; one that is not a number does not.
fn below(score: f64, kpi: f64) -> bool {
    score.is_nan() || score < kpi
}

/// Weight of a p: its decades.
pub(crate) fn decades(p: f64) -> f64 {
    -p.max(1e-300).log10()
}

/// Everything that the numbers give as a reason. `rules`: how many hard rules are broken.
pub(crate) fn reasons(
    input: &Assessment<'_>,
    reading: &Reading,
    judged: &[Judged<'_, '_>],
    verdict: Verdict,
    rules: usize,
) -> Vec<Weighed> {
    let late = load_was_late(&input.candidate.context);
    let by_numbers = verdict == Verdict::Fail && !late && reading.shown_worse;
    let part = |j: &Judged<'_, '_>| match j.reading.tag_p_without {
        _ if !by_numbers => Part::Noted,
        Some(without) if rules == 0 && without > reading.level => Part::Decides,
        _ => Part::Adds,
    };
    let got_worse = |j: &Judged<'_, '_>| Weighed { reason: j.got_worse(input.look, part(j)), weight: decades(j.p()) };
    let mut found: Vec<Weighed> = judged.iter().filter(|j| j.worse).map(got_worse).collect();
    if by_numbers && found.is_empty() {
        // The tag failed by many small changes: name the largest of them.
        found.extend(judged.iter().min_by(|a, b| a.p().total_cmp(&b.p())).map(got_worse));
    }
    if by_numbers {
        found.push(Weighed { reason: odds(reading.tag_p), weight: 0.0 });
    }
    if verdict == Verdict::Insufficient {
        found.extend(
            open(input, judged).map(|j| Weighed { reason: j.not_shown(input), weight: 100.0 - j.reading.low.max(0.0) }),
        );
    }
    if let Some(r) = reading.resilience.filter(|r| r.p_fail <= WORSE_RATE || below(r.low, input.policy.kpi)) {
        let severity = match verdict {
            Verdict::Pass => ReasonSeverity::Info,
            _ if late => ReasonSeverity::Warn,
            Verdict::Fail | Verdict::Insufficient | Verdict::None => ReasonSeverity::Error,
        };
        found.push(Weighed { reason: resilience(r, severity), weight: decades(r.p_fail) });
    }
    if reading.outcome == Shown::Warning {
        let text = format!(
            "The numbers look worse than the baseline (p {}), but fewer than {PROVISIONAL_BELOW} baseline runs cannot show it.",
            digits(reading.tag_p)
        );
        let note = gaps::reason(
            "worse_than_baseline",
            ReasonSeverity::Warn,
            text,
            &digits(reading.tag_p),
            &digits(reading.level),
        );
        found.push(Weighed { reason: note, weight: decades(reading.tag_p) });
    }
    if verdict == Verdict::Pass {
        let (low, kpi) = (digits(reading.low), digits(input.policy.kpi));
        let text = format!("Shown not worse than its baseline: score at least {low}, {kpi} is needed.");
        found.push(Weighed {
            reason: gaps::reason("score_met", ReasonSeverity::Info, text, &low, &kpi),
            weight: DECIDED,
        });
    }
    found
}
