//! Whether the hypothesis of an experiment is decided by its repetitions so far: the tag under the fault against the
//! same tag without it.
//!
//! Held: under the fault at most 10 percentage points more of the events are bad than without it, and the recovery is
//! in time. As in [`crate::resilience`], with windows before the first injection in place of baseline runs and one value
//! per repetition: its worst window. Unlike there, each side has its own variance (Welch 1947, "The generalization of
//! Student's problem when several different population variances are involved"): nothing says that a fault scatters as
//! little as its absence. It is repeated after every repetition, so each look gets a part of [`LEVEL`], as in
//! [`crate::looks`].
//!
//! The level holds for repetitions that scatter about their mean. Repetitions that are all alike say nothing of a fault
//! that hurts rarely: n of them exclude only a chance of harm above 1 - 0.05^(1/n).

use crate::descriptive::{mean, squares_about_mean};
use crate::evidence::{Ended, Evidence, Exposure};
use crate::form::{bad_within, form};
use crate::grid::Grid;
use crate::recording::Recording;
use crate::resilience::{FAULT_MARGIN, PRIOR_DF, PRIOR_SD};
use crate::resilience_input::{bands, recoveries, worst_share};
use crate::signal::Signal;
use crate::special::{beta_p, t_quantile};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Chance, over all looks, of a decision for one side when the truth is at the margin.
pub const LEVEL: f64 = 0.05;
/// Fewest repetitions that decide: two say next to nothing of how far repetitions differ.
pub const LEAST: usize = 3;

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
    fn shares(&self) -> Vec<&'a Signal> {
        self.signals().filter(|signal| signal.form.is_share()).collect()
    }

    /// Every signal of the hypothesis, and there is one; or why it cannot be judged. None is left out: what nobody
    /// looked at is not held.
    fn judged(&self) -> Result<Vec<&'a Signal>, String> {
        let shares = self.shares();
        if let Some(name) = self.hypothesis.iter().find(|name| shares.iter().all(|signal| signal.name != **name)) {
            let declared = self.signals().any(|signal| signal.name == *name);
            let why = if declared { "is no share of good events" } else { "is not declared" };
            return Err(format!("{name} {why}"));
        }
        if shares.is_empty() { Err("the hypothesis names no signal".to_owned()) } else { Ok(shares) }
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
    let under: Vec<f64> = spoken.into_values().collect();
    let Some(compared) = compare(&without, &under, question.look) else {
        return undecided(repetitions, "no repetition was verified and measured".to_owned());
    };
    let (errors, level) = (compared.to_string(), level_of(question.look));
    let (decision, why) = match (&compared, recovered) {
        (_, recovered) if repetitions < LEAST => (Decision::Undecided, format!("{errors}{}", recovered.suffix())),
        (compared, _) if compared.low >= FAULT_MARGIN => (Decision::Broken, errors),
        (_, recovered) if recovered.is_late(level) => (Decision::Broken, format!("{recovered}; {errors}")),
        (compared, recovered) if compared.high <= FAULT_MARGIN && recovered.is_in_time(level) => {
            (Decision::Held, format!("{errors}{}; {}", recovered.suffix(), not_excluded(repetitions)))
        }
        (_, recovered) => (Decision::Undecided, format!("{errors}{}", recovered.suffix())),
    };
    Standing { decision, repetitions, why }
}

/// Bad shares under the fault and without it, as shares 0..1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Compared {
    /// Mean under the fault minus mean without it.
    pub diff: f64,
    /// Lower one-sided limit of the difference.
    pub low: f64,
    /// Upper one-sided limit.
    pub high: f64,
}

impl std::fmt::Display for Compared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [diff, low, high] = [self.diff, self.low, self.high].map(|share| format!("{:+.1}", share * 100.0));
        let allowed = FAULT_MARGIN * 100.0;
        write!(f, "bad events {diff} points under the fault ({low}..{high}), {allowed} are allowed")
    }
}

/// Level of a look from 0: all of them together get [`LEVEL`].
fn level_of(look: usize) -> f64 {
    LEVEL / ((look + 1) * (look + 2)) as f64
}

