//! The store on SQLite: one connection writes, one answers, one lists, so that an answer waits for neither a write nor
//! a page.

mod listing;
mod pages;
mod reading;

pub use reading::{Frozen, read_only};

use super::{Act, AuditCheck, GateStore, Overview, StoreError};
use crate::facts::{Facts, LandscapeFact, PageData, ScheduleFact, SoakFact, TagFact, VerdictRecord};
use crate::question::hex;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior, params};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Waits this long for another process's write; below the 5 s in which an answer must be there.
const BUSY: Duration = Duration::from_secs(3);

/// Kind of the fact that says when a worker was last heard of.
const HEARTBEAT: &str = "heartbeat";

/// Steps of the schema; the version is how many were applied. Steps are only ever appended.
const MIGRATIONS: &[&str] = &[
    "
CREATE TABLE gate_fact (kind TEXT NOT NULL, product TEXT NOT NULL, landscape TEXT NOT NULL, tag TEXT NOT NULL,
  id TEXT NOT NULL, sort TEXT NOT NULL, state TEXT NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (kind, product, landscape, tag, id)) WITHOUT ROWID;
CREATE UNIQUE INDEX gate_fact_once ON gate_fact (id) WHERE kind = 'verdict';
CREATE TABLE gate_audit (seq INTEGER PRIMARY KEY, at TEXT NOT NULL, actor TEXT NOT NULL, kind TEXT NOT NULL,
  key TEXT NOT NULL, digest TEXT NOT NULL, prev TEXT NOT NULL, hash TEXT NOT NULL);
",
    "
CREATE TABLE gate_page (soak TEXT PRIMARY KEY, product TEXT NOT NULL, landscape TEXT NOT NULL, tag TEXT NOT NULL,
  body TEXT NOT NULL) WITHOUT ROWID;
",
];

/// A store in one SQLite file (WAL, synchronous FULL). Tables are prefixed `gate_`.
pub struct SqliteStore {
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
    lister: Mutex<Connection>,
    frozen: Option<(PathBuf, Frozen)>,
}

/// Where a fact lies and what of it is audited.
struct Row<'a> {
    kind: &'static str,
    place: [&'a str; 3],
    id: &'a str,
    sort: String,
    state: String,
}

impl SqliteStore {
    /// Opens or makes the store and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Open`], [`StoreError::Newer`], or what the migration met.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let connect = || -> rusqlite::Result<Connection> {
            let connection = Connection::open(path)?;
            connection.busy_timeout(BUSY)?;
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            Ok(connection)
        };
        let open = |source| StoreError::Open { path: path.to_owned(), source };
        let mut writer = connect().map_err(open)?;
        migrate(&mut writer)?;
        let read_only = || -> rusqlite::Result<Mutex<Connection>> {
            let connection = connect()?;
            connection.pragma_update(None, "query_only", true)?;
            Ok(Mutex::new(connection))
        };
        let (reader, lister) = (read_only().map_err(open)?, read_only().map_err(open)?);
        Ok(SqliteStore { writer: Mutex::new(writer), reader, lister, frozen: None })
    }

    /// Opens a store for answers alone, in a folder that cannot be written. Every `put_*` is refused with
    /// [`StoreError::ReadOnly`].
    ///
    /// # Errors
    /// [`StoreError::Open`] when it is not there or cannot be read as it is, [`StoreError::Newer`].
    pub fn open_to_read(path: &Path) -> Result<Self, StoreError> {
        let open = |source| StoreError::Open { path: path.to_owned(), source };
        let connect = || read_only(path, BUSY).map_err(open);
        let (writer, _) = connect()?;
        let found = version(&writer)?;
        if found > known_version() {
            return Err(StoreError::Newer { found, known: known_version() });
        }
        let (reader, _) = connect()?;
        let (lister, frozen) = connect()?;
        let frozen = frozen.map(|frozen| (path.to_owned(), frozen));
        Ok(SqliteStore { writer: Mutex::new(writer), reader: Mutex::new(reader), lister: Mutex::new(lister), frozen })
    }

    /// The tag alone, without its soaks and verdicts.
    ///
    /// # Errors
    /// [`StoreError`] when nobody could look.
    pub fn tag_fact(&self, product: &str, tag: &str) -> Result<Option<TagFact>, StoreError> {
        let mut reader = self.reading(&self.reader)?;
        let read = reader.transaction().map_err(|source| classify("read a tag", source))?;
        Ok(bodies(&read, "tag", [product, "", tag])?.pop())
    }

    /// Changes a tag as it is now, in one transaction; `None` leaves it.
    ///
    /// # Errors
    /// As [`GateStore::put_tag`].
    pub fn update_tag(
        &self,
        (product, tag): (&str, &str),
        change: impl FnOnce(Option<TagFact>) -> Option<TagFact>,
        act: Act<'_>,
    ) -> Result<(), StoreError> {
        let mut writer = locked(&self.writer);
        let engine = |source| classify("write a fact", source);
        let write = writer.transaction_with_behavior(TransactionBehavior::Immediate).map_err(engine)?;
        let Some(fact) = change(bodies(&write, "tag", [product, "", tag])?.pop()) else { return Ok(()) };
        put(&write, &tag_row(&fact), &fact, act)?;
        write.commit().map_err(engine)
    }

    /// A connection to read with. A file that was read as frozen and has changed since is not believed.
    fn reading<'a>(&self, connection: &'a Mutex<Connection>) -> Result<MutexGuard<'a, Connection>, StoreError> {
        match &self.frozen {
            Some((path, frozen)) if Frozen::of(path).as_ref() != Some(frozen) => {
                Err(StoreError::Thawed { path: path.clone() })
            }
            Some(_) | None => Ok(locked(connection)),
        }
    }

    fn put<T: Serialize + DeserializeOwned>(&self, row: &Row<'_>, fact: &T, act: Act<'_>) -> Result<(), StoreError> {
        let mut writer = locked(&self.writer);
        let engine = |source| classify("write a fact", source);
        let write = writer.transaction_with_behavior(TransactionBehavior::Immediate).map_err(engine)?;
        put(&write, row, fact, act)?;
        write.commit().map_err(engine)
    }
}

