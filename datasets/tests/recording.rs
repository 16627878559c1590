//! Recordings on real files: any slices make the same evidence, kills lose nothing that was appended.

use datasets::{EvidenceError, EvidenceStore, Recording, RecordingId};
use proptest::prelude::*;
use scorer::evidence::{Event, Evidence, RawSeries, Subject};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// First sample of everything.
const START_MS: i64 = 1_700_000_000_000;

fn subject() -> Subject {
    Subject { product: "shop".into(), tag: "v1.0.0".into(), soak: "018f-7000".into(), attempt: 2, ..Subject::default() }
}

fn labels(id: usize) -> BTreeMap<String, String> {
    BTreeMap::from([("job".to_owned(), "checkout".to_owned()), ("id".to_owned(), format!("{id:05}"))])
}

/// Evidence of `series` series in order of name and labels; series `id` begins after `id` samples.
fn evidence(series: usize, samples: usize) -> Evidence {
    let one = |id: usize| RawSeries {
        name: "http_requests_total".into(),
        labels: labels(id),
        times_ms: (id..samples).map(|at| START_MS + at as i64 * 1_000 + (at % 3) as i64).collect(),
        values: (id..samples)
            .map(|at| if at % 50 == 7 { f64::from_bits(0x7ff0_0000_0000_0002) } else { at as f64 * 30.5 })
            .collect(),
    };
    let events = vec![Event { at_ms: START_MS, kind: "restart".into(), component: None, detail: "once".into() }];
    Evidence { subject: subject(), series: (0..series).map(one).collect(), events, ..Evidence::default() }
}

/// What of `whole` lies in `from_ms..to_ms`, series in another order than in the whole.
fn part(whole: &Evidence, from_ms: i64, to_ms: i64) -> Evidence {
    let cut = |one: &RawSeries| {
        let rows = one.times_ms.partition_point(|t| *t < from_ms)..one.times_ms.partition_point(|t| *t < to_ms);
        RawSeries { times_ms: one.times_ms[rows.clone()].to_vec(), values: one.values[rows].to_vec(), ..one.clone() }
    };
    Evidence { series: whole.series.iter().rev().map(cut).collect(), ..whole.clone() }
}

fn folder(dir: &Path) -> PathBuf {
    dir.join("recordings").join("018f-7000-2")
}

fn slices(dir: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder(dir)).expect("a recording").map(|file| file.expect("a file").path());
    let mut slices: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|e| e == "parquet")).collect();
    slices.sort();
    slices
}

