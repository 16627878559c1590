//! Page data: one blob a soak.

use super::{StoreError, classify};
use crate::facts::PageData;
use crate::facts::page::PAGE_BYTES_MAX;
use rusqlite::{Connection, OptionalExtension, params};

/// Writes a page, in place of a former one.
pub(super) fn put(writer: &mut Connection, page: &PageData) -> Result<(), StoreError> {
    let too_large = |excess| StoreError::TooLarge { soak: page.soak.clone(), excess };
    if let Some(excess) = page.excess() {
        return Err(too_large(excess));
    }
    let record = |source| StoreError::Record { what: "write a page", source };
    let body = serde_json::to_string(page).map_err(record)?;
    if body.len() > PAGE_BYTES_MAX {
        return Err(too_large(format!("{} bytes, at most {PAGE_BYTES_MAX}", body.len())));
    }
    // Read back before it is kept: a NaN where a number must be becomes null.
    serde_json::from_str::<PageData>(&body).map_err(record)?;
    let values = params![page.soak, page.product, page.landscape, page.tag, body];
    let put = "INSERT OR REPLACE INTO gate_page VALUES (?1, ?2, ?3, ?4, ?5)";
    writer.execute(put, values).map(|_| ()).map_err(|source| classify("write a page", source))
}

/// Reads a page.
pub(super) fn get(reader: &Connection, soak: &str) -> Result<Option<PageData>, StoreError> {
    let engine = |source| classify("read a page", source);
    let mut statement = reader.prepare_cached("SELECT body FROM gate_page WHERE soak = ?1").map_err(engine)?;
    let body: Option<String> = statement.query_row([soak], |row| row.get(0)).optional().map_err(engine)?;
    let page = body.map(|body| serde_json::from_str(&body)).transpose();
    page.map_err(|source| StoreError::Record { what: "read a page", source })
}
