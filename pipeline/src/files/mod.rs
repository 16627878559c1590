//! The scorer without the rest of Mettle: judging, planning and testing on files.

pub mod backtest;
pub mod judge;
pub mod labelled;
pub mod power;
pub mod recorded;
pub mod terms;
pub mod twins;
