//! The probes against real servers on loopback and real processes.
// Helpers beside the test functions may fail a test in the same way as these.
#![allow(clippy::unwrap_used)] // a failed step of a test fails the test; helpers outside of #[test] are tests too

mod business;
mod catalogue;
mod exposition;
mod load;
mod metrics_server;
mod reach;
mod recorder;
mod security;
mod seeds;
mod server;
