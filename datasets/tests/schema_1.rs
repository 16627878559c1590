//! Evidence of schema 1 stays readable: a folder that the program of that time wrote.

use datasets::{Digest, EvidenceStore};
use scorer::evidence::{CheckResult, Class, Event, Evidence, Outcome, Phase, PhaseLabel, RawSeries};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Where the fixture lies, and its address.
const FIXTURE: &str = "tests/fixtures/schema-1";
const DIGEST: &str = "07386972fbba7a68cb9faa7ee8ea8925a83c43e402ea5c0baa816f26b1b0d9f9";

/// Prometheus' staleness marker.
const STALE: u64 = 0x7ff0_0000_0000_0002;

/// What was written.
fn evidence() -> Evidence {
    let mut evidence = Evidence::default();
    evidence.subject.product = "shop".to_owned();
    evidence.subject.tag = "v1.2.3".to_owned();
    evidence.subject.soak = "018f0000-0000-7000-8000-000000000001".to_owned();
    evidence.subject.attempt = 2;
    evidence.context.interval_ms = 1_000;
    evidence.context.load_per_s = Some(299.999_999_999_7);
    let (start_ms, end_ms) = (1_700_000_000_000, 1_700_000_090_000);
    evidence.phases =
        vec![Phase { label: PhaseLabel::Steady, name: "steady".to_owned(), start_ms, end_ms, samples: 90 }];
    for id in 0..3_u8 {
        let times_ms = (0..90).map(|at| start_ms + at * 1_000 + at % 3).collect();
        let value = |at: u32| if at == 40 { f64::from_bits(STALE) } else { f64::from(at) * 300.5 + f64::from(id) };
        let labels =
            BTreeMap::from([("job".to_owned(), "checkout".to_owned()), ("zone".to_owned(), format!("z\"{id}\\"))]);
        let values = (0..90).map(value).collect();
        evidence.series.push(RawSeries { name: "http_requests_total".to_owned(), labels, times_ms, values });
    }
    evidence.series.push(RawSeries { name: "absent".to_owned(), ..RawSeries::default() });
    evidence.checks.push(CheckResult {
        class: Class::Business,
        suite: "buy".to_owned(),
        check: "pays".to_owned(),
        at_ms: start_ms + 5,
        took_ms: 12.3,
        outcome: Outcome::Wrong,
        detail: Some("status 500, wanted 200".to_owned()),
    });
    evidence.events.push(Event {
        at_ms: start_ms + 7,
        kind: "crash".to_owned(),
        component: None,
        detail: "exit 3".to_owned(),
    });
    evidence
}

/// Everything with its floats by their bits, so that staleness markers can be compared.
fn bits(evidence: &Evidence) -> (Vec<Vec<u64>>, String) {
    let mut rest = evidence.clone();
    let of = |one: &mut RawSeries| std::mem::take(&mut one.values).iter().map(|value| value.to_bits()).collect();
    (rest.series.iter_mut().map(of).collect(), format!("{rest:?}"))
}

/// A store with a copy of the fixture, because a store cleans up in its folder.
fn store(dir: &Path) -> EvidenceStore {
    let folder = format!("sha256/{}/{DIGEST}", &DIGEST[..2]);
    fs::create_dir_all(dir.join(&folder)).expect("a folder");
    for file in ["manifest.json", "samples.parquet", "rest.json"] {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(FIXTURE).join(file);
        fs::copy(from, dir.join(&folder).join(file)).expect("the fixture");
    }
    EvidenceStore::open(dir).expect("a store")
}

#[test]
fn evidence_of_schema_1_is_read_to_the_bit() {
    let dir = tempfile::tempdir().unwrap();
    let (store, digest) = (store(dir.path()), DIGEST.parse::<Digest>().unwrap());
    assert_eq!(store.verify(&digest), []);
    assert_eq!(bits(&store.get(&digest).unwrap()), bits(&evidence()));
    let some = store.get_only(&digest, |series| (0..series.len()).map(|at| at == 1).collect()).unwrap();
    let lengths: Vec<usize> = some.series.iter().map(|one| one.values.len()).collect();
    assert_eq!(lengths, [0, 90, 0, 0]);
    assert_eq!(bits(&some).0[1], bits(&evidence()).0[1]);
    let listed = store.list().unwrap();
    assert_eq!((listed[0].digest, listed[0].subject.attempt), (digest, 2));
    assert_eq!(listed[0].created.timestamp_millis(), 1_700_000_090_000);
    let target = dir.path().join("copy");
    store.export(&digest, &target).unwrap();
    assert_eq!(Digest::of(&fs::read(target.join("manifest.json")).unwrap()), digest);
    // Its table is checked like any other.
    let table = dir.path().join("sha256").join(&DIGEST[..2]).join(DIGEST).join("samples.parquet");
    let mut bytes = fs::read(&table).unwrap();
    bytes[40] ^= 1;
    fs::write(&table, bytes).unwrap();
    assert!(store.get(&digest).unwrap_err().to_string().contains("samples.parquet"));
}
