//! The store: nothing lost, nothing tampered, nothing without bounds.

use crate::given::{at, good};
use gate_api::facts::*;
use gate_api::store::{Act, AuditCheck};
use gate_api::{GateStore, SqliteStore, StoreError};

#[test]
fn facts_survive_reopening_and_the_chain_shows_tampering() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let act = Act { by: "worker", at: at(0) };
    let facts = good();
    {
        let store = SqliteStore::open(&path).unwrap();
        store.put_landscape(facts.landscape.as_ref().unwrap(), act).unwrap();
        store.put_tag(facts.tag.as_ref().unwrap(), act).unwrap();
        store.put_soak(&facts.soaks[0], act).unwrap();
        store.put_verdict(&facts.verdicts[0], act).unwrap();
        store.put_verdict(&facts.verdicts[0], act).unwrap();
        let other = VerdictRecord { report_digest: "sha256:x".into(), ..facts.verdicts[0].clone() };
        assert!(matches!(store.put_verdict(&other, act), Err(StoreError::Conflict { .. })));
    }
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.facts("shop", "staging", "v1.0.0").unwrap(), facts);
    assert_eq!(store.check_audit().unwrap(), AuditCheck::Intact { rows: 4 });
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.execute("UPDATE gate_audit SET actor = 'mallory' WHERE seq = 2", []).unwrap();
    assert_eq!(store.check_audit().unwrap(), AuditCheck::Broken { at: 2 });
}

#[test]
fn a_store_that_is_opened_to_read_answers_and_refuses_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    assert!(matches!(SqliteStore::open_to_read(&path), Err(StoreError::Open { .. })), "it is not there");
    let (facts, act) = (good(), Act { by: "worker", at: at(0) });
    let store = SqliteStore::open(&path).unwrap();
    store.put_tag(facts.tag.as_ref().unwrap(), act).unwrap();
    let reading = SqliteStore::open_to_read(&path).unwrap();
    assert_eq!(reading.tag_fact("shop", "v1.0.0").unwrap(), facts.tag);
    assert_eq!(reading.tag_fact("shop", "v9.0.0").unwrap(), None);
    let landscape = facts.landscape.as_ref().unwrap();
    assert!(matches!(reading.put_landscape(landscape, act), Err(StoreError::ReadOnly { .. })));
    store.put_landscape(landscape, act).unwrap();
    assert_eq!(reading.facts("shop", "staging", "v1.0.0").unwrap().landscape.as_ref(), Some(landscape), "no snapshot");
    std::fs::write(folder.path().join("broken.db"), "not a database, whatever its name says").unwrap();
    assert!(SqliteStore::open_to_read(&folder.path().join("broken.db")).is_err());
}

#[test]
fn a_heartbeat_is_known_to_every_tag_of_its_landscape_and_audited_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("store.db")).unwrap();
    let seen = |landscape, tag| store.facts("shop", landscape, tag).unwrap().worker_seen;
    assert_eq!(seen("staging", "v1.0.0"), None);
    for minute in [1, 2, 3] {
        store.put_heartbeat("shop", "staging", Act { by: "worker", at: at(minute) }).unwrap();
    }
    assert_eq!((seen("staging", "v1.0.0"), seen("staging", "v9.9.9")), (Some(at(3)), Some(at(3))));
    assert_eq!(seen("other", "v1.0.0"), None);
    assert_eq!(store.check_audit().unwrap(), AuditCheck::Intact { rows: 1 });
}

#[test]
fn a_page_replaces_the_former_and_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("store.db")).unwrap();
    let mut page = crate::story::page("s1", "v1.0.0", scorer::Verdict::Pass);
    store.put_page(&page).unwrap();
    page.note = None;
    store.put_page(&page).unwrap();
    assert_eq!(store.page("s1").unwrap(), Some(page.clone()));
    assert_eq!(store.page("s2").unwrap(), None);
    let refused = |page: &PageData| matches!(store.put_page(page), Err(StoreError::TooLarge { .. }));
    let mut wide = page.clone();
    let chart = &mut wide.charts[0];
    for series in [&mut chart.values, &mut chart.low, &mut chart.high] {
        series.resize(301, None);
    }
    chart.at_s.resize(301, 0.0);
    assert!(refused(&wide), "301 points");
    let mut torn = page.clone();
    torn.charts[0].low.pop();
    assert!(refused(&torn), "lengths differ");
    let many = PageData { charts: vec![page.charts[0].clone(); 49], ..page.clone() };
    assert!(refused(&many), "49 charts");
    let note = PageData { note: Some("x".repeat(1 << 20)), ..page.clone() };
    assert!(refused(&note), "a megabyte of note");
    assert_eq!(store.page("s1").unwrap(), Some(page), "what was refused changed nothing");
    assert_eq!(store.check_audit().unwrap(), AuditCheck::Intact { rows: 0 }, "a picture decides nothing");
}

/// A store of the release before pages existed is brought up to date with what it holds.
#[test]
fn a_store_without_pages_gets_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let act = Act { by: "worker", at: at(0) };
    SqliteStore::open(&path).unwrap().put_tag(good().tag.as_ref().unwrap(), act).unwrap();
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.execute_batch("DROP TABLE gate_page; UPDATE gate_schema SET version = 1;").unwrap();
    drop(raw);
    let store = SqliteStore::open(&path).unwrap();
    store.put_page(&crate::story::page("s1", "v1.0.0", scorer::Verdict::Pass)).unwrap();
    assert_eq!(store.facts("shop", "staging", "v1.0.0").unwrap().tag, good().tag);
    assert_eq!(store.overview(10).unwrap().tags_known, 1);
}
