//! Faults of the files of a component.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

/// What goes wrong, with which operations on which files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileFault {
    /// Operations.
    pub operations: BTreeSet<FileOperation>,
    /// Pattern of paths below the folder; `None` for all.
    pub path: Option<String>,
    /// Probability for each operation, in (0, 1].
    pub share: f64,
    /// What happens.
    pub effect: FileEffect,
}

/// What an operation meets.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FileEffect {
    /// It fails and nothing is done.
    Error(FileError),
    /// It is done later.
    Delay {
        /// Mean time.
        delay: Duration,
        /// Half width of a uniform spread around it.
        jitter: Duration,
    },
    /// A write stores only its first part.
    Tear(TornEnd),
}

/// What a torn write says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum TornEnd {
    /// EIO: the writer knows that something is wrong, not what.
    #[default]
    Error,
    /// Success: the writer learns of it when it reads again.
    Success,
}

/// Operations that can go wrong. Looking a name up and reading attributes never do: no path would lead anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FileOperation {
    /// Opening a file that exists.
    Open,
    /// Reading what the kernel has not in memory.
    Read,
    /// Writing.
    Write,
    /// `fsync`, `fdatasync`, of files and folders.
    Fsync,
    /// Making a file, folder, link or node.
    Create,
    /// Removing a name.
    Remove,
    /// Renaming.
    Rename,
    /// Listing a folder.
    List,
    /// Another length: `truncate`, `fallocate`.
    Resize,
}

/// Errors of operations on files, by the names of `errno`(3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum FileError {
    /// Input/output error.
    Eio,
    /// No space left on the device.
    Enospc,
    /// Quota exceeded.
    Edquot,
    /// Read-only file system.
    Erofs,
    /// Permission denied.
    Eacces,
    /// Too many open files.
    Emfile,
    /// Stale file handle.
    Estale,
    /// Timed out.
    Etimedout,
}

impl FileError {
    /// The number that programs see.
    pub fn number(self) -> i32 {
        use nix::libc;
        match self {
            FileError::Eio => libc::EIO,
            FileError::Enospc => libc::ENOSPC,
            FileError::Edquot => libc::EDQUOT,
            FileError::Erofs => libc::EROFS,
            FileError::Eacces => libc::EACCES,
            FileError::Emfile => libc::EMFILE,
            FileError::Estale => libc::ESTALE,
            FileError::Etimedout => libc::ETIMEDOUT,
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", format!("{self:?}").to_uppercase())
    }
}

impl fmt::Display for FileOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", format!("{self:?}").to_lowercase())
    }
}