fn appended(recording: &mut Recording, whole: &Evidence, cuts: &[i64]) {
    for pair in cuts.windows(2) {
        recording.append(&part(whole, pair[0], pair[1])).expect("a writable folder");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_slices_make_the_evidence_of_one_writing(
        cuts in prop::collection::btree_set(0..60_i64, 0..6),
        reopened_after in 0..6_usize,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let store = EvidenceStore::open(dir.path()).unwrap();
        let whole = evidence(7, 60);
        let at_once = store.put(&whole).unwrap();
        fs::remove_dir_all(dir.path().join("sha256")).unwrap();
        let mut cuts: Vec<i64> = cuts.iter().map(|cut| START_MS + cut * 1_000).collect();
        cuts.insert(0, i64::MIN);
        cuts.push(i64::MAX);
        let (before, after) = cuts.split_at(reopened_after.min(cuts.len() - 1) + 1);
        let mut recording = store.record(&subject()).unwrap();
        appended(&mut recording, &whole, before);
        drop(recording);
        // Whoever comes next has the whole to tell, and tells what is new.
        let mut recording = store.record(&subject()).unwrap();
        let last = *before.last().unwrap();
        let news = recording.news(whole.series.clone());
        prop_assert!(news.iter().all(|one| one.times_ms[0] >= last));
        recording.append(&Evidence { series: part(&Evidence { series: news, ..whole.clone() }, i64::MIN, after.first().copied().unwrap_or(i64::MAX)).series, ..whole.clone() }).unwrap();
        appended(&mut recording, &whole, after);
        let rest = recording.rest().clone();
        prop_assert_eq!(recording.finish(rest.clone()).unwrap(), at_once);
        prop_assert_eq!(recording.finish(rest).unwrap(), at_once);
        recording.discard().unwrap();
        prop_assert_eq!(store.recordings().unwrap(), []);
        prop_assert!(store.verify(&at_once).is_empty());
    }
}

#[test]
fn a_long_recording_has_the_tables_of_one_writing() {
    let dir = tempfile::tempdir().unwrap();
    let store = EvidenceStore::open(dir.path()).unwrap();
    let one = |id: usize| RawSeries {
        name: "cpu".into(),
        labels: labels(id),
        times_ms: (0..45_000).map(|at| START_MS + at * 1_000).collect(),
        values: (0..45_000).map(|at| f64::from(at / 7)).collect(),
    };
    let whole = Evidence { subject: subject(), series: (0..100).map(one).collect(), ..Evidence::default() };
    let mut recording = store.record(&subject()).unwrap();
    appended(&mut recording, &whole, &[i64::MIN, START_MS + 10_000_000, START_MS + 20_000_000, i64::MAX]);
    let digest = recording.finish(Evidence { series: vec![], ..whole.clone() }).unwrap();
    let text = digest.to_string();
    let tables = fs::read_dir(dir.path().join("sha256").join(&text[..2]).join(&text)).unwrap();
    assert_eq!(tables.count(), 4, "two tables, rest and manifest");
    assert_eq!(store.put(&whole).unwrap(), digest);
    assert!(store.get(&digest).unwrap() == whole);
}

#[test]
fn a_recording_is_one_writers_and_refuses_what_does_not_follow() {
    let dir = tempfile::tempdir().unwrap();
    let store = EvidenceStore::open(dir.path()).unwrap();
    let whole = evidence(2, 20);
    let mut recording = store.record(&subject()).unwrap();
    assert!(matches!(store.record(&subject()), Err(EvidenceError::InUse { .. })));
    recording.append(&whole).unwrap();
    assert_eq!(recording.last_ms("http_requests_total", &labels(1)), whole.series[1].times_ms.last().copied());
    assert_eq!(recording.last_ms("http_requests_total", &labels(2)), None);
    assert_eq!(recording.news(whole.series.clone()), []);
    let again = recording.append(&whole).unwrap_err();
    assert!(again.to_string().contains("times must rise"), "{again}");
    let mut twice = evidence(1, 30);
    twice.series = recording.news(vec![twice.series[0].clone(); 2]);
    let twice = recording.append(&twice).unwrap_err();
    assert!(twice.to_string().contains("it is series 0, too"), "{twice}");
    assert_eq!((recording.samples(), slices(dir.path()).len()), (39, 1));
    let nameless = Subject { soak: "../x".into(), ..subject() };
    assert!(matches!(store.record(&nameless), Err(EvidenceError::NoName { .. })));
}

#[test]
fn a_damaged_or_missing_slice_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let store = EvidenceStore::open(dir.path()).unwrap();
    let mut recording = store.record(&subject()).unwrap();
    let whole = evidence(3, 30);
    appended(&mut recording, &whole, &[i64::MIN, START_MS + 10_000, START_MS + 20_000, i64::MAX]);
    drop(recording);
    let slices = slices(dir.path());
    let good = fs::read(&slices[1]).unwrap();
    let mut changed = good.clone();
    changed[good.len() / 2] ^= 1;
    for bad in [&changed[..], &good[..good.len() - 1], &[]] {
        fs::write(&slices[1], bad).unwrap();
        let error = store.record(&subject()).unwrap_err();
        assert!(matches!(&error, EvidenceError::Slice { path, .. } if *path == slices[1]), "{error}");
        assert_eq!(error.hints().len(), 1);
    }
    fs::remove_file(&slices[1]).unwrap();
    let error = store.record(&subject()).unwrap_err();
    assert!(error.to_string().contains("slice 2 is not there"), "{error}");
    fs::write(&slices[1], good).unwrap();
    let recording = store.record(&subject()).unwrap();
    let rest = recording.rest().clone();
    assert_eq!(recording.finish(rest).unwrap(), store.put(&whole).unwrap());
    // Whoever discards reads nothing: damage does not keep a recording that nobody needs.
    let id = RecordingId { soak: subject().soak, attempt: subject().attempt };
    assert!(matches!(store.discard(&id), Err(EvidenceError::InUse { .. })));
    drop(recording);
    fs::write(&slices[1], "damaged").unwrap();
    store.discard(&id).unwrap();
    assert!(store.recordings().unwrap().is_empty() && !folder(dir.path()).exists());
    store.discard(&id).unwrap();
}

