//! Which earlier runs a candidate is judged against. Pure.

use super::record::BaselineRun;
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

/// Runs of a full baseline.
pub const RUNS: usize = 5;
/// Older runs no longer describe the environment.
pub const MAX_AGE_DAYS: i64 = 30;

/// One run that may serve as baseline: a soak that passed, or one that a person adopted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Soak.
    pub soak: String,
    /// Tag.
    pub tag: String,
    /// Landscape.
    pub landscape: String,
    /// Digest of the programme.
    pub programme: String,
    /// Digest of the evidence.
    pub evidence: String,
    /// When the soak ended.
    pub ended_at: DateTime<Utc>,
    /// Reason, where a person adopted it.
    pub adopted: Option<String>,
}

/// Why a run is not in the baseline of a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unfit {
    /// It is a run of the candidate itself.
    OwnTag,
    /// It was observed in another landscape.
    OtherLandscape,
    /// It followed another programme.
    OtherProgramme,
    /// It is older than [`MAX_AGE_DAYS`].
    TooOld,
    /// [`RUNS`] newer runs fit.
    NewerFit,
}

/// What a run must have in common with a candidate.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Its tag; none for a tag that is still to come.
    pub tag: Option<&'a str>,
    /// Landscape.
    pub landscape: &'a str,
    /// Digest of its programme.
    pub programme: &'a str,
}

impl Candidate<'_> {
    /// Why a run alone does not fit, if it does not.
    fn objects_to(&self, run: &Run, now: DateTime<Utc>) -> Option<Unfit> {
        if self.tag == Some(run.tag.as_str()) {
            Some(Unfit::OwnTag)
        } else if run.landscape != self.landscape {
            Some(Unfit::OtherLandscape)
        } else if run.programme != self.programme {
            Some(Unfit::OtherProgramme)
        } else if now - run.ended_at > Duration::days(MAX_AGE_DAYS) {
            Some(Unfit::TooOld)
        } else {
            None
        }
    }

    /// Every run, oldest first, and why it is not in the baseline; none for those that are.
    pub fn sort<'r>(&self, runs: &'r [Run], now: DateTime<Utc>) -> Vec<(&'r Run, Option<Unfit>)> {
        let mut all: Vec<_> = runs.iter().map(|run| (run, self.objects_to(run, now))).collect();
        all.sort_by(|(a, _), (b, _)| (a.ended_at, &a.soak).cmp(&(b.ended_at, &b.soak)));
        let fit = all.iter().filter(|(_, unfit)| unfit.is_none()).count();
        let too_many = all.iter_mut().filter(|(_, unfit)| unfit.is_none()).take(fit.saturating_sub(RUNS));
        too_many.for_each(|(_, unfit)| *unfit = Some(Unfit::NewerFit));
        all
    }
}

/// The last [`RUNS`] runs of other tags with the same landscape and programme, at most [`MAX_AGE_DAYS`] old,
/// oldest first. A candidate is never compared with its own runs.
pub fn select(runs: &[Run], tag: &str, landscape: &str, programme: &str, now: DateTime<Utc>) -> Vec<BaselineRun> {
    Candidate { tag: Some(tag), landscape, programme }
        .sort(runs, now)
        .into_iter()
        .filter(|(_, unfit)| unfit.is_none())
        .map(|(r, _)| BaselineRun { soak: r.soak.clone(), tag: r.tag.clone(), evidence: r.evidence.clone() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone;

    fn run(soak: &str, tag: &str, day: u32) -> Run {
        let ended_at = Utc.with_ymd_and_hms(2026, 1, day, 0, 0, 0).single().expect("a date");
        Run {
            soak: soak.into(),
            tag: tag.into(),
            landscape: "staging".into(),
            programme: "p".into(),
            evidence: format!("e{soak}"),
            ended_at,
            adopted: None,
        }
    }

    fn chosen(runs: &[Run], tag: &str, day: u32) -> Vec<String> {
        let now = Utc.with_ymd_and_hms(2026, 1, day, 0, 0, 0).single().expect("a date");
        select(runs, tag, "staging", "p", now).into_iter().map(|r| r.soak).collect()
    }

    #[test]
    fn takes_the_last_five_of_other_tags() {
        let mut runs: Vec<Run> = (1..=7).map(|d| run(&d.to_string(), "v1.0.0", d)).collect();
        runs.push(run("own", "v1.1.0", 8));
        assert_eq!(chosen(&runs, "v1.1.0", 9), ["3", "4", "5", "6", "7"]);
        assert_eq!(chosen(&runs, "v1.0.0", 9), ["own"]);
    }

    #[test]
    fn every_run_that_does_not_fit_says_why() {
        let mut runs: Vec<Run> = (3..=8).map(|d| run(&d.to_string(), "v1.0.0", d)).collect();
        let mut other = |change: fn(&mut Run)| {
            let mut run = run("x", "v0.9.0", 2);
            change(&mut run);
            runs.push(run);
        };
        other(|run| run.landscape = "other".into());
        other(|run| run.programme = "q".into());
        other(|run| run.ended_at -= Duration::days(40));
        other(|run| run.tag = "v1.1.0".into());
        let now = Utc.with_ymd_and_hms(2026, 1, 9, 0, 0, 0).single().expect("a date");
        let candidate = Candidate { tag: Some("v1.1.0"), landscape: "staging", programme: "p" };
        let why: Vec<Option<Unfit>> = candidate.sort(&runs, now).into_iter().map(|(_, why)| why).collect();
        assert_eq!(why.iter().filter(|w| w.is_none()).count(), RUNS);
        for wanted in [Unfit::OtherLandscape, Unfit::OtherProgramme, Unfit::TooOld, Unfit::OwnTag, Unfit::NewerFit] {
            assert_eq!(why.iter().filter(|w| **w == Some(wanted)).count(), 1, "{wanted:?}");
        }
    }

    #[test]
    fn leaves_out_old_runs_and_other_programmes() {
        let mut other = run("other", "v1.0.0", 2);
        other.programme = "q".into();
        assert_eq!(chosen(&[run("old", "v1.0.0", 1), other], "v1.1.0", 31), ["old"]);
        let late = Utc.with_ymd_and_hms(2026, 2, 1, 0, 0, 0).single().expect("a date");
        assert!(select(&[run("old", "v1.0.0", 1)], "v1.1.0", "staging", "p", late).is_empty());
    }
}
