//! Lists for people and for metrics: products, landscapes, the newest tags.

use super::{Overview, StoreError, classify, facts_of};
use crate::facts::{Facts, LandscapeFact};
use rusqlite::{Connection, Transaction, params};

/// The newest tags of all products; tags of the same second by name.
const NEWEST: &str = "SELECT product, tag FROM gate_fact WHERE kind = 'tag'
    ORDER BY unixepoch(json_extract(body, '$.taggedAt')) DESC, tag DESC LIMIT ?1";

/// Landscapes and the `most` newest tags.
pub(super) fn overview(reader: &mut Connection, most: usize) -> Result<Overview, StoreError> {
    let engine = |source| classify("list the tags", source);
    let read = reader.transaction().map_err(engine)?;
    let landscapes = landscapes(&read, None)?;
    let known: i64 =
        read.query_row("SELECT count(*) FROM gate_fact WHERE kind = 'tag'", [], |row| row.get(0)).map_err(engine)?;
    let mut statement = read.prepare_cached(NEWEST).map_err(engine)?;
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let rows = statement.query_map([limit], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)));
    let mut tags = Vec::new();
    for row in rows.map_err(engine)? {
        let (product, tag) = row.map_err(engine)?;
        for landscape in landscapes.iter().filter(|l| l.product == product) {
            tags.push(facts_of(&read, [&product, &landscape.landscape, &tag])?);
        }
    }
    drop(statement);
    Ok(Overview { landscapes, tags, tags_known: usize::try_from(known).unwrap_or_default() })
}

/// A tag in every landscape of its product.
pub(super) fn tag(reader: &mut Connection, product: &str, tag: &str) -> Result<Vec<Facts>, StoreError> {
    let read = reader.transaction().map_err(|source| classify("read a tag", source))?;
    landscapes(&read, Some(product))?.iter().map(|l| facts_of(&read, [product, &l.landscape, tag])).collect()
}

fn landscapes(read: &Transaction<'_>, product: Option<&str>) -> Result<Vec<LandscapeFact>, StoreError> {
    let engine = |source| classify("list the landscapes", source);
    let select = "SELECT body FROM gate_fact WHERE kind = 'landscape' AND (?1 IS NULL OR product = ?1)
        ORDER BY product, landscape";
    let mut statement = read.prepare_cached(select).map_err(engine)?;
    let rows = statement.query_map(params![product], |row| row.get::<_, String>(0)).map_err(engine)?;
    let read = |body: rusqlite::Result<String>| {
        let body = body.map_err(engine)?;
        serde_json::from_str(&body).map_err(|source| StoreError::Record { what: "list the landscapes", source })
    };
    rows.map(read).collect()
}
