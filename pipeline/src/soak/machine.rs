//! The state machine of one soak.
//!
//! Invariants: `step` is pure and total; every (state, event) pair is decided here; the state is stored before the
//! effects run; every effect may run twice. An event that comes too late leaves the state as it is.

use scorer::evidence::PhaseLabel;
use serde::{Deserialize, Serialize};

/// Reason of an abort by the end of the worker: it says nothing about the tag.
pub const INTERRUPTED: &str = "interrupted";

/// Where a soak stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "name")]
pub enum State {
    /// Waits for the landscape.
    Requested,
    /// Its plan is fixed: documents, programme, baseline.
    Planned,
    /// The tag is being deployed.
    Deploying,
    /// Load and suites run, samples are dropped.
    WarmingUp,
    /// Phases of the programme run.
    Soaking {
        /// Index of the phase in the programme.
        phase: usize,
        /// Its label now.
        label: PhaseLabel,
    },
    /// The declared extension runs.
    Extending,
    /// Faults are undone and suites end; then it is judged.
    Undoing {
        /// How the soak will end.
        ending: Ending,
    },
    /// The tag did not get healthy; the one before is restored.
    RollingBack {
        /// Why.
        reason: String,
    },
    /// Evidence is complete and stored.
    Judging {
        /// How the soak will end.
        ending: Ending,
    },
    /// The verdict is in the store and on its way into git.
    Publishing {
        /// How it ended.
        outcome: Outcome,
    },
    /// Over.
    Ended {
        /// How it ended.
        outcome: Outcome,
    },
}

impl State {
    /// The state in one word for people.
    pub fn word(&self) -> &'static str {
        match self {
            State::Requested => "requested",
            State::Planned => "planned",
            State::Deploying => "deploying",
            State::WarmingUp => "warming up",
            State::Soaking { .. } => "soaking",
            State::Extending => "extending",
            State::Undoing { .. } => "undoing",
            State::RollingBack { .. } => "rolling back",
            State::Judging { .. } => "judging",
            State::Publishing { .. } => "publishing",
            State::Ended { .. } => "ended",
        }
    }
}

/// What brought the observation to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "name")]
pub enum Ending {
    /// The programme is complete.
    Complete,
    /// A look failed the tag.
    StoppedEarly,
    /// Somebody or something ended it.
    Aborted {
        /// Why.
        reason: String,
    },
    /// Something of ours could not be undone.
    Tainted {
        /// What is left.
        residue: String,
    },
}

/// How a soak ended; not a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "name")]
pub enum Outcome {
    /// Judged.
    Done,
    /// The tag did not become healthy.
    NotDeployable {
        /// Why.
        reason: String,
    },
    /// Ended before it was complete.
    Aborted {
        /// Why.
        reason: String,
    },
    /// The environment cannot be vouched for.
    Tainted {
        /// What is left.
        residue: String,
    },
    /// A newer tag took its place before it began.
    Superseded {
        /// That tag.
        by: String,
    },
}

impl Outcome {
    /// The word of the documents.
    pub fn word(&self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::NotDeployable { .. } => "not_deployable",
            Outcome::Aborted { .. } => "aborted",
            Outcome::Tainted { .. } => "tainted",
            Outcome::Superseded { .. } => "superseded",
        }
    }

    /// Why, where there is more to say than the word.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Outcome::Done => None,
            Outcome::NotDeployable { reason } | Outcome::Aborted { reason } => Some(reason),
            Outcome::Tainted { residue } => Some(residue),
            Outcome::Superseded { by } => Some(by),
        }
    }
}

