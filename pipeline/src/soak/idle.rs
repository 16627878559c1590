//! Whether an idle landscape soaks its current tag again. Pure.

use super::baseline::RUNS;
use super::machine::{INTERRUPTED, Outcome, State};
use super::record::{Cause, Line};
use crate::documents::settings::Idle;
use scorer::Verdict;

/// Most soaks in a row that were made only because nothing else was to do, and brought no pass.
///
/// Twice a full baseline: a tag that has not passed once in as many tries will not fill it, and each try is an entry
/// of the ledger for good. A new tag, or a person who asks for a soak, begins anew.
pub const VAIN_MAX: usize = 2 * RUNS;

/// How a soak ended, as idle soaking sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    /// It passed.
    Passed,
    /// It was judged, and not decided.
    Undecided,
    /// The worker was ended meanwhile: it says nothing about the tag.
    Interrupted,
    /// It failed, could not be deployed, was aborted, or its environment cannot be vouched for: more of the same brings
    /// more of the same. Only a new tag or a person goes on.
    Halts,
}

impl Past {
    /// The past of a soak; none while it goes on. `asked`: whether a person asked for its end.
    pub fn of(line: &Line, asked: impl FnOnce() -> bool) -> Option<Past> {
        let State::Ended { outcome } = &line.soak.state else { return None };
        Some(match (outcome, line.judged) {
            (Outcome::Superseded { .. }, _) => return None,
            (Outcome::Done, Some(Verdict::Pass)) => Past::Passed,
            (Outcome::Done, Some(Verdict::Insufficient | Verdict::None) | None) => Past::Undecided,
            (Outcome::Aborted { reason }, _) if reason == INTERRUPTED && !asked() => Past::Interrupted,
            (Outcome::Done, Some(Verdict::Fail))
            | (Outcome::Aborted { .. } | Outcome::NotDeployable { .. } | Outcome::Tainted { .. }, _) => Past::Halts,
        })
    }
}

/// Whether to soak again. `runs`: baseline runs that the current tag's own soaks gave; `wanted`: runs of a full
/// baseline; `past`: its ended soaks, oldest first, each with whether it was an idle one.
pub fn soak_again(idle: Idle, (runs, wanted): (usize, usize), past: &[(Past, Cause)]) -> bool {
    let told = || past.iter().rev().filter(|(past, _)| *past != Past::Interrupted);
    let vain = told().take_while(|(past, cause)| *past == Past::Undecided && *cause == Cause::Idle).count();
    if told().next().is_some_and(|(past, _)| *past == Past::Halts) || vain >= VAIN_MAX {
        return false;
    }
    match idle {
        Idle::Rest => false,
        Idle::Always => true,
        Idle::Baseline => runs < wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soak::Soak;
    use crate::soak::record::Subject;

    fn idle(past: Past, times: usize) -> Vec<(Past, Cause)> {
        vec![(past, Cause::Idle); times]
    }

    #[test]
    fn it_stops_at_a_full_baseline() {
        assert!(soak_again(Idle::Baseline, (4, 5), &idle(Past::Passed, 4)));
        assert!(!soak_again(Idle::Baseline, (5, 5), &idle(Past::Passed, 5)));
        assert!(soak_again(Idle::Always, (5, 5), &idle(Past::Passed, 50)));
        assert!(!soak_again(Idle::Rest, (0, 5), &[]));
    }

    #[test]
    fn what_halts_is_not_repeated_and_an_interrupt_is() {
        for mode in [Idle::Baseline, Idle::Always] {
            assert!(!soak_again(mode, (0, 5), &idle(Past::Halts, 1)));
            assert!(soak_again(mode, (0, 5), &idle(Past::Interrupted, 100)));
            let then_interrupted = [idle(Past::Halts, 1), idle(Past::Interrupted, 1)].concat();
            assert!(!soak_again(mode, (0, 5), &then_interrupted), "an interrupt does not undo a fail");
        }
    }

    #[test]
    fn soaks_in_vain_are_bounded_until_a_person_asks() {
        assert!(soak_again(Idle::Always, (0, 5), &idle(Past::Undecided, VAIN_MAX - 1)));
        let mut past = idle(Past::Undecided, VAIN_MAX);
        assert!(!soak_again(Idle::Always, (0, 5), &past));
        past.push((Past::Undecided, Cause::Person { who: "ann".into() }));
        assert!(soak_again(Idle::Always, (0, 5), &past));
    }

    #[test]
    fn an_abort_halts_unless_the_worker_was_ended() {
        let subject = Subject { product: "p".into(), tag: "v1.0.0".into(), commit: "c".into(), landscape: "l".into() };
        let aborted = |reason: &str| {
            let mut soak = Soak::request(subject.clone(), Cause::Idle, chrono::Utc::now());
            soak.state = State::Ended { outcome: Outcome::Aborted { reason: reason.into() } };
            Line { soak, judged: None }
        };
        assert_eq!(Past::of(&aborted(INTERRUPTED), || false), Some(Past::Interrupted));
        assert_eq!(Past::of(&aborted(INTERRUPTED), || true), Some(Past::Halts), "a person asked for the end");
        assert_eq!(Past::of(&aborted("suites cannot start"), || false), Some(Past::Halts));
    }
}
