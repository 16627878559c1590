//! A thin typed layer over the `git` program.
//!
//! Invariant: every call has a deadline and is killed with its helpers when it passes; nothing asks a person;
//! credentials come from git's own helpers alone and never appear in an error.

mod error;
mod history;
mod mirror;
mod object;
mod push;
mod remote;
mod run;
pub mod worktree;

pub use error::GitError;
pub use history::{CommitRecord, History, Side};
pub use mirror::{Fetched, Mirror, MovedTag, TagRef};
pub use object::{Change, NewCommit, NewTag, ObjectStore, Signature};
pub use push::{PushOutcome, RefUpdate};
pub use remote::{Remote, RemoteError, redact};
pub use run::{Git, LOCAL_DEADLINE, NETWORK_DEADLINE};

use serde::{Deserialize, Serialize};
use std::fmt;

/// Full name of a git object: 40 (SHA-1) or 64 (SHA-256) lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Oid(String);

impl Oid {
    /// The object name in `text`, if it is a full one.
    pub fn parse(text: &str) -> Option<Oid> {
        let legal = matches!(text.len(), 40 | 64) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        legal.then(|| Oid(text.to_owned()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
