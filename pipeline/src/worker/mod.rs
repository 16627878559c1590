//! The worker: watches the repositories, soaks tags, judges, publishes.
//!
//! `reconcile` re-reads the truth at every turn; nothing is decided from a nudge. One soak runs at a time in a
//! landscape; `drive` carries its state machine, `observe` is what happens while it is watched.

pub mod across;
pub mod adopt;
mod bundle;
pub mod chaos_record;
pub mod chosen;
mod clear;
pub mod copies;
pub mod decided;
pub mod differential;
pub mod dose;
mod drive;
pub mod experiment;
mod facts;
mod faults;
mod guard;
pub mod installation;
mod judge;
pub mod laboratory;
mod loads;
mod metrics_push;
mod metrics_source;
mod observe;
mod own_series;
mod page;
mod publish;
mod reconcile;
pub mod replay;
pub mod resolve;
pub mod retention;
pub mod roam;
pub mod search;
mod session;
pub mod shrunk;
mod slices;
pub mod sources;
mod suites;
mod supervise;
mod turns;
pub mod view;

pub use bundle::{Bundle, FOLDERS, PROGRAMME, SuiteDocument, Texts};
pub use drive::score_text;
pub use installation::{Installation, OpenError};
pub use reconcile::{AskError, Asked, Worker, abort_mark, ask, verdict_of};
pub use view::{Notice, View};
