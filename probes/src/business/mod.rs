//! The business suite: journeys that run continuously, also while the system is hurt.
//!
//! `compile` turns the document into journeys whose words are parsed, `template` fills in values, `assertion` says
//! what must be true, `answer` is what came back, `journey` runs one journey, `runner` keeps all of them going.

mod answer;
mod assertion;
pub(crate) mod compile;
mod counters;
mod journey;
mod runner;
mod template;

pub use compile::{CompiledSuite, compile};
pub use runner::{BusinessConfig, RunError, run};
