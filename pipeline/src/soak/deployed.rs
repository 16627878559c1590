//! Which tag runs in a landscape, and since when it has been observed. Pure.

use super::idle::Past;
use super::machine::{Ending, Outcome, State};
use super::record::{Line, Soak};
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// The tag that runs in a landscape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Current<'a> {
    /// Its name.
    pub tag: &'a str,
    /// Begin of the observation of the first of its latest soaks in a row.
    pub since: DateTime<Utc>,
    /// Whether it failed, or its last soak cannot be vouched for: to observe it further brings nothing.
    pub halted: bool,
}

/// The tag of the soak that got past its deployment last (a tag that did not get healthy was rolled back).
///
/// An approximation: pauses between its soaks count as observation, since the tag ran on. What was cut off before the
/// first complete observation does not count.
pub fn deployed(lines: &[Arc<Line>]) -> Option<Current<'_>> {
    let mut seen: Vec<(&Line, DateTime<Utc>)> =
        lines.iter().filter_map(|line| Some((line.as_ref(), observed(&line.soak)?))).collect();
    // Soaks do not begin in the order of their requests.
    seen.sort_by_key(|(_, since)| *since);
    let tag = seen.last()?.0.soak.tag.as_str();
    let own: Vec<&(&Line, DateTime<Utc>)> = seen.iter().rev().take_while(|(line, _)| line.soak.tag == tag).collect();
    let past = own.iter().find_map(|(line, _)| Past::of(line, || false));
    let since = own.last().map(|(_, since)| *since)?;
    Some(Current { tag, since, halted: past == Some(Past::Halts) })
}

/// When the attempt that was observed began; none when none got past its deployment.
fn observed(soak: &Soak) -> Option<DateTime<Utc>> {
    let recorded = || soak.attempts.iter().rfind(|a| a.evidence.is_some() && a.excluded.is_none());
    let attempt = match &soak.state {
        State::WarmingUp | State::Soaking { .. } | State::Extending => soak.attempts.last(),
        State::Undoing { ending } | State::Judging { ending } => match ending {
            Ending::Complete | Ending::StoppedEarly | Ending::Tainted { .. } => soak.attempts.last(),
            // It may have been aborted while it was deployed.
            Ending::Aborted { .. } => recorded(),
        },
        State::Publishing { outcome } | State::Ended { outcome } => match outcome {
            Outcome::Done | Outcome::Aborted { .. } | Outcome::Tainted { .. } => recorded(),
            Outcome::NotDeployable { .. } | Outcome::Superseded { .. } => None,
        },
        State::Requested | State::Planned | State::Deploying | State::RollingBack { .. } => None,
    };
    attempt.map(|a| a.started_at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soak::record::{Attempt, Cause, Subject};
    use chrono::TimeDelta;
    use scorer::Verdict;

    fn lines(soaks: impl IntoIterator<Item = Soak>) -> Vec<Arc<Line>> {
        soaks.into_iter().map(|soak| Arc::new(Line::from(soak))).collect()
    }

    /// Tag, begin, whether it is halted.
    fn current(soaks: impl IntoIterator<Item = Soak>) -> Option<(String, DateTime<Utc>, bool)> {
        deployed(&lines(soaks)).map(|current| (current.tag.to_owned(), current.since, current.halted))
    }

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minute)
    }

    fn soak(tag: &str, starts: &[i64], state: State) -> Soak {
        let subject = Subject { product: "p".into(), tag: tag.into(), commit: "c".into(), landscape: "l".into() };
        let mut soak = Soak::request(subject, Cause::Idle, at(0));
        let last = starts.len();
        soak.attempts = (1..)
            .zip(starts)
            .map(|(number, start)| Attempt {
                number,
                started_at: at(*start),
                ended_at: None,
                evidence: (number as usize == last).then(|| "e".to_owned()),
                excluded: None,
            })
            .collect();
        soak.state = state;
        soak
    }

    fn done() -> State {
        State::Ended { outcome: Outcome::Done }
    }

    #[test]
    fn a_tag_that_was_rolled_back_is_not_deployed() {
        let mut refused =
            soak("v2.0.0", &[20], State::Ended { outcome: Outcome::NotDeployable { reason: "r".into() } });
        refused.attempts[0].evidence = None;
        let deploying = soak("v3.0.0", &[30], State::Deploying);
        let soaks = [soak("v1.0.0", &[1], done()), refused, deploying];
        assert_eq!(current(soaks), Some(("v1.0.0".into(), at(1), false)));
        assert_eq!(current([soak("v1.0.0", &[1], State::Requested)]), None);
    }

    #[test]
    fn idle_soaks_go_on_counting_and_cut_attempts_do_not_count() {
        let soaks = [
            soak("v1.0.0", &[1], done()),
            soak("v1.1.0", &[10, 500], done()),
            soak("v1.1.0", &[510], done()),
            soak("v1.1.0", &[520], State::WarmingUp),
        ];
        assert_eq!(current(soaks), Some(("v1.1.0".into(), at(500), false)));
    }

    #[test]
    fn an_abort_before_the_observation_deployed_nothing() {
        let mut aborted = soak("v2.0.0", &[20], State::Ended { outcome: Outcome::Aborted { reason: "r".into() } });
        assert_eq!(current([aborted.clone()]), Some(("v2.0.0".into(), at(20), true)));
        aborted.attempts[0].evidence = None;
        assert_eq!(current([aborted]), None);
    }

    #[test]
    fn what_began_last_runs_whenever_it_was_asked_for() {
        let soaks = [soak("v1.0.0", &[1], done()), soak("v1.0.1", &[90], done()), soak("v0.9.0", &[40], done())];
        assert_eq!(current(soaks), Some(("v1.0.1".into(), at(90), false)));
    }

    #[test]
    fn a_tag_that_failed_is_not_observed_further() {
        let mut lines = lines([soak("v1.0.0", &[1], done()), soak("v1.0.0", &[9], State::WarmingUp)]);
        assert!(!deployed(&lines).expect("it runs").halted);
        let failed = Line { judged: Some(Verdict::Fail), ..lines[0].as_ref().clone() };
        lines[0] = Arc::new(failed);
        assert!(deployed(&lines).expect("it runs").halted);
    }
}
