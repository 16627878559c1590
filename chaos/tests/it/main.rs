//! Faults against real servers and processes on loopback.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]
mod component;
mod document;
mod doses;
mod exchange;
#[path = "../actor/experiment.rs"]
mod experiment;
#[path = "../actor/faults.rs"]
mod faults;
mod holder;
mod import;
#[path = "../actor/landscape.rs"]
mod landscape;
mod life;
mod mixture;
mod orders;
mod peer;
mod plan;
mod proxy;
mod reboot;
mod road;
mod safety;
mod sandbox;
mod sandbox_faults;
mod stage;
mod stream;
mod threads;
mod tls;
mod toggles;
mod toxiproxy;
mod wired;
