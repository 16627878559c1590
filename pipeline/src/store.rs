//! The worker's own tables in the installation's database: soaks, baseline runs, outbox, fault journal, seen tags.
//!
//! Every write is one transaction with `synchronous = FULL`: what was acknowledged survives a kill and a power cut.

use crate::soak::baseline::Run;
use crate::soak::{Soak, SoakId};
use chrono::{DateTime, Utc};
use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior, params};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a write waits for the gate's writes to the same file.
const BUSY: Duration = Duration::from_secs(5);

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS soak (
  id TEXT PRIMARY KEY, product TEXT NOT NULL, tag TEXT NOT NULL, landscape TEXT NOT NULL,
  ended INTEGER NOT NULL, token INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS soak_open ON soak (landscape, ended);
CREATE TABLE IF NOT EXISTS run (soak TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS outbox (soak TEXT PRIMARY KEY, body TEXT NOT NULL, tries INTEGER NOT NULL, last_error TEXT);
CREATE TABLE IF NOT EXISTS fault (id TEXT PRIMARY KEY, state TEXT NOT NULL, body TEXT NOT NULL, at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tag (product TEXT NOT NULL, name TEXT NOT NULL, commit_id TEXT NOT NULL, PRIMARY KEY (product, name));
CREATE TABLE IF NOT EXISTS mark (name TEXT PRIMARY KEY, value TEXT NOT NULL);
";

/// A failed use of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file could not be opened.
    #[error("cannot open the store {path}; is the folder writable?")]
    Open {
        /// File.
        path: PathBuf,
        /// Cause.
        #[source]
        source: rusqlite::Error,
    },
    /// No room or no right to write. Nothing was changed.
    #[error(
        "cannot write to the store ({what}); nothing was changed; free space or make the folder writable, then start again"
    )]
    NotWritable {
        /// `disk full` or `read only`.
        what: &'static str,
        /// Cause.
        #[source]
        source: rusqlite::Error,
    },
    /// Another worker has taken the soak since.
    #[error("soak {soak} was taken by another worker (token {stored}, ours {ours})")]
    Fenced {
        /// Soak.
        soak: SoakId,
        /// Token in the store.
        stored: i64,
        /// Our token.
        ours: i64,
    },
    /// A row that this version cannot read.
    #[error("the store holds a {what} that this version cannot read")]
    Unreadable {
        /// Kind of row.
        what: &'static str,
        /// Cause.
        #[source]
        source: serde_json::Error,
    },
    /// Any other failure.
    #[error("the store failed")]
    Sql(#[source] rusqlite::Error),
}

impl From<rusqlite::Error> for StoreError {
    fn from(source: rusqlite::Error) -> Self {
        match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::NotWritable { what: "disk full", source },
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen) => StoreError::NotWritable { what: "read only", source },
            _ => StoreError::Sql(source),
        }
    }
}

/// Result of a use of the store.
pub type StoreResult<T> = Result<T, StoreError>;

/// A publication that waits for git.
#[derive(Clone, Debug, PartialEq)]
pub struct Outgoing {
    /// Soak.
    pub soak: SoakId,
    /// The publication as JSON.
    pub body: String,
    /// Tries so far.
    pub tries: u32,
    /// What the last try said.
    pub last_error: Option<String>,
}

/// The worker's store. Cloning shares the connection.
#[derive(Clone, Debug)]
pub struct Store {
    db: Arc<Mutex<Connection>>,
}

impl Store {
    /// Opens or creates the database at `path`.
    ///
    /// # Errors
    /// [`StoreError::Open`] when the file cannot be opened or created.
    pub fn open(path: &Path) -> StoreResult<Self> {
        let open = |source| StoreError::Open { path: path.to_owned(), source };
        let db = Connection::open(path).map_err(open)?;
        db.busy_timeout(BUSY).map_err(open)?;
        db.pragma_update(None, "journal_mode", "WAL").map_err(open)?;
        db.pragma_update(None, "synchronous", "FULL").map_err(open)?;
        db.execute_batch(SCHEMA).map_err(open)?;
        Ok(Store { db: Arc::new(Mutex::new(db)) })
    }

