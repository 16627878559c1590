//! Which tag runs in a landscape, and since when it has been observed. Pure.

use super::machine::{Ending, Outcome, State};
use super::record::Soak;
use chrono::{DateTime, Utc};

/// The tag of the last soak that got past its deployment (a tag that did not get healthy was rolled back), and the
/// begin of the observation of the first of its latest soaks in a row.
///
/// An approximation: pauses between these soaks count as observation, since the tag ran on. What was cut off before
/// the first complete observation does not count.
pub fn deployed<'a>(soaks: impl DoubleEndedIterator<Item = &'a Soak>) -> Option<(&'a str, DateTime<Utc>)> {
    let mut seen = soaks.rev().filter_map(|soak| Some((soak.tag.as_str(), observed(soak)?)));
    let (tag, since) = seen.next()?;
    let first = seen.take_while(|(earlier, _)| *earlier == tag).last();
    Some((tag, first.map_or(since, |(_, since)| since)))
}

/// When the attempt that was observed began; none when none got past its deployment.
fn observed(soak: &Soak) -> Option<DateTime<Utc>> {
    let recorded = || soak.attempts.iter().rfind(|a| a.evidence.is_some());
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
        assert_eq!(deployed([soak("v1.0.0", &[1], done()), refused, deploying].iter()), Some(("v1.0.0", at(1))));
        assert_eq!(deployed([soak("v1.0.0", &[1], State::Requested)].iter()), None);
    }

    #[test]
    fn idle_soaks_go_on_counting_and_cut_attempts_do_not_count() {
        let soaks = [
            soak("v1.0.0", &[1], done()),
            soak("v1.1.0", &[10, 500], done()),
            soak("v1.1.0", &[510], done()),
            soak("v1.1.0", &[520], State::WarmingUp),
        ];
        assert_eq!(deployed(soaks.iter()), Some(("v1.1.0", at(500))));
    }

    #[test]
    fn an_abort_before_the_observation_deployed_nothing() {
        let mut aborted = soak("v2.0.0", &[20], State::Ended { outcome: Outcome::Aborted { reason: "r".into() } });
        assert_eq!(deployed([aborted.clone()].iter()), Some(("v2.0.0", at(20))));
        aborted.attempts[0].evidence = None;
        assert_eq!(deployed([aborted].iter()), None);
    }
}
