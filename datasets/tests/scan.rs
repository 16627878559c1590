//! Many evidences, of each a few series.

use datasets::{Digest, EvidenceStore};
use scorer::evidence::{Evidence, RawSeries};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Series of an evidence, and samples of each: more than a page holds, so that whole pages are passed over.
const SERIES: usize = 300;
const SAMPLES: i64 = 500;

/// Series of which the samples fill two groups of rows and a part of a third.
const MANY: usize = 4_300;

fn evidence(number: u32, count: usize) -> Evidence {
    let series = |id: usize| RawSeries {
        name: format!("metric_{}", id % 3),
        labels: BTreeMap::from([("id".to_owned(), id.to_string())]),
        times_ms: (0..SAMPLES).collect(),
        values: (0..SAMPLES).map(|at| f64::from(number) * 1e6 + id as f64 + at as f64 / 1e3).collect(),
    };
    let mut evidence = Evidence { series: (0..count).map(series).collect(), ..Evidence::default() };
    evidence.subject.tag = format!("v1.{number}.0");
    evidence
}

/// The last ones, after 145,000 rows that nobody wants.
fn choose(series: &[RawSeries]) -> Vec<bool> {
    (0..series.len()).map(|id| id >= 290).collect()
}

/// A table of an evidence in the folder.
fn table(dir: &Path, digest: &Digest) -> std::path::PathBuf {
    let digest = digest.to_string();
    dir.join("sha256").join(&digest[..2]).join(digest).join("samples-0001.parquet")
}

#[test]
fn a_scan_gives_what_was_chosen_in_order_and_a_damaged_one_harms_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let store = EvidenceStore::open(dir.path()).unwrap();
    let all: Vec<Evidence> = (0..9).map(|number| evidence(number, SERIES)).collect();
    let digests: Vec<Digest> = all.iter().map(|one| store.put(one).unwrap()).collect();
    let damaged = table(dir.path(), &digests[4]);
    let mut bytes = fs::read(&damaged).unwrap();
    bytes[100] ^= 1;
    fs::write(&damaged, bytes).unwrap();
    let chosen = |evidence: Evidence| {
        let with = evidence.series.into_iter().filter(|one| !one.values.is_empty());
        (evidence.subject.tag, with.collect::<Vec<_>>())
    };
    for (number, (read, whole)) in store.scan(&digests, choose, chosen).into_iter().zip(&all).enumerate() {
        if number == 4 {
            assert!(read.unwrap_err().to_string().contains("samples-0001.parquet"));
            continue;
        }
        let (tag, series) = read.unwrap();
        assert_eq!((tag.as_str(), series.len()), (whole.subject.tag.as_str(), 10));
        assert!(series.iter().all(|one| whole.series.contains(one)), "{tag}");
    }
    assert!(store.scan(&[], choose, chosen).is_empty());
}

#[test]
fn what_was_passed_over_does_not_reach_into_the_next_group_of_rows() {
    let dir = tempfile::tempdir().unwrap();
    let store = EvidenceStore::open(dir.path()).unwrap();
    let whole = evidence(1, MANY);
    let digest = store.put(&whole).unwrap();
    // In the first group, across its end, within the second, and at the very end.
    let wanted = |id: usize| id == 7 || (2_096..2_099).contains(&id) || id == 3_000 || id == MANY - 1;
    let some = store.get_only(&digest, |series| (0..series.len()).map(wanted).collect()).unwrap();
    for (id, (read, written)) in some.series.iter().zip(&whole.series).enumerate() {
        assert!(if wanted(id) { read == written } else { read.values.is_empty() && read.times_ms.is_empty() }, "{id}");
    }
}
