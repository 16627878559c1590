//! The store on real files: round trips to the bit, damage, kills, a full and a read-only disk.

use datasets::{Digest, EvidenceError, EvidenceStore};
use proptest::prelude::*;
use scorer::evidence::{CheckResult, Class, Ended, Event, Evidence, Exposure, Outcome, Phase, PhaseLabel, RawSeries};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Prometheus' staleness marker.
const STALE: u64 = 0x7ff0_0000_0000_0002;

/// Evidence with `series` series of `samples` samples, like counters scraped every second.
fn evidence(series: u32, samples: u32) -> Evidence {
    let mut evidence = Evidence::default();
    evidence.subject.product = "shop".to_owned();
    evidence.subject.tag = "v1.0.0".to_owned();
    evidence.context.load_per_s = Some(299.999_999_999_7);
    let end_ms = 1_700_000_000_000 + i64::from(samples) * 1_000;
    evidence.phases = vec![Phase {
        label: PhaseLabel::Steady,
        name: "steady".to_owned(),
        start_ms: 1_700_000_000_000,
        end_ms,
        samples,
    }];
    for id in 0..series {
        let times_ms = (0..samples).map(|at| 1_700_000_000_000 + i64::from(at) * 1_000 + i64::from(at % 3)).collect();
        let values = (0..samples).map(|at| f64::from(at) * 300.0 + f64::from(id)).collect();
        let labels = BTreeMap::from([("job".to_owned(), "checkout".to_owned()), ("id".to_owned(), id.to_string())]);
        evidence.series.push(RawSeries { name: "http_requests_total".to_owned(), labels, times_ms, values });
    }
    evidence
}

type SeriesBits = (String, BTreeMap<String, String>, Vec<i64>, Vec<u64>);

/// Everything of an evidence with its floats by their bits, so that NaN can be compared.
fn bits(evidence: &Evidence) -> (Vec<SeriesBits>, Vec<u64>, String) {
    let of = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    let series = evidence.series.iter();
    let series = series.map(|one| (one.name.clone(), one.labels.clone(), one.times_ms.clone(), of(&one.values)));
    let mut rest = evidence.clone();
    rest.series.clear();
    let mut floats: Vec<u64> = rest.context.load_per_s.take().iter().map(|value| value.to_bits()).collect();
    floats.extend(rest.checks.iter_mut().map(|check| std::mem::take(&mut check.took_ms).to_bits()));
    for exposure in &mut rest.exposures {
        floats.extend(exposure.achieved.values_mut().map(|value| std::mem::take(value).to_bits()));
    }
    (series.collect(), floats, format!("{rest:?}"))
}

fn folder(dir: &Path, digest: &Digest) -> PathBuf {
    let digest = digest.to_string();
    dir.join("sha256").join(&digest[..2]).join(digest)
}

fn any_bits() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        Just(f64::from_bits(STALE)),
        Just(f64::NAN),
        Just(-0.0),
        Just(f64::INFINITY),
    ]
}

fn any_series() -> impl Strategy<Value = RawSeries> {
    let samples = prop::collection::btree_map(any::<i64>(), any_bits(), 0..40);
    let labels = prop::collection::btree_map("[a-z]{1,4}", ".{0,6}", 0..3);
    ("[a-z_]{0,12}", labels, samples).prop_map(|(name, labels, samples)| {
        let (times_ms, values) = samples.into_iter().unzip();
        RawSeries { name, labels, times_ms, values }
    })
}

