//! The documents that people write: read from YAML with positions, checked against their JSON Schema so that all
//! problems are reported at once, and only then turned into values.

pub mod folder;
pub mod judge_policy;
pub mod kind;
pub mod landscape;
pub mod problem;
pub mod product;
pub mod programme;
pub mod quantity;
pub mod read;
pub mod schema;
pub mod settings;
pub mod signals;
pub mod yaml;

pub use problem::{Complaint, Problem, Problems};
pub use read::{Document, read_file, read_text, salvage};
