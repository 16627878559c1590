//! The security suite: harmless checks of what a user could see or call.
//!
//! One file per check under `check/`; all of them have one shape and are listed in [`ALL_CHECKS`].

mod check;
mod context;
mod scan;

pub use check::{ALL_CHECKS, Check, Family, NotRun, Observed};
pub use context::{ContextError, Reply, ScanContext};
pub use scan::{SecurityReport, fingerprint, scan};
