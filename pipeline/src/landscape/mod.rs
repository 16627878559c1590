//! The local landscape: a product's programs as supervised processes of one Linux host, without root.
//!
//! Invariant: nothing that is started here outlives Mettle. Each component runs under a [`reaper`] that ends the
//! component's whole tree when Mettle's end of its lifeline closes, for whatever reason; what escapes even that is
//! found by its mark at the next start ([`residual`]).

pub mod deployment;
mod edges;
pub mod events;
pub mod faults;
mod health;
mod instance;
pub mod local;
mod logs;
mod order;
pub mod ports;
pub mod problem;
mod process;
pub mod processes;
pub mod quantity;
pub mod reaper;
pub mod residual;
mod tree_end;