fn any_evidence() -> impl Strategy<Value = Evidence> {
    // JSON text keeps every float but the payload of a NaN; durations and doses have none.
    let plain = any_bits().prop_map(|value| if value.is_nan() { f64::NAN } else { value });
    let numbers = prop::collection::vec(plain, 3);
    (prop::collection::vec(any_series(), 0..6), numbers, any::<u64>(), ".{0,20}").prop_map(
        |(series, numbers, seed, text)| {
            let mut evidence = Evidence { series, ..Evidence::default() };
            evidence.subject.product = text.clone();
            evidence.context.load_per_s = Some(numbers[0]);
            evidence.checks.push(CheckResult {
                class: Class::Business,
                suite: "buy".to_owned(),
                check: text.clone(),
                at_ms: -5,
                took_ms: numbers[1],
                outcome: Outcome::NotRun,
                detail: None,
            });
            evidence.exposures.push(Exposure {
                experiment: text.clone(),
                kind: "net.delay".to_owned(),
                target: "payments".to_owned(),
                repetition: 1,
                start_ms: 1,
                end_ms: 2,
                observed_until_ms: 3,
                requested: BTreeMap::new(),
                achieved: BTreeMap::from([("delay_ms_p50".to_owned(), numbers[2])]),
                verified: true,
                ended: Ended::Completed,
                recover_within_ms: None,
                signals: vec![text.clone()],
                seed,
                detail: None,
            });
            evidence.events.push(Event { at_ms: 7, kind: "crash".to_owned(), component: None, detail: text });
            evidence
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn series_alone_are_those_of_the_whole(evidence in any_evidence(), wanted in prop::collection::vec(any::<bool>(), 6)) {
        let dir = tempfile::tempdir().unwrap();
        let store = EvidenceStore::open(dir.path()).unwrap();
        let digest = store.put(&evidence).unwrap();
        let some = store.get_only(&digest, |series| wanted[..series.len()].to_vec()).unwrap();
        let mut expected = evidence;
        for (one, _) in expected.series.iter_mut().zip(&wanted).filter(|(_, wanted)| !**wanted) {
            (one.times_ms, one.values) = (Vec::new(), Vec::new());
        }
        prop_assert_eq!(bits(&some), bits(&expected));
    }

    #[test]
    fn every_bit_comes_back(evidence in any_evidence()) {
        let dir = tempfile::tempdir().unwrap();
        let store = EvidenceStore::open(dir.path()).unwrap();
        let digest = store.put(&evidence).unwrap();
        let back = store.get(&digest).unwrap();
        prop_assert_eq!(bits(&back), bits(&evidence));
        // What was read has the address of what was written, and storing it again changes nothing.
        prop_assert_eq!(store.put(&back).unwrap(), digest);
        prop_assert_eq!(store.list().unwrap().len(), 1);
    }
}

#[test]
fn no_changed_missing_or_added_byte_goes_unseen() {
    let dir = tempfile::tempdir().unwrap();
    let store = EvidenceStore::open(dir.path()).unwrap();
    let original = evidence(3, 50);
    let digest = store.put(&original).unwrap();
    assert_eq!(store.verify(&digest), []);
    for name in ["manifest.json", "samples-0001.parquet", "rest.json"] {
        let path = folder(dir.path(), &digest).join(name);
        let good = fs::read(&path).unwrap();
        let mut changed: Vec<Vec<u8>> = (0..good.len()).step_by(97).map(|at| flipped(&good, at)).collect();
        changed.push(flipped(&good, good.len() - 1));
        changed.push(good[..good.len() - 1].to_vec());
        changed.push([&good[..], b" "].concat());
        changed.push(Vec::new());
        for bad in changed {
            fs::write(&path, bad).unwrap();
            assert!(matches!(store.get(&digest), Err(EvidenceError::Damaged { .. })), "{name}");
            assert_eq!(store.verify(&digest).iter().map(|problem| problem.file.as_str()).collect::<Vec<_>>(), [name]);
            let target = dir.path().join("export");
            assert!(store.export(&digest, &target).is_err() && !target.exists());
        }
        fs::remove_file(&path).unwrap();
        assert!(matches!(store.get(&digest), Err(EvidenceError::Damaged { .. })), "{name}");
        // Storing the same evidence mends it.
        assert_eq!(store.put(&original).unwrap(), digest);
        assert_eq!(store.verify(&digest), []);
    }
}

fn flipped(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1;
    bytes
}

#[test]
fn a_newer_schema_and_an_unknown_address_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let store = EvidenceStore::open(dir.path()).unwrap();
    let manifest = br#"{"apiVersion":"mettle/v1","kind":"Evidence","schema":3,"somethingNew":true}"#;
    let digest = Digest::of(manifest);
    assert!(matches!(store.get(&digest), Err(EvidenceError::NotFound { .. })));
    fs::create_dir_all(folder(dir.path(), &digest)).unwrap();
    fs::write(folder(dir.path(), &digest).join("manifest.json"), manifest).unwrap();
    let error = store.get(&digest).unwrap_err();
    assert!(matches!(error, EvidenceError::Newer { found: 3, known: 2, .. }), "{error}");
    assert_eq!(error.hints().len(), 1);
}

#[test]
fn series_that_break_the_schema_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = EvidenceStore::open(dir.path()).unwrap();
    for (times_ms, values) in [(vec![1, 2], vec![0.0]), (vec![2, 2], vec![0.0, 1.0]), (vec![2, 1], vec![0.0, 1.0])] {
        let series = vec![RawSeries { times_ms, values, ..RawSeries::default() }];
        let refused = store.put(&Evidence { series, ..Evidence::default() });
        assert!(matches!(refused, Err(EvidenceError::BadSeries { series: 0, .. })));
    }
    assert_eq!(store.digests().unwrap(), []);
}

#[test]
fn the_list_names_subject_size_and_end_and_an_export_is_a_copy() {
    let dir = tempfile::tempdir().unwrap();
    let store = EvidenceStore::open(&dir.path().join("evidence")).unwrap();
    let digest = store.put(&evidence(2, 10)).unwrap();
    let other = store.put(&evidence(2, 5)).unwrap();
    let list = store.list().unwrap();
    assert_eq!(list.iter().map(|entry| entry.digest).collect::<Vec<_>>(), [other, digest]);
    assert_eq!(list[1].subject.tag, "v1.0.0");
    assert_eq!(list[1].created.timestamp_millis(), 1_700_000_010_000);
    let target = dir.path().join("copy");
    store.export(&digest, &target).unwrap();
    let bytes: u64 = fs::read_dir(&target).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert_eq!(bytes, list[1].bytes);
    assert_eq!(Digest::of(&fs::read(target.join("manifest.json")).unwrap()), digest);
    assert!(matches!(store.export(&digest, &target), Err(EvidenceError::TargetExists { .. })));
}

