//! The soak: its state machine, its record, and the pure rules around it.

pub mod baseline;
pub mod deployed;
pub mod idle;
pub mod machine;
pub mod query;
pub mod record;
pub mod triggers;

pub use machine::{Effect, Event, Outcome, State, step};
pub use record::{Attempt, Soak, SoakId};