fn tag_row(fact: &TagFact) -> Row<'_> {
    let place = [fact.product.as_str(), "", &fact.tag];
    Row { kind: "tag", place, id: "", sort: String::new(), state: String::new() }
}

fn put<T: Serialize + DeserializeOwned>(
    write: &Transaction<'_>,
    row: &Row<'_>,
    fact: &T,
    act: Act<'_>,
) -> Result<(), StoreError> {
    let record = |source| StoreError::Record { what: "write a fact", source };
    let body = serde_json::to_string(fact).map_err(record)?;
    // Read back before it is kept: a NaN becomes null, and an unreadable fact would shut the gate for good.
    serde_json::from_str::<T>(&body).map_err(record)?;
    let engine = |source| classify("write a fact", source);
    let known = "SELECT state, body FROM gate_fact WHERE kind = ?1 AND id = ?5 AND
        (kind = 'verdict' OR (product = ?2 AND landscape = ?3 AND tag = ?4))";
    let key = params![row.kind, row.place[0], row.place[1], row.place[2], row.id];
    let before: Option<(String, String)> =
        write.query_row(known, key, |found| Ok((found.get(0)?, found.get(1)?))).optional().map_err(engine)?;
    match before {
        Some((_, kept)) if kept == body => return Ok(()),
        Some(_) if row.kind == "verdict" => {
            return Err(StoreError::Conflict { soak: row.id.to_owned() });
        }
        Some((state, _)) if state == row.state && !state.is_empty() => (),
        Some(_) | None => audit(write, row, &body, act).map_err(engine)?,
    }
    let put = "INSERT OR REPLACE INTO gate_fact VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let [product, landscape, tag] = row.place;
    let values = params![row.kind, product, landscape, tag, row.id, row.sort, row.state, body];
    write.execute(put, values).map_err(engine)?;
    Ok(())
}

fn locked(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    // A panic while it was held rolled its transaction back; the connection itself is whole.
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

fn classify(what: &'static str, source: rusqlite::Error) -> StoreError {
    match source.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full { what, source },
        Some(ErrorCode::ReadOnly) => StoreError::ReadOnly { what, source },
        Some(_) | None => StoreError::Engine { what, source },
    }
}