/// A change of this address means that the same evidence gets other bytes, for instance by another release of a library.
/// What is stored stays readable; but evidence that is stored again is no longer recognised, so it is worth a new schema
/// or a second look.
#[test]
fn the_same_evidence_has_the_same_address_on_every_machine() {
    let dir = tempfile::tempdir().unwrap();
    let digest = EvidenceStore::open(dir.path()).unwrap().put(&evidence(40, 3_000)).unwrap();
    assert_eq!(digest.to_string(), "90fbd064f8619e6fc758e3725b5872864d3709e942ba0c3aaf7818753548225c");
}

#[test]
fn size_of_a_sample() {
    let dir = tempfile::tempdir().unwrap();
    let store = EvidenceStore::open(dir.path()).unwrap();
    let digest = store.put(&evidence(500, 600)).unwrap();
    let bytes = store.list().unwrap()[0].bytes as f64;
    let per_sample = bytes / 300_000.0;
    println!("{per_sample:.2} bytes a sample in {digest} (16 in memory)");
    assert!(per_sample < 16.0, "the table is larger than its samples in memory: {per_sample}");
}

/// Not a test by itself: the child of the tests below, told what to do by its environment.
#[test]
#[ignore = "started by other tests as a process of its own"]
fn child() {
    let Ok(dir) = std::env::var("DATASETS_CHILD_DIR") else {
        return;
    };
    let dir = Path::new(&dir);
    match std::env::var("DATASETS_CHILD_TASK").as_deref() {
        Ok("write") => {
            let store = EvidenceStore::open(dir).unwrap();
            for round in 1..10_000 {
                store.put(&evidence(20, round)).unwrap();
                println!("stored");
            }
        }
        Ok("full") => {
            let store = EvidenceStore::open(dir).unwrap();
            let small = store.put(&evidence(1, 10)).unwrap();
            let mut large = evidence(1, 1);
            // Noise, so that it does not compress below the size of the disk.
            let noise = |at: u64| {
                let mixed = at.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                f64::from_bits((mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb))
            };
            large.series[0].times_ms = (0..200_000).collect();
            large.series[0].values = (0..200_000).map(noise).collect();
            let error = store.put(&large).unwrap_err();
            assert!(matches!(error, EvidenceError::Full { .. }), "{error}");
            assert_eq!(error.hints().len(), 1);
            assert_eq!(fs::read_dir(dir.join("incoming")).unwrap().count(), 0);
            assert_eq!(store.digests().unwrap(), [small]);
            store.put(&evidence(1, 11)).unwrap();
            println!("stored");
        }
        Ok("read-only") => {
            let store = EvidenceStore::open(dir).unwrap();
            assert_eq!(store.list().unwrap().len(), 2);
            let error = store.put(&evidence(1, 12)).unwrap_err();
            assert!(matches!(error, EvidenceError::ReadOnly { .. }), "{error}");
            assert_eq!(store.get(&store.list().unwrap()[0].digest).unwrap(), evidence(1, 10));
            println!("refused");
        }
        task => panic!("unknown task {task:?}"),
    }
}

const CHILD: [&str; 5] = ["--ignored", "--exact", "child", "--nocapture", "--test-threads=1"];

#[test]
fn a_killed_writer_leaves_nothing_half_written() {
    let dir = tempfile::tempdir().unwrap();
    let mut stored = 0;
    for kill_after in 1..=12 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(CHILD)
            .env("DATASETS_CHILD_DIR", dir.path())
            .env("DATASETS_CHILD_TASK", "write")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let seen = lines.map_while(Result::ok).filter(|line| line.ends_with("stored")).take(kill_after).count();
        // The writer is somewhere in its next round now.
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(seen, kill_after);
        let store = EvidenceStore::open(dir.path()).unwrap();
        assert!(!dir.path().join("incoming").exists());
        let digests = store.digests().unwrap();
        assert!(digests.len() >= kill_after.max(stored));
        stored = digests.len();
        assert!(digests.iter().all(|digest| store.verify(digest).is_empty()));
    }
}

#[test]
fn a_full_and_a_read_only_disk_are_named_and_lose_nothing() {
    // A small disk of its own in a mount namespace of its own: both end with the process.
    let dir = tempfile::tempdir().unwrap();
    let script = r#"mount -t tmpfs -o size=400k tmpfs "$DATASETS_CHILD_DIR" || exit 77
        DATASETS_CHILD_TASK=full "$@" || exit 1
        mount -o remount,ro "$DATASETS_CHILD_DIR" || exit 77
        DATASETS_CHILD_TASK=read-only "$@""#;
    let run = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(CHILD)
        .env("DATASETS_CHILD_DIR", dir.path())
        .output();
    match run {
        Ok(run) if run.status.code() == Some(0) => {
            let said = String::from_utf8_lossy(&run.stdout);
            assert!(said.contains("stored") && said.contains("refused"), "{said}");
        }
        Ok(run) if run.status.code() == Some(1) || run.status.code() == Some(101) => {
            panic!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
        }
        other => println!("skipped: mount namespaces: {other:?}"),
    }
}
