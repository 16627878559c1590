//! Load beside faults: a step asks for it by the name of a suite, and whoever has the suites of the product runs it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::pin::Pin;

/// Whoever runs the load suites of a product.
pub trait Loads: Send + Sync {
    /// Starts the load of a suite.
    ///
    /// # Errors
    /// In words, why it cannot start.
    fn start(&self, suite: &str) -> Result<Box<dyn RunningLoad>, String>;
}

/// A load under way. Dropping it stops it.
pub trait RunningLoad: Send {
    /// Stops it at once, and says what it was.
    fn stop(self: Box<Self>) -> Stopping;
}

/// A load that is being stopped.
pub type Stopping = Pin<Box<dyn Future<Output = LoadEnd> + Send>>;

/// What a load was.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LoadEnd {
    /// What it measured, as its owner writes it.
    pub measured: Value,
    /// In words, why it was not the load that was asked for.
    pub flaw: Option<String>,
}

/// A load that ran beside the faults of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadRecord {
    /// Experiment name.
    pub experiment: String,
    /// Repetition, from 1.
    pub repetition: u32,
    /// Suite name.
    pub suite: String,
    /// Started at.
    pub start_ms: i64,
    /// Stopped at.
    pub end_ms: i64,
    /// What it measured, as its owner writes it.
    pub measured: Value,
    /// In words, why it was not the load that was asked for.
    pub flaw: Option<String>,
}

/// A landscape without suites: no load starts.
#[derive(Clone, Copy, Debug)]
pub struct NoLoads;

impl Loads for NoLoads {
    fn start(&self, _: &str) -> Result<Box<dyn RunningLoad>, String> {
        Err("there are no load suites here".to_owned())
    }
}
