//! What the executor tells while it runs, and what it hands back.

use crate::lease::FaultId;
use crate::load::LoadRecord;
use crate::residual::Residue;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Why a running experiment ends early.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Abort {
    /// A guard tripped: undo, observe the rest, run no further repetition.
    GuardTripped {
        /// Its signal.
        signal: String,
    },
    /// The soak ends: undo, then return.
    SoakAborted,
}

/// How an exposure ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ended {
    /// Held as long as planned (or until the killed process was back), undone.
    Completed,
    /// A guard tripped; undone early.
    GuardTripped,
    /// The soak was aborted, or the lease was lost; undone early.
    Aborted,
    /// Never injected or never verified; the detail says why.
    NotRun,
}

/// One injection as it was, not as it was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExposureRecord {
    /// Experiment name.
    pub experiment: String,
    /// Fault kind.
    pub kind: String,
    /// Target component.
    pub target: String,
    /// Repetition, from 1.
    pub repetition: u32,
    /// Verified at.
    pub start_ms: i64,
    /// Undone at, or back at (kill).
    pub end_ms: i64,
    /// End of the rest that was observed.
    pub observed_until_ms: i64,
    /// What was asked for, with units.
    pub requested: BTreeMap<String, String>,
    /// What was measured: `delay_ms_p50`, `delay_ms_p99`, `reset_share`, `abort_share`, `downtime_ms` and counts.
    pub achieved: BTreeMap<String, f64>,
    /// Whether the injection was verified.
    pub verified: bool,
    /// How it ended.
    pub ended: Ended,
    /// Limit of the recovery.
    pub recover_within_ms: Option<i64>,
    /// Signals of the hypothesis.
    pub signals: Vec<String>,
    /// Seed of this injection.
    pub seed: u64,
    /// Anything that a reader should know.
    pub detail: Option<String>,
}

/// What happens, when it happens. The pipeline makes phases of it: fault from `Injected`, recovery from `Undone`.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// The intent is written; injection begins.
    FaultStarting {
        /// The fault.
        id: FaultId,
        /// Repetition, from 1.
        repetition: u32,
        /// When.
        at_ms: i64,
    },
    /// Verified, or found to be void.
    Injected {
        /// The fault.
        id: FaultId,
        /// Repetition, from 1.
        repetition: u32,
        /// When.
        at_ms: i64,
        /// Whether it is in.
        verified: bool,
        /// Dose measured so far.
        dose: BTreeMap<String, f64>,
    },
    /// Nothing of the fault is left.
    Undone {
        /// The fault.
        id: FaultId,
        /// Repetition, from 1.
        repetition: u32,
        /// When.
        at_ms: i64,
    },
    /// The rest after a step is over.
    RestOver {
        /// Repetition, from 1.
        repetition: u32,
        /// When.
        at_ms: i64,
    },
    /// A step was not run.
    NotRun {
        /// Repetition, from 1.
        repetition: u32,
        /// When.
        at_ms: i64,
        /// `guard_tripped`, `soak_aborted`, or an objection.
        why: String,
    },
}

/// What a run of a plan came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// One record per planned fault, in order.
    pub exposures: Vec<ExposureRecord>,
    /// Loads that ran beside faults, in order.
    pub loads: Vec<LoadRecord>,
    /// Anything of ours that is left; the landscape is tainted unless this is empty.
    pub residue: Vec<Residue>,
}
