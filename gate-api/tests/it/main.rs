//! The gate from outside: decisions, store, HTTP faces, pages, metrics, contract.

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
