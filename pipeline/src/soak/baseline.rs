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

/// The last [`RUNS`] runs of other tags with the same landscape and programme, at most [`MAX_AGE_DAYS`] old,
/// oldest first. A candidate is never compared with its own runs.
pub fn select(runs: &[Run], tag: &str, landscape: &str, programme: &str, now: DateTime<Utc>) -> Vec<BaselineRun> {
    let mut fit: Vec<&Run> = runs
        .iter()
        .filter(|r| {
            r.tag != tag
                && r.landscape == landscape
                && r.programme == programme
                && now - r.ended_at <= Duration::days(MAX_AGE_DAYS)
        })
        .collect();
    fit.sort_by(|a, b| (a.ended_at, &a.soak).cmp(&(b.ended_at, &b.soak)));
    let skip = fit.len().saturating_sub(RUNS);
    fit[skip..]
        .iter()
        .map(|r| BaselineRun { soak: r.soak.clone(), tag: r.tag.clone(), evidence: r.evidence.clone() })
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
    fn leaves_out_old_runs_and_other_programmes() {
        let mut other = run("other", "v1.0.0", 2);
        other.programme = "q".into();
        assert_eq!(chosen(&[run("old", "v1.0.0", 1), other], "v1.1.0", 31), ["old"]);
        let late = Utc.with_ymd_and_hms(2026, 2, 1, 0, 0, 0).single().expect("a date");
        assert!(select(&[run("old", "v1.0.0", 1)], "v1.1.0", "staging", "p", late).is_empty());
    }
}