    fn db(&self) -> MutexGuard<'_, Connection> {
        // A panic while holding the lock rolled its transaction back; the connection is sound.
        self.db.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a soak. The caller's token must not be older than the stored one.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] when another worker took it; otherwise as the disk says.
    pub fn put_soak(&self, soak: &Soak) -> StoreResult<()> {
        let mut db = self.db();
        // Immediate: a read that becomes a write fails at once when another process wrote in between, without waiting.
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let stored: Option<i64> =
            tx.query_row("SELECT token FROM soak WHERE id = ?1", [soak.id.as_str()], |r| r.get(0)).optional()?;
        if let Some(stored) = stored.filter(|t| *t > soak.token) {
            return Err(StoreError::Fenced { soak: soak.id.clone(), stored, ours: soak.token });
        }
        tx.execute(
            "INSERT INTO soak (id, product, tag, landscape, ended, token, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (id) DO UPDATE SET ended = ?5, token = ?6, body = ?7",
            params![soak.id.as_str(), soak.product, soak.tag, soak.landscape, soak.ended(), soak.token, write(soak)?],
        )?;
        tx.commit()?;
        Ok(())
    }

    /// One soak.
    ///
    /// # Errors
    /// As the disk says.
    pub fn soak(&self, id: &SoakId) -> StoreResult<Option<Soak>> {
        let body: Option<String> =
            self.db().query_row("SELECT body FROM soak WHERE id = ?1", [id.as_str()], |r| r.get(0)).optional()?;
        body.map(|b| read("soak", &b)).transpose()
    }

    /// All soaks of a product, oldest first.
    ///
    /// # Errors
    /// As the disk says.
    pub fn soaks(&self, product: &str) -> StoreResult<Vec<Soak>> {
        self.bodies("soak", "SELECT body FROM soak WHERE product = ?1 ORDER BY id", product)
    }

    /// All soaks of the installation, oldest first.
    ///
    /// # Errors
    /// As the disk says.
    pub fn every_soak(&self) -> StoreResult<Vec<Soak>> {
        self.bodies("soak", "SELECT body FROM soak WHERE ?1 = ?1 ORDER BY id", "")
    }

    /// Soaks of a landscape that have not ended, oldest first.
    ///
    /// # Errors
    /// As the disk says.
    pub fn open_soaks(&self, landscape: &str) -> StoreResult<Vec<Soak>> {
        self.bodies("soak", "SELECT body FROM soak WHERE landscape = ?1 AND ended = 0 ORDER BY id", landscape)
    }

    fn bodies<T: serde::de::DeserializeOwned>(&self, what: &'static str, sql: &str, key: &str) -> StoreResult<Vec<T>> {
        let db = self.db();
        let mut stmt = db.prepare_cached(sql)?;
        let rows = stmt.query_map([key], |r| r.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        rows.iter().map(|b| read(what, b)).collect()
    }

    /// Adds a run to the baseline candidates; twice is once.
    ///
    /// # Errors
    /// As the disk says.
    pub fn put_run(&self, run: &Run) -> StoreResult<()> {
        self.db().execute("INSERT OR REPLACE INTO run (soak, body) VALUES (?1, ?2)", params![run.soak, write(run)?])?;
        Ok(())
    }

    /// All runs that may serve as baseline.
    ///
    /// # Errors
    /// As the disk says.
    pub fn runs(&self) -> StoreResult<Vec<Run>> {
        self.bodies("run", "SELECT body FROM run WHERE ?1 = ?1 ORDER BY soak", "")
    }

    /// Queues a publication; twice is once.
    ///
    /// # Errors
    /// As the disk says.
    pub fn queue(&self, soak: &SoakId, body: &str) -> StoreResult<()> {
        self.db().execute(
            "INSERT OR REPLACE INTO outbox (soak, body, tries) VALUES (?1, ?2, 0)",
            params![soak.as_str(), body],
        )?;
        Ok(())
    }

    /// Publications that wait, oldest first.
    ///
    /// # Errors
    /// As the disk says.
    pub fn outgoing(&self) -> StoreResult<Vec<Outgoing>> {
        let db = self.db();
        let mut stmt = db.prepare_cached("SELECT soak, body, tries, last_error FROM outbox ORDER BY soak")?;
        let row = |r: &rusqlite::Row<'_>| {
            Ok(Outgoing {
                soak: SoakId::from(r.get::<_, String>(0)?),
                body: r.get(1)?,
                tries: r.get(2)?,
                last_error: r.get(3)?,
            })
        };
        Ok(stmt.query_map([], row)?.collect::<Result<Vec<_>, _>>()?)
    }

    /// A publication was pushed.
    ///
    /// # Errors
    /// As the disk says.
    pub fn sent(&self, soak: &SoakId) -> StoreResult<()> {
        self.db().execute("DELETE FROM outbox WHERE soak = ?1", [soak.as_str()])?;
        Ok(())
    }

    /// A publication could not be pushed.
    ///
    /// # Errors
    /// As the disk says.
    pub fn not_sent(&self, soak: &SoakId, why: &str) -> StoreResult<()> {
        self.db().execute(
            "UPDATE outbox SET tries = tries + 1, last_error = ?2 WHERE soak = ?1",
            params![soak.as_str(), why],
        )?;
        Ok(())
    }

