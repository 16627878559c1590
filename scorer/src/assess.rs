//! From evidence to the judgement of a tag at one look.
//!
//! Invariant: `pass` needs every input. Gaps are collected beside the numbers, and one gap is enough to turn a pass
//! into `insufficient`; nothing ever turns a gap into a pass.

use crate::channels::FEWEST_RUNS;
use crate::combine::benjamini_hochberg;
use crate::comparable::load_was_late;
use crate::evidence::Evidence;
use crate::explain::{DECIDED, Judged, Weighed, changed, ordered};
use crate::facts::Facts;
use crate::form::FormedMetric;
use crate::gaps;
use crate::grid::Grid;
use crate::metric::Metric;
use crate::onset::change;
use crate::pairing::Pair;
use crate::policy::Policy;
use crate::quantity::Unit;
use crate::reading::{MetricReading, Reading, Shown, read};
use crate::reasons::{decades, open, reasons};
use crate::recording::Recording;
use crate::resilience::Resilience;
use crate::signal::{Dimension, Signal, Tier};
use crate::verdict::{Basis, DimensionScore, Judgement, Reason, ReasonSeverity, Verdict};
use std::collections::{BTreeMap, BTreeSet};

/// False discovery rate of the list of metrics that got worse.
pub(crate) const WORSE_RATE: f64 = 0.05;

/// Baseline runs below which statistics only warn and a pass is provisional.
pub const PROVISIONAL_BELOW: usize = FEWEST_RUNS;

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
    let (gate, watch) = (facts.metrics(Tier::Gate, input), facts.metrics(Tier::Watch, input));
    let metrics = |side: &[(&Pair<'_>, Metric)]| side.iter().map(|(_, m)| m.clone()).collect::<Vec<_>>();
    let rules: Vec<String> = facts.rules.iter().map(|(name, _)| name.clone()).collect();
    let last = input.look >= input.policy.programme && input.ended != Ended::Running;
    let ungated = gate.is_empty();
    let reading = ((!ungated || !watch.is_empty()) && input.look > 0).then(|| {
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
        facts.gaps.extend(gaps::no_gate_metric(input.signals, facts.runs.len()));
        return finish(judgement, facts, Vec::new(), &BTreeSet::new());
    };
    let pairs: Vec<&Pair<'_>> = gate.iter().chain(&watch).map(|(pair, _)| *pair).collect();
    let judged = judged(&pairs, &reading, &facts.grid, input.look);
    let verdict = match reading.outcome {
        // Numbers of a late generator prove nothing; a rule that is left needs none.
        Shown::Worse if rules.is_empty() && load_was_late(&input.candidate.context) => Verdict::Insufficient,
        Shown::Worse => Verdict::Fail,
        Shown::NotWorse if facts.gaps.is_empty() && rules.is_empty() => Verdict::Pass,
        Shown::NotWorse | Shown::Warning | Shown::Neither => Verdict::Insufficient,
    };
    let mut judgement = empty(input, verdict, Basis::Baseline);
    fill(&mut judgement, &reading, &judged, &facts);
    judgement.extra_samples = extra(input, &judged, &facts, verdict);
    let weighed = reasons(input, &reading, &judged, verdict, rules.len());
    judgement.missing = missing(input, &judged, verdict);
    let contexts: Vec<_> = facts.runs.iter().map(|run| &run.context).collect();
    let suspects = changed(&input.candidate.context, &contexts);
    let mut facts = facts;
    if ungated {
        facts.gaps.extend(gaps::no_gate_metric(input.signals, facts.runs.len()));
    }
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
    let tiers = [Tier::Gate, Tier::Watch].map(|tier| facts.metrics(tier, input));
    let units = tiers.iter().flatten().map(|(pair, _)| pair.effect_unit()).collect();
    let [gate, watch] = tiers.map(|own| own.into_iter().map(|(_, metric)| metric).collect());
    Metrics { gate, watch, units }
}

fn judged<'p, 'a>(pairs: &[&'p Pair<'a>], reading: &Reading, grid: &Grid, look: usize) -> Vec<Judged<'p, 'a>> {
    let p: Vec<f64> = reading.metrics.iter().flat_map(|m| [m.p_fail, m.p_peak]).collect();
    let rejected = benjamini_hochberg(&p, WORSE_RATE);
    let evidence = |m: &MetricReading| match m.p_fail.min(m.p_peak) {
        p if p <= WORSE_RATE => decades(p),
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
    // Metrics that only watch have no score.
    if judged.iter().any(|j| j.pair.tier() == Tier::Gate) || reading.resilience.is_some() {
        judgement.score = Some(reading.score);
        judgement.score_low = Some(reading.low);
        judgement.score_high = Some(reading.high);
    }
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
