//! Measures the rates that the method promises (G1 to G5) and holds them to the promise.
//!
//! Every cell is simulated with its own seeds and compared with its promise, widened by the 99.9 % binomial limit of
//! the repetitions. `METTLE_REPS` sets the repetitions (2,000 by default), `METTLE_TABLE` names a file that receives
//! all rates as a table; `./dev bench --calibrate` sets both.

mod aa;
mod cells;
mod changes;
mod demo;
mod demo_data;
mod distribution;
mod ever;
mod invariants;
mod pass;
mod power;
mod power_promise;
mod rng;
mod shapes;
mod table;
mod tag;
mod trial;
