//! Whether the hypothesis of an experiment is decided by its repetitions so far: the tag under the fault against the
//! same tag without it.
//!
//! Held: under the fault at most 10 percentage points more of the events are bad than without it, and the recovery is
//! in time. The test is the one of [`crate::resilience`], with windows before the first injection in place of baseline
//! runs and one value per repetition: its worst window. It is repeated after every repetition, so each look gets a part
//! of [`LEVEL`], as in [`crate::looks`].

use crate::evidence::{Evidence, Exposure};
use crate::form::{bad_within, form};
use crate::grid::Grid;
use crate::recording::Recording;
use crate::resilience::{FAULT_MARGIN, Resilience, ResilienceNumbers, resilience_numbers};
use crate::resilience_input::{bands, recoveries, worst_share};
use crate::signal::{Form, Signal};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Chance, over all looks, of a decision for one side when the truth is at the margin.
pub const LEVEL: f64 = 0.05;

/// What the repetitions so far say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The hypothesis holds.
    Held,
    /// It does not.
    Broken,
    /// Not known yet.
    Undecided,
}

/// What is known about a hypothesis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// The decision.
    pub decision: Decision,
    /// Repetitions that speak: those that were verified and measured.
    pub repetitions: usize,
    /// Why, in one sentence.
    pub why: String,
}

/// Everything that the decision depends on.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Name of the experiment.
    pub experiment: &'a str,
    /// Names of the signals of its hypothesis.
    pub hypothesis: &'a [String],
    /// What was measured, with the exposures so far.
    pub evidence: &'a Evidence,
    /// Declared signals.
    pub signals: &'a [Signal],
    /// Windows `[start, end)` in milliseconds, in order, in which there was no fault.
    pub without: &'a [(i64, i64)],
    /// Number of this look, from 0.
    pub look: usize,
}

impl<'a> Question<'a> {
    /// Signals of the hypothesis that are declared.
    fn signals(&self) -> impl Iterator<Item = &'a Signal> {
        let names = self.hypothesis;
        self.signals.iter().filter(move |signal| names.contains(&signal.name))
    }

    /// Those of them that are shares of good events.
    fn ratios(&self) -> Vec<&'a Signal> {
        self.signals().filter(|signal| matches!(signal.form, Form::Ratio { .. })).collect()
    }

    /// From the first window without a fault to the last.
    fn stretch(&self) -> (i64, i64) {
        let start = self.without.first().map_or(0, |(start, _)| *start);
        (start, self.without.last().map_or(0, |(_, end)| *end))
    }

    fn recording(&self) -> Recording<'a> {
        let (start, end) = self.stretch();
        Recording::on(self.evidence, Grid::window(start, end, self.evidence.context.interval_ms))
    }
}

/// What the repetitions so far say about the hypothesis.
pub fn standing(question: &Question<'_>) -> Standing {
    let undecided = |repetitions, why| Standing { decision: Decision::Undecided, repetitions, why };
    let without = match steady(question) {
        Ok(without) => without,
        Err(why) => return undecided(0, why),
    };
    let recording = question.recording();
    let spoken = spoken(question, &recording);
    let repetitions = spoken.len();
    let recovered = Recovered::of(question, &recording, &spoken);
    let Some(numbers) = compare(without, spoken.into_values().collect(), question.look) else {
        return undecided(repetitions, "no repetition was verified and measured".to_owned());
    };
    let errors = words(&numbers);
    let (decision, why) = match (&numbers, recovered) {
        (numbers, _) if numbers.diff_low >= FAULT_MARGIN => (Decision::Broken, errors),
        (_, recovered) if recovered.is_late() => (Decision::Broken, format!("{recovered}; {errors}")),
        (numbers, recovered) if numbers.diff_high <= FAULT_MARGIN && recovered.is_in_time() => {
            (Decision::Held, format!("{errors}{}", recovered.suffix()))
        }
        (_, recovered) => (Decision::Undecided, format!("{errors}{}", recovered.suffix())),
    };
    Standing { decision, repetitions, why }
}

/// Bad shares without the fault and under it, one value per window or repetition, compared at a look from 0.
pub fn compare(without: Vec<f64>, under: Vec<f64>, look: usize) -> Option<ResilienceNumbers> {
    let level = LEVEL / ((look + 1) * (look + 2)) as f64;
    let side = |values| BTreeMap::from([(String::new(), values)]);
    resilience_numbers(&Resilience { base: side(without), cand: side(under) }, level)
}

