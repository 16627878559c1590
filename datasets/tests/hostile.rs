//! Readers of files that anybody may have made: mutated bytes give a value or an error, never a panic.
//!
//! `METTLE_FUZZ` sets the mutations of each file (1,000 by default); their seeds are their numbers.

use datasets::{Digest, EvidenceStore, read_cases, read_long};
use polars::prelude::{Column, DataFrame, IntoColumn, NamedFrom, ParquetCompression, ParquetWriter, Series};
use scorer::evidence::{Evidence, Phase, PhaseLabel, RawSeries};
use serde_json::json;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Small numbers in a row (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    }

    /// One to eight changes: bits, bytes that mean something, cuts, copies and swaps of stretches.
    fn mutated(&mut self, good: &[u8]) -> Vec<u8> {
        let mut bytes = good.to_vec();
        for _ in 0..=self.below(8) {
            let at = self.below(bytes.len());
            let stretch = at..(at + 1 + self.below(32)).min(bytes.len());
            match self.below(6) {
                _ if bytes.is_empty() => bytes.push(self.below(256) as u8),
                0 => bytes[at] ^= 1 << self.below(8),
                1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff, b',', b'"', b'\n'][self.below(8)],
                2 => bytes.truncate(at),
                3 => drop(bytes.drain(stretch)),
                4 => {
                    let copy = bytes[stretch].to_vec();
                    let to = self.below(bytes.len());
                    bytes.splice(to..to, copy);
                }
                // Near the end of a Parquet file stands what describes it.
                _ => {
                    let near = bytes.len() - 1 - self.below(bytes.len().min(400));
                    bytes[near] = self.below(256) as u8;
                }
            }
        }
        bytes
    }
}

fn mutations() -> u64 {
    std::env::var("METTLE_FUZZ").ok().map_or(1_000, |text| text.parse().expect("METTLE_FUZZ is a number"))
}

/// Reads `good` mutated again and again; how many were refused.
fn refused(good: &[u8], mut read: impl FnMut(&[u8]) -> Result<(), String>) -> u64 {
    assert_eq!(read(good), Ok(()), "the whole file can be read");
    let mut refused = 0;
    for seed in 0..mutations() {
        let bytes = Dice(seed).mutated(good);
        match catch_unwind(AssertUnwindSafe(|| read(&bytes))) {
            Ok(read) => refused += u64::from(read.is_err()),
            Err(_) => panic!("seed {seed} panics"),
        }
    }
    refused
}

fn parquet(rows: usize, columns: Vec<Column>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let writer = ParquetWriter::new(&mut bytes).with_compression(ParquetCompression::Zstd(None));
    writer.finish(&mut DataFrame::new(rows, columns).expect("a table")).expect("memory");
    bytes
}

fn long_table() -> (Vec<String>, Vec<String>, Vec<i64>, Vec<f64>) {
    let rows = 0..60_i32;
    let role = |i: i32| if i < 30 { "baseline" } else { "candidate" }.to_owned();
    let metric = |i: i32| format!("latency{}", i % 2);
    (
        rows.clone().map(role).collect(),
        rows.clone().map(metric).collect(),
        rows.clone().map(|i| 1_700_000_000 + i64::from(i)).collect(),
        rows.map(|i| f64::from(i) * 0.25).collect(),
    )
}

#[test]
fn a_long_table_in_parquet() {
    let (roles, metrics, times, values) = long_table();
    let columns = vec![
        Series::new("role".into(), roles).into_column(),
        Series::new("metric".into(), metrics).into_column(),
        Series::new("timestamp".into(), times).into_column(),
        Series::new("value".into(), values).into_column(),
    ];
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("long.parquet");
    let read = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        read_long(&path).map(|_| ()).map_err(|error| error.to_string())
    };
    assert!(refused(&parquet(60, columns), read) > mutations() / 2);
}

