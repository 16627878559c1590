//! Publications that wait until the ledger has them.

use super::{Store, StoreResult, writing};
use crate::crash;
use crate::soak::SoakId;
use rusqlite::{OptionalExtension, params};

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

impl Store {
    /// Queues a publication, once per soak: what is queued first is what is published. Returns what is queued.
    ///
    /// # Errors
    /// As the disk says.
    pub fn queue(&self, soak: &SoakId, body: &str) -> StoreResult<String> {
        let insert = "INSERT OR IGNORE INTO outbox (soak, body, tries) VALUES (?1, ?2, 0)";
        crash::around("queued", || self.db().execute(insert, params![soak.as_str(), body]))?;
        Ok(self.queued(soak)?.unwrap_or_else(|| body.to_owned()))
    }

    /// The publication of a soak, sent or not.
    ///
    /// # Errors
    /// As the disk says.
    pub fn queued(&self, soak: &SoakId) -> StoreResult<Option<String>> {
        Ok(self.db().query_row("SELECT body FROM outbox WHERE soak = ?1", [soak.as_str()], |r| r.get(0)).optional()?)
    }

    /// Publications that wait, oldest first.
    ///
    /// # Errors
    /// As the disk says.
    pub fn outgoing(&self) -> StoreResult<Vec<Outgoing>> {
        let db = self.db();
        let mut stmt =
            db.prepare_cached("SELECT soak, body, tries, last_error FROM outbox WHERE sent = 0 ORDER BY rowid")?;
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

    /// A publication was pushed. It is kept until its soak has ended: a worker that is killed in between publishes the
    /// same bytes again, which the ledger recognises.
    ///
    /// # Errors
    /// As the disk says.
    pub fn sent(&self, soak: &SoakId) -> StoreResult<()> {
        let mut db = self.db();
        let tx = writing(&mut db)?;
        tx.execute("UPDATE outbox SET sent = 1 WHERE soak = ?1", [soak.as_str()])?;
        tx.execute("DELETE FROM outbox WHERE sent = 1 AND soak IN (SELECT id FROM soak WHERE ended = 1)", [])?;
        crash::around("sent", || tx.commit())?;
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
}