impl Ending {
    fn outcome(self) -> Outcome {
        match self {
            Ending::Complete | Ending::StoppedEarly => Outcome::Done,
            Ending::Aborted { reason } => Outcome::Aborted { reason },
            Ending::Tainted { residue } => Outcome::Tainted { residue },
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The plan was fixed.
    Planned,
    /// The landscape is ours.
    Go,
    /// The documents of the tag cannot be used.
    PlanRefused {
        /// All problems.
        reason: String,
    },
    /// Every component is healthy.
    Deployed,
    /// A component did not become healthy.
    DeployFailed {
        /// Which and why.
        reason: String,
    },
    /// The release before is back.
    RolledBack,
    /// The release before could not be restored.
    RollBackFailed {
        /// What is broken.
        reason: String,
    },
    /// A phase of the programme began.
    PhaseBegan {
        /// Index in the programme.
        phase: usize,
        /// Label.
        label: PhaseLabel,
    },
    /// A look failed the tag.
    LookFailed,
    /// All phases are over.
    ProgrammeEnded,
    /// The last look was insufficient and the programme declares an extension.
    ExtensionBegan,
    /// Faults are undone, suites ended, evidence stored.
    Undone,
    /// Something could not be undone.
    ResidueFound {
        /// What.
        residue: String,
    },
    /// The verdict is stored.
    Judged,
    /// The ledger has it.
    Published,
    /// Somebody asked for the end.
    AbortAsked {
        /// Why.
        reason: String,
    },
    /// A newer tag took its place.
    Superseded {
        /// That tag.
        by: String,
    },
    /// The evidence or the documents cannot be read: nobody can judge.
    NotJudged {
        /// Why.
        reason: String,
    },
    /// A worker found this soak in its store: whoever ran it is gone, and so are its processes.
    WorkerStarted {
        /// What of the running attempt is in the store.
        kept: Kept,
    },
}

/// What of an attempt was stored before its worker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Its evidence.
    Evidence,
    /// Nothing.
    Nothing,
}

/// What to do next. Every effect may run twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Fix documents, programme and baseline.
    Plan,
    /// Take the landscape.
    TakeLandscape,
    /// Deploy the tag.
    Deploy,
    /// Restore the release before.
    RollBack,
    /// Run load, suites and phases, judge at the looks.
    Observe,
    /// Undo faults, end suites, store evidence.
    Undo,
    /// Judge the stored evidence.
    Judge,
    /// Write the verdict into git.
    Publish,
    /// Keep what the attempt recorded as excluded, and count the next one.
    NextAttempt,
}

/// The next state, and what to do then.
pub fn step(state: State, event: Event) -> (State, Vec<Effect>) {
    match event {
        Event::AbortAsked { reason } => abort(state, reason),
        Event::WorkerStarted { kept } => resume(state, kept),
        Event::Superseded { by } => supersede(state, by),
        Event::ResidueFound { residue } => taint(state, residue),
        other => advance(state, other),
    }
}

/// The way of a soak that nothing disturbs, and its refusals.
fn advance(state: State, event: Event) -> (State, Vec<Effect>) {
    use Effect as F;
    use Event as E;
    use State as S;
    match (state, event) {
        (S::Requested, E::Planned) => (S::Planned, vec![F::TakeLandscape]),
        (S::Requested | S::Planned, E::PlanRefused { reason }) => {
            (S::Publishing { outcome: Outcome::NotDeployable { reason } }, vec![F::Publish])
        }
        (S::Planned, E::Go) => (S::Deploying, vec![F::Deploy]),
        (S::Deploying, E::Deployed) => (S::WarmingUp, vec![F::Observe]),
        (S::Deploying, E::DeployFailed { reason }) => (S::RollingBack { reason }, vec![F::RollBack]),
        (S::RollingBack { reason }, E::RolledBack) => {
            (S::Publishing { outcome: Outcome::NotDeployable { reason } }, vec![F::Publish])
        }
        (S::RollingBack { reason }, E::RollBackFailed { reason: broken }) => (
            S::Publishing {
                outcome: Outcome::NotDeployable {
                    reason: format!("{reason}; and the release before could not be restored: {broken}"),
                },
            },
            vec![F::Publish],
        ),
        (S::WarmingUp | S::Soaking { .. }, E::PhaseBegan { phase, label }) => (S::Soaking { phase, label }, vec![]),
        (S::Soaking { .. }, E::ExtensionBegan) => (S::Extending, vec![]),
        (S::WarmingUp | S::Soaking { .. } | S::Extending, E::LookFailed) => {
            (S::Undoing { ending: Ending::StoppedEarly }, vec![F::Undo])
        }
        (S::WarmingUp | S::Soaking { .. } | S::Extending, E::ProgrammeEnded) => {
            (S::Undoing { ending: Ending::Complete }, vec![F::Undo])
        }
        (S::Undoing { ending }, E::Undone) => (S::Judging { ending }, vec![F::Judge]),
        (S::Judging { ending }, E::Judged) => (S::Publishing { outcome: ending.outcome() }, vec![F::Publish]),
        (S::Judging { .. }, E::NotJudged { reason }) => {
            (S::Publishing { outcome: Outcome::Aborted { reason } }, vec![F::Publish])
        }
        (S::Publishing { outcome }, E::Published) => (S::Ended { outcome }, vec![]),
        // Everything else came too late or twice: effects may repeat, states do not go back.
        (
            state,
            E::Planned
            | E::Go
            | E::PlanRefused { .. }
            | E::Deployed
            | E::DeployFailed { .. }
            | E::RolledBack
            | E::RollBackFailed { .. }
            | E::PhaseBegan { .. }
            | E::LookFailed
            | E::ProgrammeEnded
            | E::ExtensionBegan
            | E::Undone
            | E::Judged
            | E::Published
            | E::AbortAsked { .. }
            | E::Superseded { .. }
            | E::ResidueFound { .. }
            | E::NotJudged { .. }
            | E::WorkerStarted { .. },
        ) => (state, vec![]),
    }
}

