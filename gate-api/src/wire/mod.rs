//! The contract as bytes. Wire types are not domain types: they may grow fields while the domain stays exact.

mod answer;
mod error;
mod request;

pub use answer::{AnswerBody, BasisWord, SubjectBody, VerdictWord};
pub use error::{ErrorBody, ErrorDetail};
pub use request::{CheckRequest, SubjectRequest};

/// Version of the contract.
pub const API_VERSION: &str = "mettle/v1";
