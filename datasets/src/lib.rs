//! Evidence at rest: immutable, addressed by digest, checked at every reading.
//!
//! The only crate that knows Polars. docs/evidence.md says how it lies on the disk.

mod digest;
mod error;
mod files;
mod label_text;
mod labelled;
mod long;
mod manifest;
mod mirror;
mod parquet;
mod recording;
mod rest;
mod samples;
mod scan;
mod store;
mod table;

pub use digest::{Digest, DigestError};
pub use error::{EvidenceError, Hint};
pub use labelled::{Label, LabelledCase, read_cases};
pub use long::{LongSeries, read_long};
pub use manifest::SCHEMA;
pub use mirror::{Bucket, Credentials, Mirror, MirrorError, Said, Uploaded};
pub use recording::{Recording, RecordingId};
pub use store::{Entry, EvidenceStore, Problem};
pub use table::TableError;
