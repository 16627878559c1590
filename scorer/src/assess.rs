//! From evidence to the judgement of a tag at one look.
//!
//! Invariant: `pass` needs every input. Gaps are collected beside the numbers, and one gap is enough to turn a pass
//! into `insufficient`; nothing ever turns a gap into a pass.

use crate::combine::benjamini_hochberg;
use crate::comparable::differences;
use crate::evidence::Evidence;
use crate::explain::{DECIDED, Judged, Weighed, changed, odds, ordered, resilience};
use crate::form::FormedMetric;
use crate::gaps::{self, Gap};
use crate::grid::Grid;
use crate::metric::Metric;
use crate::onset::{onset, shape};
use crate::pairing::Pair;
use crate::policy::Policy;
use crate::quantity::{Unit, digits};
use crate::reading::{MetricReading, Reading, Shown, read};
use crate::recording::Recording;
use crate::resilience::Resilience;
use crate::resilience_input::{Recovery, Shares, bands, recoveries, shares};
use crate::signal::{Dimension, Signal, Tier};
use crate::verdict::{Basis, Change, DimensionScore, Judgement, Reason, ReasonSeverity, Verdict};
use std::collections::{BTreeMap, BTreeSet};

/// False discovery rate of the list of metrics that got worse.
const WORSE_RATE: f64 = 0.05;

/// Baseline runs below which statistics only warn and a pass is provisional.
pub const PROVISIONAL_BELOW: usize = 3;

/// Whether more evidence will come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The soak goes on.
    Running,
    /// All phases of the programme are over.
    Programme,
    /// Stopped before its end.
    Early,
}

/// What a candidate is judged against.
#[derive(Clone, Copy, Debug)]
pub enum Reference<'a> {
    /// No other tag has runs in the baseline: judged by its objectives.
    FirstTag {
        /// Passed runs of this tag that are already in the baseline.
        earlier_runs: usize,
    },
    /// Runs of earlier good tags. An empty list is missing evidence, never a first tag.
    Runs(&'a [&'a Evidence]),
}

impl<'a> Reference<'a> {
    /// Runs that were given.
    pub fn runs(&self) -> &'a [&'a Evidence] {
        match self {
            Reference::FirstTag { .. } => &[],
            Reference::Runs(runs) => runs,
        }
    }
}

/// Everything that a verdict depends on.
#[derive(Clone, Copy, Debug)]
pub struct Assessment<'a> {
    /// The soak that is judged.
    pub candidate: &'a Evidence,
    /// What it is judged against.
    pub reference: Reference<'a>,
    /// Declared signals.
    pub signals: &'a [Signal],
    /// Policy.
    pub policy: &'a Policy,
    /// Samples judged: one of the declared looks, see [`due_look`].
    pub look: usize,
    /// Whether more will come.
    pub ended: Ended,
    /// Experiments that the programme declares.
    pub experiments: &'a [String],
    /// Suites that the programme declares; each must have run.
    pub suites: &'a [String],
}

/// Samples of the programme that are over: what looks count.
pub fn elapsed(evidence: &Evidence) -> usize {
    crate::grid::Grid::of(evidence).elapsed()
}

/// The latest declared look that `elapsed` samples have reached: first look, doubling, the programme's end, and the
/// end of a declared extension. `None` before the first.
pub fn due_look(policy: &Policy, elapsed: usize) -> Option<usize> {
    let mut at = Vec::new();
    let mut look = policy.first_look.max(1);
    while look < policy.programme {
        at.push(look);
        look *= 2;
    }
    at.push(policy.programme);
    if policy.extensions > 0 {
        at.push((policy.programme * 3).div_ceil(2));
    }
    at.into_iter().rfind(|look| *look > 0 && *look <= elapsed)
}

/// Judges a candidate at one look.
pub fn assess(input: &Assessment<'_>) -> Judgement {
    let facts = Facts::of(input);
    match input.reference {
        Reference::FirstTag { earlier_runs } => by_objectives(input, facts, earlier_runs),
        Reference::Runs(_) => by_baseline(input, facts),
    }
}

