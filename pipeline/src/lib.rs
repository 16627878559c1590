//! The soak: product and landscape documents, git, deployers, the state machine, the scheduler and the binary.

pub mod builtin;
pub mod changelog;
pub mod cli;
pub mod crash;
pub mod demo;
pub mod digest;
pub mod documents;
pub mod files;
pub mod git;
pub mod init;
pub mod landscape;
pub mod ledger;
pub mod note;
pub mod remedy;
pub mod report;
pub mod signals;
pub mod soak;
pub mod store;
pub mod version;
pub mod worker;