    /// Writes the state of a fault (intent before injection).
    ///
    /// # Errors
    /// As the disk says.
    pub fn put_fault(&self, id: &str, state: &str, body: &str, now: DateTime<Utc>) -> StoreResult<()> {
        self.db().execute(
            "INSERT OR REPLACE INTO fault (id, state, body, at) VALUES (?1, ?2, ?3, ?4)",
            params![id, state, body, now.to_rfc3339()],
        )?;
        Ok(())
    }

    /// Faults that are not in `state`, as (id, body).
    ///
    /// # Errors
    /// As the disk says.
    pub fn faults_not(&self, state: &str) -> StoreResult<Vec<(String, String)>> {
        let db = self.db();
        let mut stmt = db.prepare_cached("SELECT id, body FROM fault WHERE state <> ?1 ORDER BY id")?;
        Ok(stmt.query_map([state], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<Result<Vec<_>, _>>()?)
    }

    /// Remembers the commit at which a tag was first seen and returns it: a later difference means that the tag moved.
    ///
    /// # Errors
    /// As the disk says.
    pub fn first_commit(&self, product: &str, tag: &str, commit: &str) -> StoreResult<String> {
        let db = self.db();
        db.execute(
            "INSERT OR IGNORE INTO tag (product, name, commit_id) VALUES (?1, ?2, ?3)",
            params![product, tag, commit],
        )?;
        Ok(db.query_row("SELECT commit_id FROM tag WHERE product = ?1 AND name = ?2", params![product, tag], |r| {
            r.get(0)
        })?)
    }

    /// A named mark, for instance when the clock triggers were last looked at.
    ///
    /// # Errors
    /// As the disk says.
    pub fn mark(&self, name: &str) -> StoreResult<Option<String>> {
        Ok(self.db().query_row("SELECT value FROM mark WHERE name = ?1", [name], |r| r.get(0)).optional()?)
    }

    /// Sets a named mark.
    ///
    /// # Errors
    /// As the disk says.
    pub fn set_mark(&self, name: &str, value: &str) -> StoreResult<()> {
        self.db().execute("INSERT OR REPLACE INTO mark (name, value) VALUES (?1, ?2)", params![name, value])?;
        Ok(())
    }
}

fn write<T: serde::Serialize>(value: &T) -> StoreResult<String> {
    serde_json::to_string(value).map_err(|source| StoreError::Unreadable { what: "value", source })
}

fn read<T: serde::de::DeserializeOwned>(what: &'static str, body: &str) -> StoreResult<T> {
    serde_json::from_str(body).map_err(|source| StoreError::Unreadable { what, source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soak::State;
    use crate::soak::record::{Cause, Subject};

    fn soak() -> Soak {
        let subject =
            Subject { product: "shop".into(), tag: "v1.0.0".into(), commit: "c".into(), landscape: "staging".into() };
        Soak::request(subject, Cause::Idle, Utc::now())
    }

    #[test]
    fn a_stale_worker_cannot_write() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(&dir.path().join("store.db")).expect("opens");
        let mut ours = soak();
        store.put_soak(&ours).expect("writes");
        let mut theirs = ours.clone();
        theirs.token = 2;
        store.put_soak(&theirs).expect("the newer token writes");
        ours.state = State::Planned;
        assert!(matches!(store.put_soak(&ours), Err(StoreError::Fenced { stored: 2, ours: 0, .. })));
        assert_eq!(store.soak(&ours.id).expect("reads").map(|s| s.state), Some(State::Requested));
    }

    #[test]
    fn what_was_written_is_there_after_a_reopen() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("store.db");
        let soak = soak();
        {
            let store = Store::open(&path).expect("opens");
            store.put_soak(&soak).expect("writes");
            store.queue(&soak.id, "{}").expect("queues");
            store.queue(&soak.id, "{}").expect("queues again");
        }
        let store = Store::open(&path).expect("opens");
        assert_eq!(store.open_soaks("staging").expect("reads"), vec![soak.clone()]);
        assert_eq!(store.outgoing().expect("reads").len(), 1, "queued twice is queued once");
        store.sent(&soak.id).expect("removes");
        assert!(store.outgoing().expect("reads").is_empty());
    }

    #[test]
    fn a_moved_tag_keeps_its_first_commit() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(&dir.path().join("store.db")).expect("opens");
        assert_eq!(store.first_commit("shop", "v1.0.0", "a").expect("writes"), "a");
        assert_eq!(store.first_commit("shop", "v1.0.0", "b").expect("reads"), "a");
    }
}
