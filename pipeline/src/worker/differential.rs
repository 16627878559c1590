//! One experiment on two tags: the same plan, the same seeds.

use super::laboratory::{Laboratory, Trial, TrialError, Tried};
use chaos::document::Experiment;
use scorer::survival::{Recovery, Stratum, kaplan_meier, log_rank};
use serde::Serialize;
use std::collections::BTreeMap;

/// What became of a tag in its trials.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Side {
    /// The tag.
    pub tag: String,
    /// Trials in which its objectives held.
    pub held: u32,
    /// Trials in which a signal broke its objective, by signal.
    pub broke: BTreeMap<String, u32>,
    /// Trials that say nothing.
    pub void: u32,
    /// Seconds from the undo until every objective was met again.
    pub recoveries: Vec<Recovered>,
    /// The time within which half of the trials had recovered, seconds (Kaplan and Meier); `None` when so many had not.
    pub recovered_median_s: Option<f64>,
}

/// A recovery time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recovered {
    /// Seconds until it had recovered, or for which it was watched.
    pub seconds: f64,
    /// The watch ended before it had recovered.
    pub censored: bool,
}

impl Side {
    fn of(tag: &str, tried: &[Tried]) -> Self {
        let mut broke = BTreeMap::new();
        for trial in tried {
            if let Trial::Broke(signal) = &trial.trial {
                *broke.entry(signal.clone()).or_default() += 1;
            }
        }
        let count = |wanted: Option<bool>| tried.iter().filter(|tried| tried.trial.broke() == wanted).count() as u32;
        let recoveries = recoveries(tried);
        let median = kaplan_meier(&recoveries).into_iter().find(|step| step.survival <= 0.5).map(|step| step.time);
        Self {
            tag: tag.to_owned(),
            held: count(Some(false)),
            broke,
            void: count(None),
            recoveries: recoveries.iter().map(|r| Recovered { seconds: r.time, censored: r.censored }).collect(),
            recovered_median_s: median,
        }
    }

    /// Trials that broke, of those that say something.
    pub fn broken(&self) -> (u32, u32) {
        let broken = self.broke.values().sum();
        (broken, broken + self.held)
    }

    /// Whether this signal breaks in most of its trials.
    fn breaks(&self, signal: &str) -> bool {
        self.broke.get(signal).is_some_and(|times| times * 2 > self.broken().1)
    }

    /// Whether most of its trials say something.
    fn tells(&self) -> bool {
        self.broken().1 > self.void
    }
}

/// Recovery times of trials that say something.
fn recoveries(tried: &[Tried]) -> Vec<Recovery> {
    tried.iter().filter(|tried| tried.trial.broke().is_some()).filter_map(|tried| tried.recovery).collect()
}

/// Two tags beside each other.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Compared {
    /// Seed of the first trial; each further one has the next.
    pub seed: u64,
    /// The older tag.
    pub against: Side,
    /// The tag.
    pub tag: Side,
    /// One-sided p that the tag recovers later (log-rank test); 1 when no recovery tells.
    pub later_p: f64,
}

impl Compared {
    /// Both sides; each has the tag's name and its trials.
    pub fn of(seed: u64, against: (&str, &[Tried]), tag: (&str, &[Tried])) -> Self {
        let strata = [Stratum { base: recoveries(against.1), cand: recoveries(tag.1) }];
        let later_p = log_rank(&strata);
        Self { seed, against: Side::of(against.0, against.1), tag: Side::of(tag.0, tag.1), later_p }
    }

    /// Whether a signal of the tag breaks that holds on the older one.
    pub fn is_worse(&self) -> bool {
        self.tag.broke.keys().any(|signal| self.tag.breaks(signal) && !self.against.breaks(signal))
    }

    /// Whether most trials of each side say something.
    pub fn tells(&self) -> bool {
        self.against.tells() && self.tag.tells()
    }
}

/// Trials of one tag, with one seed after the other.
///
/// # Errors
/// Stopped, or a trial could not be run.
pub async fn tries(
    laboratory: &mut Laboratory,
    experiment: &Experiment,
    (seed, count): (u64, u32),
    told: &dyn Fn(&str),
) -> Result<Vec<Tried>, TrialError> {
    let mut tried = Vec::new();
    for n in 0..count {
        let seed = seed.wrapping_add(u64::from(n));
        let what = format!("{}, seed {seed}", experiment.metadata.name);
        tried.push(laboratory.told(experiment, seed, (&what, told)).await?);
    }
    Ok(tried)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(trial: Trial, time: f64, censored: bool) -> Tried {
        Tried { trial, recovery: Some(Recovery { time, censored }) }
    }

    #[test]
    fn two_tags_are_told_apart_by_what_broke_and_how_long_it_took() {
        let broke = || Trial::Broke("success".into());
        let old: Vec<Tried> = (0..5).map(|n| tried(Trial::Held, f64::from(n % 2), false)).collect();
        let mut new: Vec<Tried> = (0..4).map(|_| tried(broke(), 6.0, true)).collect();
        new.push(Trial::Void("no dose".into()).into());
        let compared = Compared::of(7, ("v1", &old), ("v2", &new));
        assert!(compared.is_worse() && compared.tells() && compared.later_p < 0.01, "{compared:?}");
        assert_eq!((compared.tag.broken(), compared.tag.void, compared.tag.recovered_median_s), ((4, 4), 1, None));
        assert_eq!((compared.against.broken(), compared.against.recovered_median_s), ((0, 5), Some(0.0)));
        assert!(!Compared::of(7, ("v2", &new), ("v2", &new)).is_worse());
        assert!(!Compared::of(7, ("v1", &old), ("v3", &[])).tells());
        let other: Vec<Tried> = (0..3).map(|_| tried(Trial::Broke("latency".into()), 6.0, true)).collect();
        assert!(Compared::of(7, ("v2", &new), ("v4", &other)).is_worse(), "it breaks another signal");
    }
}