#[test]
fn a_long_table_in_csv() {
    let (roles, metrics, times, values) = long_table();
    let mut text = "role,metric,timestamp,value\n".to_owned();
    for (((role, metric), time), value) in roles.iter().zip(&metrics).zip(&times).zip(&values) {
        text.push_str(&format!("{role},{metric},{time},{value}\n"));
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("long.csv");
    let read = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        read_long(&path).map(|_| ()).map_err(|error| error.to_string())
    };
    assert!(refused(text.as_bytes(), read) > mutations() / 2);
}

#[test]
fn a_list_of_labelled_cases() {
    let dir = tempfile::tempdir().unwrap();
    let rows = |case: &str| format!("{case},baseline,m,1700000000,1\n{case},candidate,m,1700000000,2\n");
    let table = format!("case_id,role,metric,timestamp,value\n{}{}", rows("shop-1"), rows("shop-2"));
    fs::write(dir.path().join("shop.csv"), table).unwrap();
    let text = "case_id,dataset,label\nshop-1,shop,stable\nshop-2,shop,unstable\n";
    let read = |bytes: &[u8]| {
        fs::write(dir.path().join("cases.csv"), bytes).unwrap();
        read_cases(dir.path()).map(|_| ()).map_err(|errors| format!("{errors:?}"))
    };
    assert!(refused(text.as_bytes(), read) > mutations() / 4);
}

fn evidence() -> Evidence {
    let start_ms = 1_700_000_000_000;
    let phase =
        Phase { label: PhaseLabel::Steady, name: "steady".into(), start_ms, end_ms: start_ms + 50_000, samples: 50 };
    let times_ms: Vec<i64> = (0..50).map(|i| start_ms + i * 1_000).collect();
    let values = (0..50).map(|i| f64::from(i) * 1.5).collect();
    let one = RawSeries { name: "requests_total".into(), times_ms, values, ..RawSeries::default() };
    Evidence { phases: vec![phase], series: vec![one.clone(), one], ..Evidence::default() }
}

/// Puts other bytes in the place of one file of an evidence, with the digests that belong to them.
fn forged(root: &Path, original: &Digest, (name, key): (&str, &str), bytes: &[u8]) -> Digest {
    let folder = |digest: &Digest| {
        let digest = digest.to_string();
        root.join("sha256").join(&digest[..2]).join(digest)
    };
    let from = folder(original);
    let mut manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(from.join("manifest.json")).expect("the store")).expect("a manifest");
    let file = json!({"sha256": Digest::of(bytes).to_string(), "bytes": bytes.len()});
    manifest["files"][key] = if key == "samples" { json!([file]) } else { file };
    let manifest = serde_json::to_vec(&manifest).expect("the store");
    let digest = Digest::of(&manifest);
    fs::create_dir_all(folder(&digest)).expect("the store");
    for file in ["samples-0001.parquet", "rest.json"] {
        fs::copy(from.join(file), folder(&digest).join(file)).expect("the store");
    }
    fs::write(folder(&digest).join("manifest.json"), manifest).expect("the store");
    fs::write(folder(&digest).join(name), bytes).expect("the store");
    digest
}

#[test]
fn evidence_whose_digests_fit() {
    let dir = tempfile::tempdir().unwrap();
    let store = EvidenceStore::open(dir.path()).unwrap();
    let original = store.put(&evidence()).unwrap();
    for (name, key) in [("samples-0001.parquet", "samples"), ("rest.json", "rest")] {
        let text = original.to_string();
        let good = fs::read(dir.path().join("sha256").join(&text[..2]).join(&text).join(name)).unwrap();
        let read = |bytes: &[u8]| {
            let digest = forged(dir.path(), &original, (name, key), bytes);
            assert_ne!(digest, original, "the forged manifest has its keys in another order");
            let read = store.get(&digest).map(|_| ()).map_err(|error| error.to_string());
            assert_eq!(store.verify(&digest).is_empty(), read.is_ok(), "what can be read is whole");
            let text = digest.to_string();
            fs::remove_dir_all(dir.path().join("sha256").join(&text[..2]).join(&text)).unwrap();
            read
        };
        assert!(refused(&good, read) > mutations() / 2, "{name}");
    }
}
