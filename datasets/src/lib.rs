//! Evidence at rest: immutable, addressed by digest, checked at every reading.
//!
//! The only crate that knows Polars. `manifest` and `samples` say how it lies on the disk.

mod digest;
mod error;
mod files;
mod manifest;
mod rest;
mod samples;
mod store;

pub use digest::{Digest, DigestError};
pub use error::{EvidenceError, Hint};
pub use manifest::SCHEMA;
pub use store::{Entry, EvidenceStore, Problem};
