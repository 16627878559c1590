//! The open-loop load engine: requests start when the schedule says so, whatever the server does.
//!
//! `schedule` says when, `mix` says which, `engine` runs both on one thread of its own: a pacer on a timerfd puts
//! jobs into a queue in user space, a bounded pool of connections takes them out. Response time counts from the
//! intended start, service time from the actual send; their gap is a finding. Scheduled, sent, late and dropped are
//! separate numbers, and a run in which the generator itself was late is invalid.

pub mod document;
pub mod engine;
mod mix;
mod pool;
pub mod report;
mod schedule;
mod tally;
mod timer;

pub use document::{Load, PerformanceSuite};
pub use engine::{Engine, LoadError, Targets, announce};
pub use report::{LoadReport, Validity};