/// What the numeric judge is asked.
pub(crate) struct Question<'q> {
    pub(crate) gate: &'q [Metric],
    pub(crate) watch: &'q [Metric],
    pub(crate) policy: &'q Policy,
    pub(crate) look: usize,
    /// Error shares of baseline and candidate by experiment, at the last look only.
    pub(crate) shares: Option<Resilience>,
    pub(crate) hard_rules: &'q [String],
}

/// Everything that was found out before the numbers.
struct Facts<'a> {
    pairs: Vec<Pair<'a>>,
    offsets: Vec<u32>,
    runs: Vec<&'a Evidence>,
    shares: Shares,
    base_shares: BTreeMap<String, Vec<f64>>,
    gaps: Vec<Gap>,
    notes: Vec<Reason>,
    rules: Vec<(String, Reason)>,
    elapsed: usize,
    grid: Grid,
}

impl<'a> Facts<'a> {
    fn of(input: &Assessment<'a>) -> Facts<'a> {
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
        let rules = gaps::hard_rules(input, &pairs, &offsets, &recoveries);
        let mut gaps = gaps::of_the_run(input, elapsed);
        if matches!(input.reference, Reference::Runs(_)) && runs.is_empty() {
            gaps.push(gaps::no_baseline(input.reference.runs().len()));
        }
        gaps.extend(pairs.iter().filter_map(|pair| gaps::of_metric(pair, &pairs, input, runs.len())));
        notes.extend(new_groups(&pairs, runs.len()));
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

    /// Error shares of experiments that both sides have.
    fn both_shares(&self) -> Option<Resilience> {
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

/// Metrics that no baseline run knows: they only watch until one does.
fn new_groups(pairs: &[Pair<'_>], runs: usize) -> Vec<Reason> {
    let new = |pair: &&Pair<'_>| runs > 0 && pair.candidate.is_some() && pair.baselines.iter().all(Option::is_none);
    let note = |pair: &Pair<'_>| {
        let text = format!("{} is new: no baseline run has it, so it only watches.", pair.name);
        gaps::about(gaps::reason("new_metric", ReasonSeverity::Info, text, "new", "known"), pair)
    };
    pairs.iter().filter(new).map(note).collect()
}

fn by_objectives(input: &Assessment<'_>, mut facts: Facts<'_>, earlier_runs: usize) -> Judgement {
    facts.gaps.extend(gaps::of_objectives(&facts.pairs, input.look));
    let verdict = match (facts.rules.is_empty(), facts.gaps.is_empty()) {
        (false, _) => Verdict::Fail,
        (true, true) => Verdict::Pass,
        (true, false) => nothing_yet(input),
    };
    let mut judgement = empty(input, verdict, Basis::Objectives);
    judgement.provisional = earlier_runs < PROVISIONAL_BELOW;
    judgement.extra_samples = remaining(input, facts.elapsed);
    if verdict == Verdict::Pass {
        let text = "Every objective was held over the whole programme.".to_owned();
        facts.notes.push(gaps::reason("score_met", ReasonSeverity::Info, text, "held", "held"));
    }
    finish(judgement, facts, Vec::new(), &BTreeSet::new())
}

fn by_baseline(input: &Assessment<'_>, facts: Facts<'_>) -> Judgement {
    let coverage = input.policy.coverage;
    let with_metric = |tier: Tier| -> Vec<(&Pair<'_>, Metric)> {
        let own = facts.pairs.iter().filter(|p| p.tier() == tier);
        own.filter_map(|p| p.metric(&facts.offsets, input.look, coverage).map(|m| (p, m))).collect()
    };
    let (gate, watch) = (with_metric(Tier::Gate), with_metric(Tier::Watch));
    let metrics = |side: &[(&Pair<'_>, Metric)]| side.iter().map(|(_, m)| m.clone()).collect::<Vec<_>>();
    let rules: Vec<String> = facts.rules.iter().map(|(name, _)| name.clone()).collect();
    let last = input.look >= input.policy.programme && input.ended != Ended::Running;
    let reading = (!gate.is_empty() && input.look > 0).then(|| {
        read(&Question {
            gate: &metrics(&gate),
            watch: &metrics(&watch),
            policy: input.policy,
            look: input.look,
            shares: if last { facts.both_shares() } else { None },
            hard_rules: &rules,
        })
    });
    let Some(reading) = reading else {
        let verdict = if rules.is_empty() { nothing_yet(input) } else { Verdict::Fail };
        let mut judgement = empty(input, verdict, Basis::Baseline);
        judgement.baseline_runs = facts.runs.len();
        judgement.provisional = facts.runs.len() < PROVISIONAL_BELOW;
        judgement.extra_samples = remaining(input, facts.elapsed);
        let mut facts = facts;
        facts.gaps.push(gaps::no_gate_metric());
        return finish(judgement, facts, Vec::new(), &BTreeSet::new());
    };
    let pairs: Vec<&Pair<'_>> = gate.iter().chain(&watch).map(|(pair, _)| *pair).collect();
    let judged = judged(&pairs, &reading, &facts.grid, input.look);
    let verdict = match reading.outcome {
        Shown::Worse => Verdict::Fail,
        Shown::NotWorse if facts.gaps.is_empty() && rules.is_empty() => Verdict::Pass,
        Shown::NotWorse | Shown::Warning | Shown::Neither => Verdict::Insufficient,
    };
    let mut judgement = empty(input, verdict, Basis::Baseline);
    fill(&mut judgement, &reading, &judged, &facts);
    judgement.extra_samples = extra(input, &judged, &facts, verdict);
    let weighed = reasons(input, &reading, &judged, verdict);
    judgement.missing = missing(input, &judged, verdict);
    let contexts: Vec<_> = facts.runs.iter().map(|run| &run.context).collect();
    let suspects = changed(&input.candidate.context, &contexts);
    finish(judgement, facts, weighed, &suspects)
}

/// The metrics that an assessment judges.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Gate metrics.
    pub gate: Vec<Metric>,
    /// Watch metrics.
    pub watch: Vec<Metric>,
    /// Unit of every metric, gate first.
    pub units: Vec<Unit>,
}

/// The metrics that an assessment would judge, without judging them.
pub fn metrics_of(input: &Assessment<'_>) -> Metrics {
    let facts = Facts::of(input);
    let mut units = Vec::new();
    let [gate, watch] = [Tier::Gate, Tier::Watch].map(|tier| {
        let own = facts.pairs.iter().filter(|pair| pair.tier() == tier);
        let formed = own.filter_map(|pair| {
            let metric = pair.metric(&facts.offsets, input.look, input.policy.coverage)?;
            units.push(pair.candidate.as_ref().map_or(Unit::Plain, |m| m.unit));
            Some(metric)
        });
        formed.collect::<Vec<Metric>>()
    });
    Metrics { gate, watch, units }
}

fn judged<'p, 'a>(pairs: &[&'p Pair<'a>], reading: &Reading, grid: &Grid, look: usize) -> Vec<Judged<'p, 'a>> {
    let p: Vec<f64> = reading.metrics.iter().flat_map(|m| [m.p_fail, m.p_peak]).collect();
    let rejected = benjamini_hochberg(&p, WORSE_RATE);
    let evidence = |m: &MetricReading| match m.p_fail.min(m.p_peak) {
        p if p <= WORSE_RATE => -p.max(1e-300).log10(),
        _ => 0.0,
    };
    let total: f64 = reading.metrics.iter().map(evidence).sum();
    let both = pairs.iter().zip(&reading.metrics).zip(rejected.chunks(2));
    both.map(|((pair, reading), rejected)| {
        let worse = rejected.contains(&true);
        Judged {
            pair,
            worse,
            change: worse.then(|| change(pair, reading, grid, look)),
            evidence_share: if total > 0.0 { evidence(reading) / total } else { 0.0 },
            reading: reading.clone(),
        }
    })
    .collect()
}

fn change(pair: &Pair<'_>, reading: &MetricReading, grid: &Grid, look: usize) -> Change {
    let shape = shape(reading);
    let onset = onset(pair, shape, look);
    let phase = onset.and_then(|at| grid.phases().iter().find(|p| (p.first..p.first + p.samples).contains(&at)));
    Change {
        shape,
        onset_ms: onset.and_then(|at| grid.time_of(at)),
        phase: phase.map(|p| p.name.clone()),
        onset_sample: onset.unwrap_or(0),
    }
}

/// Nothing was judged yet, or not enough.
fn nothing_yet(input: &Assessment<'_>) -> Verdict {
    if input.ended == Ended::Running && input.look == 0 { Verdict::None } else { Verdict::Insufficient }
}

fn empty(input: &Assessment<'_>, verdict: Verdict, basis: Basis) -> Judgement {
    Judgement {
        method: crate::METHOD.to_owned(),
        look: input.look,
        level: 0.0,
        verdict,
        basis,
        provisional: true,
        baseline_runs: 0,
        score: None,
        score_low: None,
        score_high: None,
        tag_p: None,
        dimensions: Vec::new(),
        reasons: Vec::new(),
        metrics: Vec::new(),
        extra_samples: None,
        missing: Vec::new(),
    }
}

fn fill(judgement: &mut Judgement, reading: &Reading, judged: &[Judged<'_, '_>], facts: &Facts<'_>) {
    judgement.level = reading.level;
    judgement.baseline_runs = facts.runs.len();
    judgement.provisional = facts.runs.len() < PROVISIONAL_BELOW;
    judgement.tag_p = Some(reading.tag_p);
    judgement.score = Some(reading.score);
    judgement.score_low = Some(reading.low);
    judgement.score_high = Some(reading.high);
    judgement.metrics = judged.iter().map(Judged::report).collect();
    judgement.dimensions = dimensions(reading, judged);
}

/// The least of the gate metrics, per dimension that has some.
fn dimensions(reading: &Reading, judged: &[Judged<'_, '_>]) -> Vec<DimensionScore> {
    let mut scores: BTreeMap<Dimension, DimensionScore> = BTreeMap::new();
    let mut add = |dimension: Dimension, score: f64, low: f64, high: f64| {
        let least = scores.entry(dimension).or_insert(DimensionScore { dimension, score, low, high });
        *least = DimensionScore {
            dimension,
            score: least.score.min(score),
            low: least.low.min(low),
            high: least.high.min(high),
        };
    };
    for one in judged.iter().filter(|j| j.pair.tier() == Tier::Gate) {
        add(one.pair.signal.dimension, one.reading.score, one.reading.low, one.reading.high);
    }
    if let Some(r) = reading.resilience {
        add(Dimension::Resilience, r.score, r.low, r.high);
    }
    scores.into_values().collect()
}

/// Gate metrics that were not shown to be within their margins.
fn open<'j, 'p, 'a>(input: &Assessment<'_>, judged: &'j [Judged<'p, 'a>]) -> impl Iterator<Item = &'j Judged<'p, 'a>> {
    let kpi = input.policy.kpi;
    judged.iter().filter(move |j| j.pair.tier() == Tier::Gate && below(j.reading.low, kpi))
}

/// Whether a score does not reach the KPI; one that is not a number does not.
fn below(score: f64, kpi: f64) -> bool {
    score.is_nan() || score < kpi
}

fn remaining(input: &Assessment<'_>, elapsed: usize) -> Option<usize> {
    Some(input.policy.programme.saturating_sub(elapsed)).filter(|rest| *rest > 0)
}

fn extra(input: &Assessment<'_>, judged: &[Judged<'_, '_>], facts: &Facts<'_>, verdict: Verdict) -> Option<usize> {
    if verdict != Verdict::Insufficient {
        return None;
    }
    let rest = remaining(input, facts.elapsed);
    let needed: Option<Vec<usize>> = open(input, judged).map(Judged::extra).collect();
    match needed {
        Some(needed) => needed.into_iter().chain(rest).max(),
        // More time will not help that metric; while the programme runs its rest is still needed to say so.
        None => rest,
    }
}

fn missing(input: &Assessment<'_>, judged: &[Judged<'_, '_>], verdict: Verdict) -> Vec<String> {
    if verdict == Verdict::Insufficient { open(input, judged).map(Judged::short).collect() } else { Vec::new() }
}

fn reasons(input: &Assessment<'_>, reading: &Reading, judged: &[Judged<'_, '_>], verdict: Verdict) -> Vec<Weighed> {
    let weight = |p: f64| -p.max(1e-300).log10();
    let severity = if verdict == Verdict::Fail { ReasonSeverity::Error } else { ReasonSeverity::Warn };
    let mut found: Vec<Weighed> = judged
        .iter()
        .filter(|j| j.worse)
        .map(|j| Weighed { reason: j.got_worse(input.look, severity, reading.level), weight: weight(j.p()) })
        .collect();
    if verdict == Verdict::Fail && reading.tag_p <= reading.level && found.is_empty() {
        // The tag failed by many small changes: name the largest of them.
        let largest = judged.iter().min_by(|a, b| a.p().total_cmp(&b.p()));
        found.extend(
            largest
                .map(|j| Weighed { reason: j.got_worse(input.look, severity, reading.level), weight: weight(j.p()) }),
        );
    }
    if verdict == Verdict::Fail && reading.tag_p <= reading.level {
        found.push(Weighed { reason: odds(reading.tag_p), weight: 0.0 });
    }
    if verdict == Verdict::Insufficient {
        found.extend(
            open(input, judged).map(|j| Weighed { reason: j.not_shown(input), weight: 100.0 - j.reading.low.max(0.0) }),
        );
    }
    if let Some(r) = reading.resilience.filter(|r| r.p_fail <= WORSE_RATE || below(r.low, input.policy.kpi)) {
        let severity = if verdict == Verdict::Pass { ReasonSeverity::Info } else { ReasonSeverity::Error };
        found.push(Weighed { reason: resilience(r, severity), weight: weight(r.p_fail) });
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
        found.push(Weighed { reason: note, weight: weight(reading.tag_p) });
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

/// Puts gaps, hard rules and notes beside the weighed reasons, in reading order.
fn finish(
    mut judgement: Judgement,
    facts: Facts<'_>,
    mut weighed: Vec<Weighed>,
    suspects: &BTreeSet<String>,
) -> Judgement {
    weighed.extend(facts.rules.into_iter().map(|(_, reason)| Weighed { reason, weight: 2.0 * DECIDED }));
    // Of a failed tag the gaps are not the reason.
    let severity = if judgement.verdict == Verdict::Fail { ReasonSeverity::Info } else { ReasonSeverity::Error };
    let mut short: Vec<String> = facts.gaps.iter().map(|gap| gap.short.clone()).collect();
    let gaps = facts.gaps.into_iter().map(|gap| Reason { severity, ..gap.reason });
    weighed.extend(gaps.map(|reason| Weighed { reason, weight: DECIDED }));
    weighed.extend(facts.notes.into_iter().map(|reason| Weighed { reason, weight: 0.0 }));
    if judgement.verdict == Verdict::Insufficient || judgement.verdict == Verdict::None {
        short.append(&mut judgement.missing);
        judgement.missing = short;
    }
    judgement.reasons = ordered(weighed, suspects);
    judgement
}

/// Names the metrics of a run, for callers that look at single values.
pub fn formed<'a>(signals: &'a [Signal], evidence: &Evidence) -> Vec<(&'a Signal, FormedMetric)> {
    let recording = Recording::of(evidence);
    signals.iter().flat_map(|s| crate::form::form(s, &recording).into_iter().map(move |m| (s, m))).collect()
}
