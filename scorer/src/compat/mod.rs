//! Compatibility judges: the published algorithms of two older judges, for migration and comparison.
//!
//! `kayenta` follows the Netflix judge of spinnaker/kayenta, `keptn` the SLO evaluation of keptn/keptn; both are
//! written anew from the published behaviour and keep its weak sides (see the readme of the tests that measure the
//! agreement). Neither has a part in the method of this crate.

pub mod kayenta;
pub mod keptn;
mod problem;

pub use problem::{Problem, Problems};

use crate::signal::Worse;

/// One metric for the judges at their default settings: its accepted runs and the run to judge.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricRuns {
    /// Name.
    pub name: String,
    /// Direction that is worse.
    pub worse: Worse,
    /// Samples of the accepted runs, oldest run first.
    pub baselines: Vec<Vec<f64>>,
    /// Samples of the run to judge.
    pub candidate: Vec<f64>,
}
