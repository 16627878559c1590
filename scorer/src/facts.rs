//! Everything that is found out before the numbers: what was formed, what may be compared, what is missing.

use crate::assess::{Assessment, Ended, Reference};
use crate::comparable::{differences, load_was_late};
use crate::evidence::Evidence;
use crate::gaps::{self, Gap};
use crate::grid::Grid;
use crate::metric::Metric;
use crate::pairing::Pair;
use crate::recording::Recording;
use crate::resilience::Resilience;
use crate::resilience_input::{Recovery, Shares, bands, recoveries, shares};
use crate::signal::Tier;
use crate::verdict::{Reason, ReasonSeverity};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that was found out before the numbers.
pub(crate) struct Facts<'a> {
    pub(crate) pairs: Vec<Pair<'a>>,
    pub(crate) offsets: Vec<u32>,
    pub(crate) runs: Vec<&'a Evidence>,
    shares: Shares,
    base_shares: BTreeMap<String, Vec<f64>>,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) notes: Vec<Reason>,
    pub(crate) rules: Vec<(String, Reason)>,
    pub(crate) elapsed: usize,
    pub(crate) grid: Grid,
}

impl<'a> Facts<'a> {
    pub(crate) fn of(input: &Assessment<'a>) -> Facts<'a> {
        let candidate = Recording::of(input.candidate);
        let (runs, mut notes) = comparable_runs(input);
        let recordings: Vec<Recording<'a>> = runs.iter().map(|run| Recording::of(run)).collect();
        let pairs = Pair::all(input.signals, &candidate, &recordings);
        let (offsets, elapsed) = (candidate.grid().offsets(), candidate.grid().elapsed());
        let own = || pairs.iter().filter_map(|p| p.candidate.as_ref());
        let known = || pairs.iter().flat_map(|p| p.baselines.iter().flatten());
        let bands = if runs.is_empty() { bands(own()) } else { bands(known()) };
        let recoveries = recoveries(input.candidate, input.signals, &bands);
        let shares_here = shares(&candidate, input.signals);
        let mut base_shares: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for recording in &recordings {
            for (experiment, values) in shares(recording, input.signals).by_experiment {
                base_shares.entry(experiment).or_default().extend(values);
            }
        }
        // Objectives and recoveries are read from what a late generator measured: told, and no ground for a fail.
        let late = load_was_late(&input.candidate.context);
        let rules = gaps::hard_rules(input, &pairs, &offsets, &recoveries).into_iter();
        let (rules, moot): (Vec<_>, Vec<_>) = rules.partition(|(_, rule)| !late || rule.code == gaps::FINDING_OPEN);
        notes.extend(moot.into_iter().map(|(_, rule)| Reason { severity: ReasonSeverity::Warn, ..rule }));
        let mut gaps = gaps::of_the_run(input, elapsed);
        if matches!(input.reference, Reference::Runs(_)) && runs.is_empty() {
            gaps.push(gaps::no_baseline(input.reference.runs().len()));
        }
        // Without a baseline that one gap says it all.
        if matches!(input.reference, Reference::FirstTag { .. }) || !runs.is_empty() {
            gaps.extend(pairs.iter().filter_map(|pair| gaps::of_metric(pair, &pairs, input, runs.len())));
        }
        notes.extend(new_metrics(&pairs, runs.len(), &gaps));
        let grid = candidate.grid().clone();
        let mut facts =
            Facts { pairs, offsets, runs, shares: shares_here, base_shares, gaps, notes, rules, elapsed, grid };
        facts.add_faults(input, &recoveries);
        facts
    }

    fn add_faults(&mut self, input: &Assessment<'_>, recoveries: &[Recovery]) {
        let (gaps, notes) = gaps::of_faults(input, &self.shares, recoveries);
        self.notes.extend(notes);
        if input.ended == Ended::Running {
            // Faults are still to come; the programme is not complete, which is a gap already.
            return;
        }
        self.gaps.extend(gaps);
        if !self.runs.is_empty() {
            let unknown = self.shares.by_experiment.keys().filter(|e| !self.base_shares.contains_key(*e));
            self.gaps.extend(unknown.map(|experiment| gaps::no_baseline_injection(experiment)));
        }
    }

    /// The metrics of one tier that the judge can read, each with where it comes from.
    pub(crate) fn metrics(&self, tier: Tier, input: &Assessment<'_>) -> Vec<(&Pair<'a>, Metric)> {
        let own = self.pairs.iter().filter(|pair| pair.tier() == tier);
        own.filter_map(|pair| Some((pair, pair.metric(&self.offsets, input.look, input.policy.coverage)?))).collect()
    }

    /// Error shares of experiments that both sides have.
    pub(crate) fn both_shares(&self) -> Option<Resilience> {
        let of = |a: &BTreeMap<String, Vec<f64>>, b: &BTreeMap<String, Vec<f64>>| -> BTreeMap<String, Vec<f64>> {
            a.iter().filter(|(e, _)| b.contains_key(*e)).map(|(e, v)| (e.clone(), v.clone())).collect()
        };
        let cand = of(&self.shares.by_experiment, &self.base_shares);
        (!cand.is_empty()).then(|| Resilience { base: of(&self.base_shares, &cand), cand })
    }
}

/// Baseline runs that may be compared, once each, none of the candidate's own tag; and why others are left out.
fn comparable_runs<'a>(input: &Assessment<'a>) -> (Vec<&'a Evidence>, Vec<Reason>) {
    let (mut runs, mut notes): (Vec<&Evidence>, Vec<Reason>) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    for run in input.reference.runs() {
        let own =
            run.subject.tag == input.candidate.subject.tag && run.subject.commit == input.candidate.subject.commit;
        if own || !seen.insert((&run.subject.soak, run.subject.attempt)) {
            continue;
        }
        let found = differences(&input.candidate.context, &run.context);
        if found.is_empty() {
            runs.push(run);
        } else {
            notes.push(gaps::not_comparable(&run.subject.soak, &found));
        }
    }
    (runs, notes)
}

/// Metrics that no baseline run knows and that are no gap: they only watch until one does.
fn new_metrics(pairs: &[Pair<'_>], runs: usize, gaps: &[Gap]) -> Vec<Reason> {
    let missed = |pair: &Pair<'_>| gaps.iter().any(|gap| gap.reason.metric.as_ref() == Some(&pair.name));
    let unknown = |pair: &Pair<'_>| pair.candidate.is_some() && pair.baselines.iter().all(Option::is_none);
    let new = |pair: &&Pair<'_>| runs > 0 && unknown(pair) && !missed(pair);
    let note = |pair: &Pair<'_>| {
        let text = format!("{} is new: no baseline run has it, so it only watches.", pair.name);
        gaps::about(gaps::reason("new_metric", ReasonSeverity::Info, text, "new", "known"), pair)
    };
    pairs.iter().filter(new).map(note).collect()
}
