//! Faults against real servers and processes on loopback.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]
mod document;
mod life;
mod plan;
mod proxy;
mod stage;
