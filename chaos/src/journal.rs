//! The write-ahead journal of faults; the pipeline keeps it in its store.

use crate::lease::FaultId;
use crate::plan::Resource;
use serde::{Deserialize, Serialize};
use std::error::Error;

/// What is about to be done; on disk before anything is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    /// Id that the object itself will carry.
    pub id: FaultId,
    /// Experiment name.
    pub experiment: String,
    /// Fault kind.
    pub kind: String,
    /// Hash of the plan.
    pub plan: String,
    /// What will be touched.
    pub resources: Vec<Resource>,
    /// When it was written.
    pub at_ms: i64,
}

/// A journal that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("failed to write `{entry}` of fault {id} into the journal")]
pub struct JournalError {
    /// `intent`, `injected` or `undone`.
    pub entry: &'static str,
    /// The fault.
    pub id: FaultId,
    /// What the store said.
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

/// Where intents and their ends are kept. Calls may block on the disk; the executor makes them off the runtime.
pub trait Journal: Send + Sync {
    /// Persists the intent. Nothing is injected unless this returns `Ok`.
    ///
    /// # Errors
    /// The store could not keep it.
    fn intent(&self, intent: &Intent) -> Result<(), JournalError>;
    /// The injection was verified at `at_ms`.
    ///
    /// # Errors
    /// The store could not keep it.
    fn injected(&self, id: &FaultId, at_ms: i64) -> Result<(), JournalError>;
    /// Nothing of the fault is left since `at_ms`.
    ///
    /// # Errors
    /// The store could not keep it.
    fn undone(&self, id: &FaultId, at_ms: i64) -> Result<(), JournalError>;
}
