//! Integration tests of the binary and the rooms of the pipeline, with real components.
#![allow(clippy::unwrap_used)] // a failed step of a test fails the test; helpers outside of #[test] are tests too

mod changelog;
mod cli_backtest;
mod cli_baseline;
mod cli_chaos;
mod cli_decided;
mod cli_documents;
mod cli_files;
mod cli_gate;
mod cli_init;
mod cli_judge;
mod cli_loads;
mod cli_output;
mod cli_place;
mod cli_reference;
mod cli_roam;
mod cli_signals;
mod cli_signals_landscape;
mod cli_soak;
mod cli_support;
mod git_ledger;
mod git_support;
mod golden;
mod landscape;
mod sandbox;
mod signals_doubtful;
mod signals_formed;
mod signals_suggest;
mod tidy;