fn abort(state: State, reason: String) -> (State, Vec<Effect>) {
    match state {
        State::Requested | State::Planned => {
            (State::Publishing { outcome: Outcome::Aborted { reason } }, vec![Effect::Publish])
        }
        State::Deploying => (State::Undoing { ending: Ending::Aborted { reason } }, vec![Effect::Undo]),
        State::WarmingUp | State::Soaking { .. } | State::Extending => {
            (State::Undoing { ending: Ending::Aborted { reason } }, vec![Effect::Undo])
        }
        // From here on the end is decided; an abort must not turn a fail into something milder.
        State::Undoing { .. }
        | State::RollingBack { .. }
        | State::Judging { .. }
        | State::Publishing { .. }
        | State::Ended { .. } => (state, vec![]),
    }
}

/// In a local landscape the processes died with the worker, so an observation begins again as the next attempt.
fn resume(state: State, kept: Kept) -> (State, Vec<Effect>) {
    match state {
        State::Requested => (State::Requested, vec![Effect::Plan]),
        State::Planned => (State::Planned, vec![Effect::TakeLandscape]),
        State::Deploying | State::WarmingUp | State::Soaking { .. } | State::Extending => {
            (State::Planned, vec![Effect::NextAttempt, Effect::TakeLandscape])
        }
        // What was observed to its end, or to a look that failed, is judged if it was kept.
        State::Undoing { ending: ending @ (Ending::Complete | Ending::StoppedEarly) } => match kept {
            Kept::Evidence => (State::Judging { ending }, vec![Effect::Judge]),
            Kept::Nothing => (State::Planned, vec![Effect::NextAttempt, Effect::TakeLandscape]),
        },
        // An abort stays an abort: what was recorded is gone with the worker, what is known is published.
        State::Undoing { ending: ending @ (Ending::Aborted { .. } | Ending::Tainted { .. }) } => {
            (State::Judging { ending }, vec![Effect::Judge])
        }
        State::RollingBack { reason } => (State::RollingBack { reason }, vec![Effect::RollBack]),
        State::Judging { ending } => (State::Judging { ending }, vec![Effect::Judge]),
        State::Publishing { outcome } => (State::Publishing { outcome }, vec![Effect::Publish]),
        State::Ended { outcome } => (State::Ended { outcome }, vec![]),
    }
}

fn supersede(state: State, by: String) -> (State, Vec<Effect>) {
    match state {
        // Published like every other end: the ledger has one entry for each soak.
        State::Requested => (State::Publishing { outcome: Outcome::Superseded { by } }, vec![Effect::Publish]),
        started => (started, vec![]),
    }
}

fn taint(state: State, residue: String) -> (State, Vec<Effect>) {
    match state {
        State::WarmingUp | State::Soaking { .. } | State::Extending => {
            (State::Undoing { ending: Ending::Tainted { residue } }, vec![Effect::Undo])
        }
        // What a fault leaves is found when it is undone, which is before the observation ends.
        other => (other, vec![]),
    }
}

#[cfg(test)]
mod tests;
