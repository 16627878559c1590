//! Faults that always end: experiments, planner, checker, executor, leases, and the data plane of every edge.
//!
//! The life of a fault is check, intent, lease, inject, verify and measure, hold, undo by id, residual scan, record.
//! A fault is an entry in the table of an [`proxy::Edge`], or something that a [`holder`] process keeps in place; both
//! are bound to a lease: whoever stops renewing loses it within [`lease::LEASE_TTL`], and a dead process takes its
//! edges and its holders along. Time comes from [`clock::Clock`]
//! (wall clock, for records) and from the runtime's timer (leases, holds); chance comes from seeds.

pub mod act;
pub mod amount;
pub mod candidates;
pub mod clock;
pub mod covering;
mod digest;
pub mod document;
pub mod execute;
pub mod fault;
pub mod holder;
pub mod host;
pub mod import;
pub mod inventory;
pub mod journal;
pub mod landscape;
pub mod lease;
pub mod load;
pub mod pidfd;
pub mod plan;
pub mod probe;
pub mod problem;
pub mod proc_table;
pub mod proxy;
pub mod residual;
pub mod road;
pub mod sandbox;
pub mod setting;
pub mod shifted_clock;
pub mod shrink;
pub mod span;
mod template;
mod thread_choice;
pub mod threshold;
mod tls;
pub mod toxiproxy;
mod user_namespace;

pub use template::template;
pub use thread_choice::ThreadChoice;