#[test]
fn a_recording_has_its_phases_before_its_first_slice() {
    let dir = tempfile::tempdir().unwrap();
    let store = EvidenceStore::open(dir.path()).unwrap();
    let mut recording = store.record(&subject()).unwrap();
    // The slice cannot be written: its name is taken by a folder.
    let whole = evidence(2, 30);
    let rest = folder(dir.path()).join("rest.json");
    let other = EvidenceStore::open(&dir.path().join("other")).unwrap();
    let mut first = other.record(&subject()).unwrap();
    first.append(&whole).unwrap();
    let name = slices(&dir.path().join("other"))[0].file_name().unwrap().to_owned();
    fs::create_dir(folder(dir.path()).join(&name)).unwrap();
    recording.append(&whole).unwrap_err();
    assert!(rest.is_file());
    fs::remove_dir(folder(dir.path()).join(&name)).unwrap();
    assert_eq!((recording.samples(), recording.recorded_until_ms()), (0, None));
    // What failed is tried again under the same number.
    recording.append(&whole).unwrap();
    assert_eq!(recording.recorded_until_ms(), whole.series.iter().filter_map(|one| one.times_ms.last()).max().copied());
    drop(recording);
    assert_eq!(store.record(&subject()).unwrap().rest().events, whole.events);
}

/// Not a test by itself: the child of the test below, told where by its environment.
#[test]
#[ignore = "started by other tests as a process of its own"]
fn child() {
    let Ok(dir) = std::env::var("DATASETS_CHILD_DIR") else {
        return;
    };
    let store = EvidenceStore::open(Path::new(&dir)).unwrap();
    let mut recording = store.record(&subject()).unwrap();
    let whole = evidence(20, 100_000);
    // Goes on where the one before was killed.
    let so_far = whole.series.iter().filter_map(|one| recording.last_ms(&one.name, &one.labels)).max();
    let mut from_ms = so_far.map_or(START_MS, |last| last + 1);
    for _ in 0..10_000 {
        recording.append(&part(&whole, from_ms, from_ms + 30_000)).unwrap();
        from_ms += 30_000;
        println!("appended {from_ms}");
    }
}

#[test]
fn a_killed_writer_loses_at_most_the_slice_under_way() {
    let dir = tempfile::tempdir().unwrap();
    let whole = evidence(20, 100_000);
    for kill_after in 1..=8 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "child", "--nocapture", "--test-threads=1"])
            .env("DATASETS_CHILD_DIR", dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let until = |line: String| line.split_once("appended ")?.1.trim().parse::<i64>().ok();
        let seen = lines.filter_map(until).take(kill_after).last().unwrap();
        // The writer is somewhere in its next slice now.
        child.kill().unwrap();
        child.wait().unwrap();
        let recording = EvidenceStore::open(dir.path()).unwrap().record(&subject()).unwrap();
        let last = recording.last_ms("http_requests_total", &labels(3)).unwrap();
        assert!(
            last >= part(&whole, i64::MIN, seen)
                .series
                .iter()
                .filter_map(|s| s.times_ms.last())
                .max()
                .copied()
                .unwrap()
        );
        assert_eq!(recording.rest().events, whole.events);
    }
    let store = EvidenceStore::open(dir.path()).unwrap();
    let recording = store.record(&subject()).unwrap();
    let last = recording.last_ms("http_requests_total", &labels(3)).unwrap();
    let rest = recording.rest().clone();
    let left = recording.finish(rest).unwrap();
    let mut same = part(&whole, i64::MIN, last + 1);
    same.series.reverse();
    assert_eq!(store.put(&same).unwrap(), left);
}
