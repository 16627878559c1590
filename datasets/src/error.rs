//! Why evidence could not be written or read.

use crate::digest::Digest;
use std::io;
use std::path::{Path, PathBuf};

/// What a person can do; printed after the error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint(pub String);

/// A failed operation of the evidence store.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// No space, or a quota.
    #[error("failed to write {}: no space left", path.display())]
    Full {
        /// File or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The folder cannot be written.
    #[error("failed to write {}: not writable", path.display())]
    ReadOnly {
        /// File or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Any other input or output.
    #[error("failed to {doing} {}", path.display())]
    Io {
        /// What was tried, a verb.
        doing: &'static str,
        /// File or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// No evidence has this address.
    #[error("no evidence {digest}")]
    NotFound {
        /// Address.
        digest: Digest,
    },
    /// The bytes are not those that were written.
    #[error("evidence {digest} is damaged: {file}: {what}")]
    Damaged {
        /// Address.
        digest: Digest,
        /// File in its folder.
        file: String,
        /// What is wrong with it.
        what: String,
    },
    /// Written by a newer Mettle.
    #[error("evidence {digest} has schema {found}, this program reads up to {known}")]
    Newer {
        /// Address.
        digest: Digest,
        /// Its schema.
        found: u64,
        /// Newest schema that is known.
        known: u64,
    },
    /// The evidence breaks a rule of the schema.
    #[error("evidence cannot be stored: series {series} `{name}`: {what}")]
    BadSeries {
        /// Place in the list of series.
        series: usize,
        /// Metric name.
        name: String,
        /// Rule that is broken.
        what: String,
    },
    /// A table could not be written.
    #[error("failed to write a table of samples")]
    Table {
        /// What the library said.
        #[source]
        source: parquet::errors::ParquetError,
    },
    /// A slice of a recording is not what was written.
    #[error("the slice {} of a recording is damaged: {what}", path.display())]
    Slice {
        /// File.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Somebody else appends to the recording.
    #[error("the recording {} is in use by another process", path.display())]
    InUse {
        /// Folder.
        path: PathBuf,
    },
    /// A soak whose id cannot name a folder.
    #[error("`{soak}` cannot name a recording")]
    NoName {
        /// Its id.
        soak: String,
    },
    /// The JSON part could not be written.
    #[error("failed to write {file}")]
    Json {
        /// File.
        file: &'static str,
        /// What serde said.
        #[source]
        source: serde_json::Error,
    },
    /// The export would overwrite something.
    #[error("{} exists already", path.display())]
    TargetExists {
        /// Where the export should go.
        path: PathBuf,
    },
}

impl EvidenceError {
    /// Sorts a system error by what a person can do about it.
    pub(crate) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => EvidenceError::Full { path, source },
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied if doing != "read" => {
                EvidenceError::ReadOnly { path, source }
            }
            _ => EvidenceError::Io { doing, path, source },
        }
    }

    /// What can be done.
    pub fn hints(&self) -> Vec<Hint> {
        let text = match self {
            EvidenceError::Full { .. } => {
                "free some space, or move the folder `evidence` to a larger disk; nothing was stored"
            }
            EvidenceError::ReadOnly { .. } => "make the folder writable for this user; nothing was stored",
            EvidenceError::NotFound { .. } => "run `mettle evidence ls` to see what is there",
            EvidenceError::Damaged { .. } => {
                "restore the folder of this evidence from a backup; verdicts bound to it cannot be replayed until then"
            }
            EvidenceError::Newer { .. } => "use a program at least as new as the one that recorded it",
            EvidenceError::Slice { .. } => {
                "restore the file from a backup, or move it and the slices after it away: the recording then ends before it"
            }
            EvidenceError::InUse { .. } => "end the other worker first",
            EvidenceError::NoName { .. } => "an id has letters, digits, `-` and `_` only",
            EvidenceError::TargetExists { .. } => "choose a folder that does not exist yet",
            EvidenceError::Io { .. }
            | EvidenceError::BadSeries { .. }
            | EvidenceError::Table { .. }
            | EvidenceError::Json { .. } => return Vec::new(),
        };
        vec![Hint(text.to_owned())]
    }
}
