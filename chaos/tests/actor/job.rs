//! What an executor is to do.

use crate::landscape::Stage;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A fault that is injected again and again.
#[derive(Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) stage: Stage,
    /// Name of the run.
    pub(crate) run: String,
    pub(crate) fault: Value,
    pub(crate) hold: String,
}
