//! Whole soaks of small products by the real binary: what people do to them, and what the world does.
#![allow(clippy::unwrap_used)] // a failed step of a test fails the test; helpers outside of #[test] are tests too

#[path = "../world/mod.rs"]
mod world;

mod bucket;
mod disk;
mod documents;
mod evidence;
mod loops;
mod people;
mod products;
mod remotes;
mod replays;
mod slices;
mod sources;
