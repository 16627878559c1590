//! Tests of the worker's store.

use super::*;
use crate::soak::Outcome;

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
        assert_eq!(store.queue(&soak.id, "first").expect("queues"), "first");
        assert_eq!(store.queue(&soak.id, "second").expect("queues again"), "first");
    }
    let store = Store::open(&path).expect("opens");
    assert_eq!(store.open_soaks("staging").expect("reads"), vec![soak.clone()]);
    assert_eq!(store.outgoing().expect("reads").len(), 1, "queued twice is queued once");
    store.sent(&soak.id).expect("marks");
    assert!(store.outgoing().expect("reads").is_empty());
    assert_eq!(store.queued(&soak.id).expect("reads").as_deref(), Some("first"), "kept while the soak goes on");
    let ended = Soak { state: State::Ended { outcome: Outcome::Done }, ..soak.clone() };
    store.put_soak(&ended).expect("writes");
    store.sent(&soak.id).expect("removes");
    assert_eq!(store.queued(&soak.id).expect("reads"), None);
}

#[test]
fn a_write_waits_for_another_connection_instead_of_failing() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("store.db");
    let stores: Vec<Store> = (0..4).map(|_| Store::open(&path).expect("opens")).collect();
    let write = |store: Store| {
        std::thread::spawn(move || (0..50).try_for_each(|_| store.put_soak(&soak())).map_err(|e| e.to_string()))
    };
    let writers: Vec<_> = stores.iter().cloned().map(write).collect();
    for writer in writers {
        assert_eq!(writer.join().expect("ends"), Ok(()));
    }
    assert_eq!(stores[0].soaks("shop").expect("reads").len(), 200);
}

#[test]
fn a_moved_tag_keeps_its_first_commit() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(&dir.path().join("store.db")).expect("opens");
    assert_eq!(store.first_commit("shop", "v1.0.0", "a").expect("writes"), "a");
    assert_eq!(store.first_commit("shop", "v1.0.0", "b").expect("reads"), "a");
}

#[test]
fn a_clock_that_was_set_back_does_not_make_an_old_soak_the_newest() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(&dir.path().join("store.db")).expect("opens");
    let noon: DateTime<Utc> = "2026-01-01T12:00:00Z".parse().expect("a time");
    let request = |now| {
        let Soak { product, tag, commit, landscape, .. } = soak();
        store.request(Subject { product, tag, commit, landscape }, Cause::Idle, now).expect("requests")
    };
    let mut first = request(noon);
    assert_eq!(first.requested_at, noon);
    first.state = State::Ended { outcome: Outcome::Done };
    first.end(noon + TimeDelta::minutes(5));
    store.put_soak(&first).expect("writes");
    let mut second = request(noon - TimeDelta::hours(1));
    assert!(second.requested_at > noon + TimeDelta::minutes(5), "after the end of the first: {second:?}");
    second.end(noon - TimeDelta::minutes(50));
    assert_eq!(second.ended_at, Some(second.requested_at), "it cannot end before it was requested");
    let third = request(noon - TimeDelta::hours(1));
    assert!(third.requested_at > second.requested_at);
    let order: Vec<SoakId> = store.soaks("shop").expect("reads").into_iter().map(|s| s.id).collect();
    assert_eq!(order, [first.id, second.id, third.id]);
}

#[test]
fn a_soak_is_replaced_only_as_it_was_seen() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(&dir.path().join("store.db")).expect("opens");
    let seen = soak();
    store.put_soak(&seen).expect("writes");
    let superseded =
        Soak { state: State::Publishing { outcome: Outcome::Superseded { by: "v2.0.0".into() } }, ..seen.clone() };
    let planned = Soak { state: State::Planned, token: 1, ..seen.clone() };
    store.put_soak(&planned).expect("a drive goes on");
    assert!(!store.replace_soak((&seen.state, seen.token), &superseded).expect("looks"));
    assert_eq!(store.soak(&seen.id).expect("reads"), Some(planned.clone()));
    assert!(store.replace_soak((&planned.state, 1), &Soak { token: 1, ..superseded.clone() }).expect("writes"));
    assert_eq!(store.soak(&seen.id).expect("reads").map(|s| s.state), Some(superseded.state));
}

#[test]
fn what_is_opened_to_read_reads_and_refuses_writes() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("store.db");
    assert!(matches!(Store::open_to_read(&path), Err(StoreError::Open { .. })));
    let (store, soak) = (Store::open(&path).expect("opens"), soak());
    store.put_soak(&soak).expect("writes");
    let reading = Store::open_to_read(&path).expect("opens");
    assert_eq!(reading.soaks("shop").expect("reads"), vec![soak.clone()]);
    assert!(matches!(reading.put_soak(&soak), Err(StoreError::NotWritable { what: "read only", .. })));
}

#[test]
fn lines_follow_every_change_until_the_end() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("store.db");
    let (store, other) = (Store::open(&path).expect("opens"), Store::open(&path).expect("opens"));
    let mut soak = soak();
    let states = [State::Requested, State::Planned, State::Ended { outcome: Outcome::Done }];
    for state in states {
        soak.state = state;
        other.put_soak(&soak).expect("writes");
        let lines = store.lines("shop").expect("reads");
        assert_eq!(lines.iter().map(|l| &l.soak.state).collect::<Vec<_>>(), [&soak.state]);
    }
    assert_eq!(store.lines("shop").expect("reads again").len(), 1);
    assert!(store.lines("other").expect("reads").is_empty());
}
