//! Facts: what the worker wrote about products, landscapes, tags and soaks. Values only; nothing here decides.

mod landscape;
pub mod page;
mod policy;
mod soak;
mod tag;
mod verdict;

pub use landscape::{Deployed, LandscapeFact};
pub use page::{PageChart, PageData, PageFault, PagePhase, PageRun};
pub use policy::{PolicyFact, Provisional};
pub use soak::{Ended, Look, Outcome, Resolution, Running, SoakFact, SoakState};
pub use tag::{Changelog, GONE, Schedule, ScheduleFact, TagFact};
pub use verdict::{EvidenceRef, VerdictRecord};

use chrono::{DateTime, Utc};

/// Everything that is known about one tag in one landscape, read in one transaction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// When the worker of the landscape last said that it is there.
    pub worker_seen: Option<DateTime<Utc>>,
    /// The landscape, if it was ever described.
    pub landscape: Option<LandscapeFact>,
    /// The tag, if it was ever seen.
    pub tag: Option<TagFact>,
    /// Whether the triggers will ever soak it, if that was computed.
    pub schedule: Option<ScheduleFact>,
    /// Soaks of the tag in the landscape, oldest request first.
    pub soaks: Vec<SoakFact>,
    /// Verdicts of these soaks, oldest first.
    pub verdicts: Vec<VerdictRecord>,
}

impl Facts {
    /// The verdict of a soak.
    pub fn verdict_of(&self, soak: &str) -> Option<&VerdictRecord> {
        self.verdicts.iter().find(|record| record.soak == soak)
    }
}
