//! The worker's own tables in the installation's database: soaks, baseline runs, outbox, fault journal, seen tags.
//!
//! Every write is one transaction with `synchronous = FULL`: what was acknowledged survives a kill and a power cut.

mod outbox;

pub use outbox::Outgoing;

use crate::crash;
use crate::soak::baseline::Run;
use crate::soak::record::{Cause, Line, Subject};
use crate::soak::{Soak, SoakId, State};
use chrono::{DateTime, TimeDelta, Utc};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Transaction, params};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a write waits for the gate's writes to the same file.
const BUSY: Duration = Duration::from_secs(5);

/// Mark of the latest time that was given to a soak.
const LATEST_MARK: &str = "latest-soak-time";
/// Smallest step between two requests: times are compared to the millisecond by some who read them.
const TICK: TimeDelta = TimeDelta::milliseconds(1);

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS soak (
  id TEXT PRIMARY KEY, product TEXT NOT NULL, tag TEXT NOT NULL, landscape TEXT NOT NULL,
  ended INTEGER NOT NULL, token INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS soak_open ON soak (landscape, ended);
CREATE TABLE IF NOT EXISTS run (soak TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS outbox (
  soak TEXT PRIMARY KEY, body TEXT NOT NULL, tries INTEGER NOT NULL, last_error TEXT, sent INTEGER NOT NULL DEFAULT 0);
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

/// The worker's store. Cloning shares the connection.
#[derive(Clone, Debug)]
pub struct Store {
    db: Arc<Mutex<Connection>>,
    // What has ended changes no more: it is read once, however long the history is.
    ended: Arc<Mutex<HashMap<String, Arc<Line>>>>,
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
        Ok(Store { db: Arc::new(Mutex::new(db)), ended: Arc::default() })
    }

    /// Opens a database in a folder that cannot be written, for reading. Every write is refused.
    ///
    /// # Errors
    /// [`StoreError::Open`] when it is not there or cannot be read as it is.
    pub fn open_to_read(path: &Path) -> StoreResult<Self> {
        let open = |source| StoreError::Open { path: path.to_owned(), source };
        // Not compared with what it was: no answer of a gate comes from these tables.
        let (db, _) = gate_api::store::read_only(path, BUSY).map_err(open)?;
        Ok(Store { db: Arc::new(Mutex::new(db)), ended: Arc::default() })
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
        let tx = writing(&mut db)?;
        let stored: Option<i64> =
            tx.query_row("SELECT token FROM soak WHERE id = ?1", [soak.id.as_str()], |r| r.get(0)).optional()?;
        if let Some(stored) = stored.filter(|t| *t > soak.token) {
            return Err(StoreError::Fenced { soak: soak.id.clone(), stored, ours: soak.token });
        }
        write_soak(&tx, soak)?;
        tx.commit()?;
        Ok(())
    }

    /// Requests a soak. It is later than every time that this store gave to a soak, whatever the clock says: the
    /// newest word about a tag must stay the newest when the clock was set back.
    ///
    /// # Errors
    /// As the disk says.
    pub fn request(&self, subject: Subject, cause: Cause, now: DateTime<Utc>) -> StoreResult<Soak> {
        let mut db = self.db();
        let tx = writing(&mut db)?;
        let later = latest(&tx)?.map_or(now, |latest| now.max(latest + TICK));
        let soak = Soak::request(subject, cause, later);
        write_soak(&tx, &soak)?;
        crash::around("requested", || tx.commit())?;
        Ok(soak)
    }

    /// Writes a soak only if it is stored as `before`: false when it has moved on meanwhile.
    ///
    /// # Errors
    /// As the disk says.
    pub fn replace_soak(&self, before: (&State, i64), soak: &Soak) -> StoreResult<bool> {
        let mut db = self.db();
        let tx = writing(&mut db)?;
        let body: Option<String> =
            tx.query_row("SELECT body FROM soak WHERE id = ?1", [soak.id.as_str()], |r| r.get(0)).optional()?;
        let stored = body.map(|b| read::<Soak>("soak", &b)).transpose()?;
        if stored.is_none_or(|s| (&s.state, s.token) != before) {
            return Ok(false);
        }
        write_soak(&tx, soak)?;
        crash::around("replaced", || tx.commit())?;
        Ok(true)
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
        self.bodies("soak", "SELECT body FROM soak WHERE product = ?1 ORDER BY rowid", product)
    }

    /// All soaks of a product without their judgements, oldest first; for whoever asks again and again.
    ///
    /// # Errors
    /// As the disk says.
    pub fn lines(&self, product: &str) -> StoreResult<Vec<Arc<Line>>> {
        let db = self.db();
        let mut known = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ids = db.prepare_cached("SELECT id FROM soak WHERE product = ?1 ORDER BY rowid")?;
        let ids = ids.query_map([product], |r| r.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
        let mut body = db.prepare_cached("SELECT body FROM soak WHERE id = ?1")?;
        let mut lines = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(line) = known.get(&id) {
                lines.push(line.clone());
                continue;
            }
            let text: String = body.query_row([&id], |r| r.get(0))?;
            let line = Arc::new(Line::from(read::<Soak>("soak", &text)?));
            if line.soak.ended() {
                known.insert(id, line.clone());
            }
            lines.push(line);
        }
        Ok(lines)
    }

    /// All soaks of the installation, oldest first.
    ///
    /// # Errors
    /// As the disk says.
    pub fn every_soak(&self) -> StoreResult<Vec<Soak>> {
        self.bodies("soak", "SELECT body FROM soak WHERE ?1 = ?1 ORDER BY rowid", "")
    }

    /// Soaks of a landscape that have not ended, oldest first.
    ///
    /// # Errors
    /// As the disk says.
    pub fn open_soaks(&self, landscape: &str) -> StoreResult<Vec<Soak>> {
        self.bodies("soak", "SELECT body FROM soak WHERE landscape = ?1 AND ended = 0 ORDER BY rowid", landscape)
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
        let body = write(run)?;
        let insert = "INSERT OR REPLACE INTO run (soak, body) VALUES (?1, ?2)";
        crash::around("in the baseline", || self.db().execute(insert, params![run.soak, body]))?;
        Ok(())
    }

    /// All runs that may serve as baseline.
    ///
    /// # Errors
    /// As the disk says.
    pub fn runs(&self) -> StoreResult<Vec<Run>> {
        self.bodies("run", "SELECT body FROM run WHERE ?1 = ?1 ORDER BY soak", "")
    }

    /// Writes the state of a fault (intent before injection).
    ///
    /// # Errors
    /// As the disk says.
    pub fn put_fault(&self, id: &str, state: &str, body: &str, now: DateTime<Utc>) -> StoreResult<()> {
        let insert = "INSERT OR REPLACE INTO fault (id, state, body, at) VALUES (?1, ?2, ?3, ?4)";
        let write = || self.db().execute(insert, params![id, state, body, now.to_rfc3339()]);
        crash::around(&format!("fault {state}"), write)?;
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

    /// Every tag that was ever seen, and the commit at which it was seen first.
    ///
    /// # Errors
    /// As the disk says.
    pub fn tags(&self, product: &str) -> StoreResult<BTreeMap<String, String>> {
        let db = self.db();
        let mut stmt = db.prepare_cached("SELECT name, commit_id FROM tag WHERE product = ?1")?;
        Ok(stmt.query_map([product], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<Result<_, _>>()?)
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

fn write_soak(tx: &Transaction<'_>, soak: &Soak) -> StoreResult<()> {
    tx.execute(
        "INSERT INTO soak (id, product, tag, landscape, ended, token, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (id) DO UPDATE SET ended = ?5, token = ?6, body = ?7",
        params![soak.id.as_str(), soak.product, soak.tag, soak.landscape, soak.ended(), soak.token, write(soak)?],
    )?;
    let given = soak.ended_at.map_or(soak.requested_at, |ended| ended.max(soak.requested_at));
    if latest(tx)?.is_none_or(|latest| latest < given) {
        let mark = "INSERT OR REPLACE INTO mark (name, value) VALUES (?1, ?2)";
        tx.execute(mark, params![LATEST_MARK, given.to_rfc3339()])?;
    }
    Ok(())
}

/// The latest time that was given to a soak.
fn latest(tx: &Transaction<'_>) -> StoreResult<Option<DateTime<Utc>>> {
    let value: Option<String> =
        tx.query_row("SELECT value FROM mark WHERE name = ?1", [LATEST_MARK], |r| r.get(0)).optional()?;
    Ok(value.and_then(|text| text.parse().ok()))
}

/// A transaction that takes the write lock at once: one that reads first cannot wait for another writer any more.
fn writing(db: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
}

fn write<T: serde::Serialize>(value: &T) -> StoreResult<String> {
    serde_json::to_string(value).map_err(|source| StoreError::Unreadable { what: "value", source })
}

fn read<T: serde::de::DeserializeOwned>(what: &'static str, body: &str) -> StoreResult<T> {
    serde_json::from_str(body).map_err(|source| StoreError::Unreadable { what, source })
}

#[cfg(test)]
mod tests;
