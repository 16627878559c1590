//! The worker: watches the repositories, soaks tags, judges, publishes.
//!
//! `reconcile` re-reads the truth at every turn; nothing is decided from a nudge. One soak runs at a time in a
//! landscape; `drive` carries its state machine, `observe` is what happens while it is watched.

mod bundle;
mod drive;
mod facts;
mod faults;
mod guard;
pub mod installation;
mod judge;
mod observe;
mod page;
mod publish;
mod reconcile;
mod session;
mod sources;
mod suites;
pub mod view;

pub use bundle::{Bundle, SuiteDocument};
pub use installation::{Installation, OpenError};
pub use reconcile::{Worker, abort_mark, verdict_of};
pub use view::{Notice, View};