/// Bad shares without the fault and under it, one value per window or repetition, compared at a look from 0; `None` when
/// a side is empty.
///
/// Welch's t with Satterthwaite's degrees of freedom, and with the prior of [`crate::resilience`] on the variance of
/// either side where that is wider: the prior keeps values that are alike by chance from being taken for certain, and
/// must not make light of values that scatter more than it says.
pub fn compare(without: &[f64], under: &[f64], look: usize) -> Option<Compared> {
    if without.is_empty() || under.is_empty() {
        return None;
    }
    let level = level_of(look);
    let reach = |prior_df: f64| reach(SquaredError::of(without, prior_df), SquaredError::of(under, prior_df), level);
    // Where nothing scatters the reach without a prior is not a number, which `max` passes over.
    let reach = reach(PRIOR_DF).max(reach(0.0));
    let diff = mean(under) - mean(without);
    Some(Compared { diff, low: diff - reach, high: diff + reach })
}

/// Squared standard error of a mean.
#[derive(Clone, Copy)]
struct SquaredError {
    value: f64,
    df: f64,
}

impl SquaredError {
    /// With a prior worth so many degrees of freedom.
    fn of(values: &[f64], prior_df: f64) -> Self {
        let df = prior_df + values.len() as f64 - 1.0;
        let variance = (prior_df * PRIOR_SD * PRIOR_SD + squares_about_mean(values)) / df;
        Self { value: variance / values.len() as f64, df }
    }
}

/// Distance of the one-sided limits of a difference of two means.
fn reach(a: SquaredError, b: SquaredError, level: f64) -> f64 {
    let sum = a.value + b.value;
    let df = sum * sum / (a.value * a.value / a.df + b.value * b.value / b.df);
    t_quantile(1.0 - level, df) * sum.sqrt()
}

/// What quiet repetitions leave open: with a chance of harm of 1 - LEVEL^(1/n) in each, n in a row are quiet in 5 %.
fn not_excluded(repetitions: usize) -> String {
    let chance = 1.0 - LEVEL.powf(1.0 / repetitions as f64);
    format!("harm in less than {:.0} % of repetitions is not excluded", chance * 100.0)
}

/// The bad share in each window without a fault.
///
/// # Errors
/// In one sentence, why nothing can be decided: what holds without a fault must be known, and be good.
pub fn steady(question: &Question<'_>) -> Result<Vec<f64>, String> {
    let (signals, recording) = (question.judged()?, &question.recording());
    let (start, end) = question.stretch();
    for signal in &signals {
        let (bad, all) = bad_within(signal, recording, start, end)
            .ok_or_else(|| format!("no events of {} were measured without a fault", signal.name))?;
        let good = 1.0 - bad / all;
        if let Some(objective) = signal.objective.filter(|objective| good < *objective) {
            return Err(format!("{} is {good:.3} without any fault, its objective is {objective}", signal.name));
        }
    }
    let shares = question.without.iter().map(|(start, end)| worst_share(&signals, recording, *start, *end));
    shares.collect::<Option<_>>().ok_or_else(|| "too few events were measured without a fault".to_owned())
}

/// The worst bad share of every repetition that speaks: one with a void injection, or in which nothing was measured,
/// says nothing, nor does one that was cut short.
fn spoken(question: &Question<'_>, recording: &Recording<'_>) -> BTreeMap<u32, f64> {
    let signals = question.shares();
    let mut repetitions: BTreeMap<u32, Vec<&Exposure>> = BTreeMap::new();
    for exposure in question.evidence.exposures.iter().filter(|e| e.experiment == question.experiment) {
        repetitions.entry(exposure.repetition).or_default().push(exposure);
    }
    let worst = |exposures: &[&Exposure]| {
        exposures.iter().try_fold(0.0_f64, |worst, exposure| {
            let is_in = exposure.verified && exposure.ended != Ended::Aborted && exposure.end_ms > exposure.start_ms;
            let share = worst_share(&signals, recording, exposure.start_ms, exposure.end_ms).filter(|_| is_in)?;
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

    /// More than half are late, at a level.
    fn is_late(self, level: f64) -> bool {
        majority_by_chance(self.late, self.all) <= level
    }

    /// Fewer than half can be late, at a level.
    fn is_in_time(self, level: f64) -> bool {
        let in_time = self.all - self.late - self.unknown;
        self.all == 0 || majority_by_chance(in_time, self.all) <= level
    }

    fn suffix(self) -> String {
        if self.all == 0 { String::new() } else { format!("; {self}") }
    }
}

/// Chance of so many of `all` or more when each is as likely as not: the upper tail of the binomial distribution, as
/// an incomplete beta function (Abramowitz and Stegun 26.5.24).
fn majority_by_chance(of: usize, all: usize) -> f64 {
    if of == 0 { 1.0 } else { beta_p(of as f64, (all - of + 1) as f64, 0.5) }
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