fn known_version() -> i64 {
    i64::try_from(MIGRATIONS.len()).expect("a handful of migrations")
}

/// Version of the schema in the file; 0 when it has none.
fn version(connection: &Connection) -> Result<i64, StoreError> {
    let engine = |source| classify("read the version of the store", source);
    let table = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'gate_schema'";
    let tables: i64 = connection.query_row(table, [], |row| row.get(0)).map_err(engine)?;
    if tables == 0 {
        return Ok(0);
    }
    let version = "SELECT coalesce(max(version), 0) FROM gate_schema";
    connection.query_row(version, [], |row| row.get(0)).map_err(engine)
}

fn migrate(writer: &mut Connection) -> Result<(), StoreError> {
    let engine = |source| classify("migrate the store", source);
    let known = known_version();
    // Most opens find the schema as it is: a lookup must not take the write lock.
    if version(writer)? == known {
        return Ok(());
    }
    let write = writer.transaction_with_behavior(TransactionBehavior::Immediate).map_err(engine)?;
    write.execute_batch("CREATE TABLE IF NOT EXISTS gate_schema (version INTEGER NOT NULL)").map_err(engine)?;
    // Read again under the lock: another process may have migrated meanwhile.
    let found = version(&write)?;
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    let applied = usize::try_from(found).unwrap_or(0);
    for step in &MIGRATIONS[applied..] {
        write.execute_batch(step).map_err(engine)?;
    }
    write.execute("DELETE FROM gate_schema", []).map_err(engine)?;
    write.execute("INSERT INTO gate_schema VALUES (?1)", [known]).map_err(engine)?;
    write.commit().map_err(engine)
}

/// SHA-256 over the length-prefixed parts of an audit row and the hash before it.
fn chain(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex(&hash.finalize())
}

fn audit(write: &Transaction<'_>, row: &Row<'_>, body: &str, act: Act<'_>) -> rusqlite::Result<()> {
    let last = "SELECT seq, hash FROM gate_audit ORDER BY seq DESC LIMIT 1";
    let last: Option<(i64, String)> = write.query_row(last, [], |r| Ok((r.get(0)?, r.get(1)?))).optional()?;
    let (seq, prev) = last.map_or((1, String::new()), |(seq, hash)| (seq + 1, hash));
    let at = act.at.to_rfc3339();
    let key = format!("{}/{}/{}/{}", row.place[0], row.place[1], row.place[2], row.id);
    let digest = chain(&[body]);
    let hash = chain(&[&seq.to_string(), &at, act.by, row.kind, &key, &digest, &prev]);
    let insert = "INSERT INTO gate_audit VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    write.execute(insert, params![seq, at, act.by, row.kind, key, digest, prev, hash]).map(|_| ())
}

fn bodies<T: DeserializeOwned>(read: &Transaction<'_>, kind: &str, place: [&str; 3]) -> Result<Vec<T>, StoreError> {
    let engine = |source| classify("read facts", source);
    let select = "SELECT body FROM gate_fact WHERE kind = ?1 AND product = ?2 AND landscape = ?3 AND tag = ?4
        ORDER BY sort, id";
    let mut statement = read.prepare_cached(select).map_err(engine)?;
    let rows = statement.query_map(params![kind, place[0], place[1], place[2]], |row| row.get::<_, String>(0));
    let mut found = Vec::new();
    for body in rows.map_err(engine)? {
        let body = body.map_err(engine)?;
        let fact = serde_json::from_str(&body);
        found.push(fact.map_err(|source| StoreError::Record { what: "read facts", source })?);
    }
    Ok(found)
}

/// Everything about a tag in a landscape.
fn facts_of(read: &Transaction<'_>, [product, landscape, tag]: [&str; 3]) -> Result<Facts, StoreError> {
    let place = [product, landscape, tag];
    Ok(Facts {
        worker_seen: bodies(read, HEARTBEAT, [product, landscape, ""])?.pop(),
        landscape: bodies(read, "landscape", [product, landscape, ""])?.pop(),
        tag: bodies(read, "tag", [product, "", tag])?.pop(),
        schedule: bodies(read, "schedule", place)?.pop(),
        soaks: bodies(read, "soak", place)?,
        verdicts: bodies(read, "verdict", place)?,
    })
}

