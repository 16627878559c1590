//! From what is there to `signals.yaml`: proposals from a place's metric families, and imports of what others declared.
//!
//! Invariant: whatever is written validates against [`crate::documents::signals`]; what cannot be expressed is named
//! with its reason and never replaced by something that means something else.

pub mod import;
pub mod names;
pub mod place;
pub mod proposal;
pub mod suggest;
pub mod write;
