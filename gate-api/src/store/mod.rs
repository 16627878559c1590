//! What the gate keeps. Calls block: from async code use `spawn_blocking`.

mod sqlite;

pub use sqlite::{Frozen, SqliteStore, read_only};

use crate::facts::{Facts, LandscapeFact, PageData, ScheduleFact, SoakFact, TagFact, VerdictRecord};
use chrono::{DateTime, Utc};
use std::path::PathBuf;

/// Who changes state, and when.
#[derive(Clone, Copy, Debug)]
pub struct Act<'a> {
    /// Who, for the audit trail.
    pub by: &'a str,
    /// When.
    pub at: DateTime<Utc>,
}

/// What the audit chain looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditCheck {
    /// Every row follows from the one before.
    Intact {
        /// Rows.
        rows: u64,
    },
    /// A row was changed, removed or inserted.
    Broken {
        /// Sequence number of the first row that does not fit.
        at: i64,
    },
}

/// What is known of all products, bounded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overview {
    /// Landscapes, by product and name.
    pub landscapes: Vec<LandscapeFact>,
    /// The newest tags, newest first, once for every landscape of their product.
    pub tags: Vec<Facts>,
    /// Tags that are known in all.
    pub tags_known: usize,
}

/// A store operation that failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file could not be opened.
    #[error("failed to open the store {path}")]
    Open {
        /// File.
        path: PathBuf,
        /// Cause.
        #[source]
        source: rusqlite::Error,
    },
    /// The file was written by a newer release.
    #[error("the store has schema {found}, this release knows {known}")]
    Newer {
        /// Version in the file.
        found: i64,
        /// Version of this release.
        known: i64,
    },
    /// The disk is full.
    #[error("failed to {what}: the disk is full")]
    Full {
        /// Operation.
        what: &'static str,
        /// Cause.
        #[source]
        source: rusqlite::Error,
    },
    /// The file or its folder cannot be written.
    #[error("failed to {what}: the store is read-only")]
    ReadOnly {
        /// Operation.
        what: &'static str,
        /// Cause.
        #[source]
        source: rusqlite::Error,
    },
    /// The file was opened for reading in a folder that could not be written, and was written since.
    #[error("the store {path} was opened in a read-only folder and has changed since")]
    Thawed {
        /// File.
        path: PathBuf,
    },
    /// Any other failure of the engine.
    #[error("failed to {what}")]
    Engine {
        /// Operation.
        what: &'static str,
        /// Cause.
        #[source]
        source: rusqlite::Error,
    },
    /// A record cannot be written or read back as what it is (NaN where a number must be).
    #[error("failed to {what}: the record cannot be kept as it is")]
    Record {
        /// Operation.
        what: &'static str,
        /// Cause.
        #[source]
        source: serde_json::Error,
    },
    /// A page is larger than a page may be.
    #[error("the page of soak {soak} is too large: {excess}")]
    TooLarge {
        /// Soak id.
        soak: String,
        /// What there is too much of.
        excess: String,
    },
    /// A verdict is written once; another one came for the same soak.
    #[error("soak {soak} has another verdict already")]
    Conflict {
        /// Soak id.
        soak: String,
    },
}

impl StoreError {
    /// What a person can do.
    pub fn hints(&self) -> Vec<String> {
        let hint = match self {
            StoreError::Open { .. } => "check that the folder exists and that this user may write to it",
            StoreError::Newer { .. } => "use the release that wrote the store, or a newer one",
            StoreError::Full { .. } => "free space on the disk of the store; nothing was lost, the change was not made",
            StoreError::ReadOnly { .. } => "make the folder of the store writable; answers stay available meanwhile",
            StoreError::Thawed { .. } => "start this program again, so that it reads what is there now",
            StoreError::Engine { .. } => "check the disk; see the log for the cause",
            StoreError::Record { .. } => "a number is not finite or a field is missing; the cause names it",
            StoreError::TooLarge { .. } => "draw fewer points; a page is a picture, the evidence keeps every sample",
            StoreError::Conflict { .. } => "publish each soak once; a re-judgement needs a soak of its own",
        };
        vec![hint.to_owned()]
    }
}

/// Keeps facts and verdicts.
pub trait GateStore: Send + Sync {
    /// Writes a landscape.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was changed then. The same holds for every `put_*`.
    fn put_landscape(&self, fact: &LandscapeFact, act: Act<'_>) -> Result<(), StoreError>;
    /// Writes a tag.
    ///
    /// # Errors
    /// As [`GateStore::put_landscape`].
    fn put_tag(&self, fact: &TagFact, act: Act<'_>) -> Result<(), StoreError>;
    /// Writes a soak; only a change of its state is audited, progress is not.
    ///
    /// # Errors
    /// As [`GateStore::put_landscape`].
    fn put_soak(&self, fact: &SoakFact, act: Act<'_>) -> Result<(), StoreError>;
    /// Writes what the triggers say.
    ///
    /// # Errors
    /// As [`GateStore::put_landscape`].
    fn put_schedule(&self, fact: &ScheduleFact, act: Act<'_>) -> Result<(), StoreError>;
    /// Writes a verdict, once per soak; the same record again changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] for another record of the same soak; else as [`GateStore::put_landscape`].
    fn put_verdict(&self, record: &VerdictRecord, act: Act<'_>) -> Result<(), StoreError>;
    /// The worker of a landscape says that it is there. Only its first word is audited.
    ///
    /// # Errors
    /// As [`GateStore::put_landscape`].
    fn put_heartbeat(&self, product: &str, landscape: &str, act: Act<'_>) -> Result<(), StoreError>;
    /// Everything about a tag in a landscape, read in one transaction.
    ///
    /// # Errors
    /// [`StoreError`] when nobody could look.
    fn facts(&self, product: &str, landscape: &str, tag: &str) -> Result<Facts, StoreError>;
    /// Writes what the page of a soak draws; written again it replaces the former. Not audited: it decides nothing.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] beyond the limits of [`crate::facts::page`]; else as [`GateStore::put_landscape`].
    fn put_page(&self, page: &PageData) -> Result<(), StoreError>;
    /// What the page of a soak draws, if the worker wrote it.
    ///
    /// # Errors
    /// [`StoreError`] when nobody could look.
    fn page(&self, soak: &str) -> Result<Option<PageData>, StoreError>;
    /// Landscapes, and the `most` newest tags in each, read in one transaction.
    ///
    /// # Errors
    /// [`StoreError`] when nobody could look.
    fn overview(&self, most: usize) -> Result<Overview, StoreError>;
    /// Everything about a tag in every landscape of its product, read in one transaction. Empty: no such landscape.
    ///
    /// # Errors
    /// [`StoreError`] when nobody could look.
    fn tag(&self, product: &str, tag: &str) -> Result<Vec<Facts>, StoreError>;
    /// Walks the audit chain.
    ///
    /// # Errors
    /// [`StoreError`] when nobody could look.
    fn check_audit(&self) -> Result<AuditCheck, StoreError>;
}
