use super::*;

fn states() -> Vec<State> {
    let r = || "r".to_string();
    vec![
        State::Requested,
        State::Planned,
        State::Deploying,
        State::WarmingUp,
        State::Soaking { phase: 1, label: PhaseLabel::Steady },
        State::Extending,
        State::Undoing { ending: Ending::Complete },
        State::Undoing { ending: Ending::StoppedEarly },
        State::Undoing { ending: Ending::Aborted { reason: r() } },
        State::RollingBack { reason: r() },
        State::Judging { ending: Ending::Complete },
        State::Publishing { outcome: Outcome::Done },
        State::Ended { outcome: Outcome::Done },
        State::Ended { outcome: Outcome::Superseded { by: r() } },
    ]
}

fn events() -> Vec<Event> {
    let r = || "r".to_string();
    vec![
        Event::Planned,
        Event::Go,
        Event::PlanRefused { reason: r() },
        Event::Deployed,
        Event::DeployFailed { reason: r() },
        Event::RolledBack,
        Event::RollBackFailed { reason: r() },
        Event::PhaseBegan { phase: 2, label: PhaseLabel::Fault },
        Event::LookFailed,
        Event::ProgrammeEnded,
        Event::ExtensionBegan,
        Event::Undone,
        Event::ResidueFound { residue: r() },
        Event::Judged,
        Event::Published,
        Event::AbortAsked { reason: r() },
        Event::Superseded { by: r() },
        Event::NotJudged { reason: r() },
        Event::WorkerStarted { kept: Kept::Nothing },
        Event::WorkerStarted { kept: Kept::Evidence },
    ]
}

fn run(events: impl IntoIterator<Item = Event>) -> State {
    events.into_iter().fold(State::Requested, |s, e| step(s, e).0)
}

#[test]
fn the_undisturbed_way_ends_done() {
    let way = [
        Event::Planned,
        Event::Go,
        Event::Deployed,
        Event::PhaseBegan { phase: 1, label: PhaseLabel::Steady },
        Event::ProgrammeEnded,
        Event::Undone,
        Event::Judged,
        Event::Published,
    ];
    assert_eq!(run(way), State::Ended { outcome: Outcome::Done });
}

#[test]
fn the_end_is_final_for_every_event() {
    for outcome in [Outcome::Done, Outcome::Superseded { by: "v2".into() }] {
        for event in events() {
            let end = State::Ended { outcome: outcome.clone() };
            assert_eq!(step(end.clone(), event.clone()), (end, vec![]), "{event:?}");
        }
    }
}

#[test]
fn nothing_is_done_without_being_judged() {
    // Search all event sequences of up to nine steps: `done` is reached only over `Judging`.
    let mut frontier = vec![(State::Requested, false)];
    let mut seen: Vec<(State, bool)> = frontier.clone();
    for _ in 0..12 {
        let mut next = Vec::new();
        for (state, judged) in &frontier {
            for event in events() {
                let (after, _) = step(state.clone(), event);
                let judged = *judged || matches!(after, State::Judging { .. });
                let done = matches!(
                    after,
                    State::Publishing { outcome: Outcome::Done } | State::Ended { outcome: Outcome::Done }
                );
                assert!(!done || judged, "done without judging from {state:?}");
                if !seen.contains(&(after.clone(), judged)) {
                    seen.push((after.clone(), judged));
                    next.push((after, judged));
                }
            }
        }
        frontier = next;
    }
    assert!(frontier.is_empty(), "the reachable states are explored");
    assert!(seen.len() > 15);
}

#[test]
fn an_observation_begins_again_as_the_next_attempt() {
    for state in states() {
        let (after, effects) = step(state.clone(), Event::WorkerStarted { kept: Kept::Nothing });
        let lost = matches!(state, State::Deploying | State::WarmingUp | State::Soaking { .. } | State::Extending)
            || matches!(&state, State::Undoing { ending: Ending::Complete | Ending::StoppedEarly });
        assert_eq!(effects.contains(&Effect::NextAttempt), lost, "{state:?}");
        assert_eq!(matches!(after, State::Planned), lost || state == State::Planned, "{state:?}");
        let over = matches!(state, State::Ended { .. });
        assert_eq!(effects.is_empty(), over, "{state:?} goes on");
    }
}

#[test]
fn a_look_that_failed_is_judged_after_a_restart_if_its_evidence_was_kept() {
    for ending in [Ending::StoppedEarly, Ending::Complete] {
        let event = Event::WorkerStarted { kept: Kept::Evidence };
        let (after, effects) = step(State::Undoing { ending: ending.clone() }, event);
        assert_eq!((after, effects), (State::Judging { ending }, vec![Effect::Judge]));
    }
}

#[test]
fn an_abort_never_softens_a_decided_end() {
    for state in [
        State::Undoing { ending: Ending::StoppedEarly },
        State::Judging { ending: Ending::Complete },
        State::Publishing { outcome: Outcome::Done },
    ] {
        assert_eq!(step(state.clone(), Event::AbortAsked { reason: "ctrl-c".into() }).0, state);
    }
}
