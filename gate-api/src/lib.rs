//! The promotion question: may this subject go on?
//!
//! `facts` is what the worker writes, `decide` is pure, `store` keeps facts and decisions, `answer` joins them into
//! the body of the contract. Judging happens elsewhere; asking is a lookup.
//!
//! Invariant: a fact that is missing, unreadable, stale or about something else denies or waits; it never allows.

pub mod answer;
pub mod decide;
pub mod facts;
pub mod gate;
pub mod http;
pub mod page;
pub mod question;
pub mod store;
pub mod wire;

pub use answer::{Answer, AnswerError, answer};
pub use decide::{Decision, Status, decide};
pub use gate::Gate;
pub use question::Question;
pub use store::{GateStore, SqliteStore, StoreError};
