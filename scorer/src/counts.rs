//! Sparse shares and counts: Poisson tails on counts divided by a design effect, instead of moments.

use crate::descriptive::mean;
use crate::prepare::{EventsView, View};
use crate::rates::{Tally, design_effect, two_rates};
use crate::special::{gamma_p, gamma_q};

/// Fewer bad events a baseline run than this: counts instead of moments.
pub(crate) const FEW: f64 = 20.0;
/// Declared design effect of sparse counts: failures come in bursts.
const DESIGN: f64 = 4.0;

/// What sparse events say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CountEvidence {
    /// Difference of the shares.
    pub(crate) est: f64,
    /// Design effect used.
    pub(crate) design: f64,
    /// Baseline share.
    pub(crate) rate: f64,
    /// Candidate's events and total, divided by the design effect.
    pub(crate) tally: Tally,
    pub(crate) p_fail: f64,
    pub(crate) p_pass: f64,
}

/// Whether the baseline runs have so few bad events that counts must speak.
pub(crate) fn few_events(view: &View<'_>) -> bool {
    let Some((_, base)) = view.events.split_last() else {
        return false;
    };
    mean(&base.iter().map(|e| e.bad.iter().sum()).collect::<Vec<f64>>()) < FEW
}

/// Sparse events of all baseline runs together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CountBase {
    events: f64,
    exposure: f64,
    /// Mean design effect of a run.
    design: f64,
}

impl CountBase {
    /// From events of baseline runs, at least one.
    pub(crate) fn of(base: &[EventsView<'_>]) -> CountBase {
        CountBase {
            events: base.iter().map(|b| b.bad.iter().sum::<f64>()).sum(),
            exposure: base.iter().map(|b| b.total.iter().sum::<f64>()).sum(),
            design: mean(&base.iter().map(|b| design_effect(b.bad)).collect::<Vec<f64>>()),
        }
    }

    /// Evidence of a candidate's events and exposure; `design` is the candidate's own design effect.
    pub(crate) fn against(&self, candidate: Tally, design: f64, margin: f64) -> CountEvidence {
        let CountBase { events: y, exposure: n_base, .. } = *self;
        let (x, n) = (candidate.events, candidate.exposure);
        let design = DESIGN.max(design).max(self.design);
        let tally = Tally { events: x / design, exposure: n / design };
        let rate = y / n_base;
        let p_fail = fail_p(tally, Tally { events: y / design, exposure: n_base / design }, design, margin);
        let p_pass = gamma_q(tally.events + 1.0, tally.exposure * (margin + rate));
        CountEvidence { est: x / n - rate, design, rate, tally, p_fail, p_pass }
    }
}

/// Evidence of sparse events; `view` has events and at least one baseline run.
pub(crate) fn count_evidence(view: &View<'_>) -> CountEvidence {
    let (cand, base) = view.events.split_last().expect("counts come from events");
    let own = Tally { events: cand.bad.iter().sum(), exposure: cand.total.iter().sum() };
    CountBase::of(base).against(own, design_effect(cand.bad), view.series.margin)
}

/// p of H0 that the candidate's rate is at most a margin above the baseline's; both tallies divided by the design effect.
pub(crate) fn fail_p(candidate: Tally, baseline: Tally, design: f64, margin: f64) -> f64 {
    if candidate.events <= 0.0 {
        return 1.0;
    }
    let usual = (baseline.events * design + 0.5) / (baseline.exposure * design);
    let above = gamma_p(candidate.events, candidate.exposure * (margin + usual));
    above.max(two_rates(candidate, Tally { events: baseline.events - 0.5, exposure: baseline.exposure }))
}

/// Relative growth of a share's variance if it stood at its margin; 0 for everything but shares.
pub(crate) fn share_excess(view: &View<'_>) -> f64 {
    if view.events.is_empty() || view.series.kind == crate::metric::Kind::Count || view.runs.is_empty() {
        return 0.0;
    }
    let means: Vec<f64> = view.runs.iter().filter(|r| !r.is_empty()).map(|r| mean(r)).collect();
    let p0 = if means.is_empty() { 0.5 } else { mean(&means) }.clamp(1e-6, 0.5);
    let p1 = (p0 + view.series.margin).min(0.5);
    (p1 * (1.0 - p1) / (p0 * (1.0 - p0)) - 1.0).max(0.0)
}
