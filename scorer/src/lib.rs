//! The scorer: evidence in, verdict out. Pure values, no I/O, no clock, no randomness, no async.
//!
//! `evidence`, `signal`, `policy` and `verdict` are the vocabulary that every other crate speaks;
//! the rest is the method `mettle-2`; each file says which part of it.

pub mod assess;
pub mod comparable;
pub mod compat;
pub mod evidence;
mod explain;
mod extent;
mod facts;
mod folds;
pub mod form;
mod gaps;
pub mod grid;
pub mod histogram;
pub mod hypothesis;
pub mod margin;
pub mod metric;
pub mod native;
pub mod objectives;
mod onset;
mod pairing;
pub mod policy;
pub mod quantity;
mod reading;
mod reasons;
pub mod recording;
pub mod resilience_input;
pub mod selector;
pub mod shape;
pub mod signal;
pub mod verdict;

pub mod backtest;
mod between;
mod channels;
pub mod combine;
mod contrast;
mod cosines;
mod counts;
mod descriptive;
pub mod features;
mod gram;
pub mod growth;
pub mod interim;
pub mod judge;
mod kernels;
mod longrun;
pub mod looks;
mod measure;
mod order;
mod peak;
pub mod power;
mod prepare;
pub mod pvalue;
mod radix;
mod ranks;
pub mod rates;
pub mod report;
pub mod resilience;
pub mod score;
pub mod single;
pub mod special;
pub mod survival;
mod tables;
mod tail;
mod thin;
pub mod trend;

pub use descriptive::median;
pub use evidence::{Evidence, RawSeries};
pub use policy::Policy;
pub use signal::Signal;
pub use verdict::{Judgement, Verdict};

/// Name of the method; bumped when a number could change.
pub const METHOD: &str = "mettle-2";
