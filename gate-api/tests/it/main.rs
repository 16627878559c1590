//! The gate from outside: decisions, store, HTTP faces, pages, metrics, contract.
#![allow(clippy::unwrap_used, reason = "a step of a test that fails is a failed test")]

mod chromium;
mod contract;
mod decisions;
mod faces;
mod given;
mod metrics;
mod pages;
mod refusals;
mod served;
mod stopping;
mod store;
mod story;