fn words(numbers: &ResilienceNumbers) -> String {
    let points = |share: f64| format!("{:+.1}", share * 100.0);
    format!(
        "bad events {} points under the fault ({}..{}), {} are allowed",
        points(numbers.share.diff),
        points(numbers.diff_low),
        points(numbers.diff_high),
        FAULT_MARGIN * 100.0
    )
}

/// The bad share in each window without a fault.
///
/// # Errors
/// In one sentence, why nothing can be decided: what holds without a fault must be known, and be good.
pub fn steady(question: &Question<'_>) -> Result<Vec<f64>, String> {
    let (ratios, recording) = (question.ratios(), &question.recording());
    if ratios.is_empty() {
        return Err("no signal of the hypothesis is a ratio".to_owned());
    }
    let (start, end) = question.stretch();
    for signal in &ratios {
        let (bad, all) = bad_within(signal, recording, start, end)
            .ok_or_else(|| format!("no events of {} were measured without a fault", signal.name))?;
        let good = 1.0 - bad / all;
        if let Some(objective) = signal.objective.filter(|objective| good < *objective) {
            return Err(format!("{} is {good:.3} without any fault, its objective is {objective}", signal.name));
        }
    }
    let shares = question.without.iter().map(|(start, end)| worst_share(&ratios, recording, *start, *end));
    shares.collect::<Option<_>>().ok_or_else(|| "too few events were measured without a fault".to_owned())
}

/// The worst bad share of every repetition that speaks: one with a void injection, or in which nothing was measured,
/// says nothing.
fn spoken(question: &Question<'_>, recording: &Recording<'_>) -> BTreeMap<u32, f64> {
    let ratios = question.ratios();
    let mut repetitions: BTreeMap<u32, Vec<&Exposure>> = BTreeMap::new();
    for exposure in question.evidence.exposures.iter().filter(|e| e.experiment == question.experiment) {
        repetitions.entry(exposure.repetition).or_default().push(exposure);
    }
    let worst = |exposures: &[&Exposure]| {
        exposures.iter().try_fold(0.0_f64, |worst, exposure| {
            let is_in = exposure.verified && exposure.end_ms > exposure.start_ms;
            let share = worst_share(&ratios, recording, exposure.start_ms, exposure.end_ms).filter(|_| is_in)?;
            Some(worst.max(share))
        })
    };
    repetitions.into_iter().filter_map(|(number, exposures)| Some((number, worst(&exposures)?))).collect()
}

/// How the repetitions recovered, where the hypothesis has a limit.
#[derive(Clone, Copy, Debug, Default)]
struct Recovered {
    all: usize,
    late: usize,
    unknown: usize,
}

impl Recovered {
    fn of(question: &Question<'_>, recording: &Recording<'_>, spoken: &BTreeMap<u32, f64>) -> Self {
        let normal: Vec<_> = question.signals().flat_map(|signal| form(signal, recording)).collect();
        let all = recoveries(question.evidence, question.signals, &bands(&normal));
        let limited = all.iter().filter(|recovery| {
            recovery.experiment == question.experiment
                && recovery.limit_ms.is_some()
                && spoken.contains_key(&recovery.repetition)
        });
        let (mut of, mut late, mut unknown) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for recovery in limited {
            of.insert(recovery.repetition);
            match recovery.late() {
                Some(true) => late.insert(recovery.repetition),
                None => unknown.insert(recovery.repetition),
                Some(false) => true,
            };
        }
        Self { all: of.len(), late: late.len(), unknown: unknown.difference(&late).count() }
    }

    /// The hard rule of a soak: at least two, and at least half.
    fn is_late(self) -> bool {
        self.late >= 2 && 2 * self.late >= self.all
    }

    /// Less than half can be late.
    fn is_in_time(self) -> bool {
        self.all == 0 || 2 * (self.late + self.unknown) < self.all
    }

    fn suffix(self) -> String {
        if self.late + self.unknown == 0 { String::new() } else { format!("; {self}") }
    }
}

impl std::fmt::Display for Recovered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "recovered late in {} of {} repetitions", self.late, self.all)?;
        if self.unknown > 0 {
            write!(f, ", not watched for long enough in {}", self.unknown)?;
        }
        Ok(())
    }
}