impl GateStore for SqliteStore {
    fn put_landscape(&self, fact: &LandscapeFact, act: Act<'_>) -> Result<(), StoreError> {
        let place = [fact.product.as_str(), &fact.landscape, ""];
        self.put(&Row { kind: "landscape", place, id: "", sort: String::new(), state: String::new() }, fact, act)
    }

    fn put_tag(&self, fact: &TagFact, act: Act<'_>) -> Result<(), StoreError> {
        self.put(&tag_row(fact), fact, act)
    }

    fn put_soak(&self, fact: &SoakFact, act: Act<'_>) -> Result<(), StoreError> {
        let place = [fact.product.as_str(), &fact.landscape, &fact.tag];
        let resolved = if fact.taint_resolved.is_some() { " resolved" } else { "" };
        let (sort, state) = (sortable(fact.requested_at), format!("{}{resolved}", fact.state_name()));
        self.put(&Row { kind: "soak", place, id: &fact.id, sort, state }, fact, act)
    }

    fn put_schedule(&self, fact: &ScheduleFact, act: Act<'_>) -> Result<(), StoreError> {
        let place = [fact.product.as_str(), &fact.landscape, &fact.tag];
        self.put(&Row { kind: "schedule", place, id: "", sort: String::new(), state: String::new() }, fact, act)
    }

    fn put_verdict(&self, record: &VerdictRecord, act: Act<'_>) -> Result<(), StoreError> {
        let place = [record.product.as_str(), &record.landscape, &record.tag];
        let sort = sortable(record.evaluated_at);
        self.put(&Row { kind: "verdict", place, id: &record.soak, sort, state: String::new() }, record, act)
    }

    fn put_heartbeat(&self, product: &str, landscape: &str, act: Act<'_>) -> Result<(), StoreError> {
        // Its state never changes, so that what comes again and again is not audited again and again.
        let (place, state) = ([product, landscape, ""], "alive".to_owned());
        self.put(&Row { kind: HEARTBEAT, place, id: "", sort: String::new(), state }, &act.at, act)
    }

    fn facts(&self, product: &str, landscape: &str, tag: &str) -> Result<Facts, StoreError> {
        let mut reader = self.reading(&self.reader)?;
        let read = reader.transaction().map_err(|source| classify("read facts", source))?;
        facts_of(&read, [product, landscape, tag])
    }

    fn put_page(&self, page: &PageData) -> Result<(), StoreError> {
        pages::put(&mut locked(&self.writer), page)
    }

    fn page(&self, soak: &str) -> Result<Option<PageData>, StoreError> {
        pages::get(&*self.reading(&self.lister)?, soak)
    }

    fn overview(&self, most: usize) -> Result<Overview, StoreError> {
        listing::overview(&mut *self.reading(&self.lister)?, most)
    }

    fn tag(&self, product: &str, tag: &str) -> Result<Vec<Facts>, StoreError> {
        listing::tag(&mut *self.reading(&self.lister)?, product, tag)
    }

    fn check_audit(&self) -> Result<AuditCheck, StoreError> {
        let engine = |source| classify("read the audit trail", source);
        let reader = self.reading(&self.reader)?;
        let select = "SELECT seq, at, actor, kind, key, digest, prev, hash FROM gate_audit ORDER BY seq";
        let mut statement = reader.prepare_cached(select).map_err(engine)?;
        let mut rows = statement.query([]).map_err(engine)?;
        let (mut count, mut before) = (0_i64, String::new());
        while let Some(row) = rows.next().map_err(engine)? {
            let seq: i64 = row.get(0).map_err(engine)?;
            let mut parts = vec![seq.to_string()];
            for column in 1..8 {
                parts.push(row.get(column).map_err(engine)?);
            }
            let hash = parts.pop().expect("eight columns were read");
            let borrowed: Vec<&str> = parts.iter().map(String::as_str).collect();
            count += 1;
            if seq != count || parts[6] != before || chain(&borrowed) != hash {
                return Ok(AuditCheck::Broken { at: seq });
            }
            before = hash;
        }
        Ok(AuditCheck::Intact { rows: count.unsigned_abs() })
    }
}

/// Fixed width, so that the order of texts is the order of times.
fn sortable(at: chrono::DateTime<chrono::Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Nanos, true)
}
