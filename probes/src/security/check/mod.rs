//! The checks; one file each.

mod auth_matrix;
mod exposure;
mod exposure_debug;
mod exposure_env;
mod exposure_git;
mod exposure_metrics;
mod stack_trace;

use super::context::ScanContext;
use super::scan::fingerprint;
use futures_util::future::BoxFuture;
use scorer::evidence::{Finding, Severity};

/// Every check, in the order in which they run.
pub static ALL_CHECKS: &[&dyn Check] = &[
    &exposure_metrics::ExposureMetrics,
    &exposure_debug::ExposureDebug,
    &exposure_git::ExposureGit,
    &exposure_env::ExposureEnv,
    &stack_trace::StackTrace,
    &auth_matrix::AuthMatrix,
];

/// Family of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// What can be seen that should not.
    Exposure,
    /// Who may call what.
    Authentication,
}

/// Why a check said nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotRun {
    /// The component did not answer.
    Unreachable(String),
    /// There is nothing to check, or something needed is missing.
    NotApplicable(String),
}

/// What a check saw.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// Findings.
    pub findings: Vec<Finding>,
    /// Questions that got no usable answer, one sentence each.
    pub undecided: Vec<String>,
}

/// A check: deterministic, harmless, one component at a time.
pub trait Check: Send + Sync {
    /// Id, `exposure.git`.
    fn id(&self) -> &'static str;

    /// Family.
    fn family(&self) -> Family;

    /// Looks.
    ///
    /// # Errors
    /// Why it could not look.
    fn run<'a>(&'a self, context: &'a ScanContext, component: &'a str) -> BoxFuture<'a, Result<Observed, NotRun>>;
}

/// The fixed parts of a kind of finding.
struct Kind {
    check: &'static str,
    severity: Severity,
    remedy: &'static str,
}

impl Kind {
    /// A finding at a location (path, or method, path and caller), which must not name hosts or ports.
    fn finding(&self, component: &str, location: &str, title: String, detail: String) -> Finding {
        Finding {
            fingerprint: fingerprint(self.check, component, location),
            check: self.check.to_owned(),
            severity: self.severity,
            component: component.to_owned(),
            title,
            detail,
            remedy: self.remedy.to_owned(),
        }
    }
}
