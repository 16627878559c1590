//! The level of one metric in hundreds of soaks, as `mettle trend` asks for it, beside Polars and DuckDB over the same
//! files. Ours checks the digest of every byte first; the peers check nothing. Prints one line a figure.

use datasets::{Digest, EvidenceStore};
use scorer::evidence::{Evidence, RawSeries};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// Soaks of an hour at 15 s.
const SOAKS: u32 = 300;
const SERIES: usize = 500;
const SAMPLES: usize = 240;

/// What is asked for: one metric, of one service.
const METRIC: &str = "metric_7";
const JOB: &str = "service-7";

/// The best of so many runs.
const RUNS: usize = 3;

/// A number from 0 to 1 of its own for every sample (SplitMix64).
fn noise(soak: u32, id: usize, at: usize) -> f64 {
    let mut z = (u64::from(soak) << 40 | (id as u64) << 20 | at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) as f64 / u64::MAX as f64
}

fn evidence(soak: u32) -> Evidence {
    let series = |id: usize| RawSeries {
        name: format!("metric_{}", id % 50),
        labels: BTreeMap::from([
            ("job".to_owned(), format!("service-{}", id % 10)),
            ("path".to_owned(), format!("/api/v1/items/{}", id / 50)),
        ]),
        times_ms: (0..SAMPLES as i64).map(|at| 1_700_000_000_000 + at * 15_000).collect(),
        values: (0..SAMPLES).map(|at| (1e6 * noise(soak, id, at)).round()).collect(),
    };
    let mut evidence = Evidence { series: (0..SERIES).map(series).collect(), ..Evidence::default() };
    evidence.subject.tag = format!("v1.{soak}.0");
    evidence
}

/// Everything of the service, because that tells when it answered.
fn choose(series: &[RawSeries]) -> Vec<bool> {
    series.iter().map(|one| one.labels["job"] == JOB).collect()
}

fn level(evidence: Evidence) -> f64 {
    let chosen = evidence.series.iter().filter(|one| one.name == METRIC && one.labels["job"] == JOB);
    let (sum, count) =
        chosen.fold((0.0, 0), |(sum, count), one| (sum + one.values.iter().sum::<f64>(), count + one.values.len()));
    sum / count as f64
}

fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let store = EvidenceStore::open(dir.path())?;
    let digests = (0..SOAKS).map(|soak| store.put(&evidence(soak))).collect::<Result<Vec<Digest>, _>>()?;
    let million = f64::from(SOAKS) * (SERIES * SAMPLES) as f64 / 1e6;
    let (mut best, mut levels) = (f64::INFINITY, Vec::new());
    for _ in 0..RUNS {
        let begun = Instant::now();
        levels = store.scan(&digests, choose, level).into_iter().collect::<Result<_, _>>()?;
        best = best.min(begun.elapsed().as_secs_f64());
    }
    tell("ours, with digests", best, million, None);
    let whole = Instant::now();
    let same: Vec<f64> =
        store.scan(&digests, |series| vec![true; series.len()], level).into_iter().collect::<Result<_, _>>()?;
    assert_eq!(same, levels, "what is left out changes nothing");
    tell("ours, every series", whole.elapsed().as_secs_f64(), million, Some(best));
    peers(dir.path(), &levels, million, best)
}

fn tell(what: &str, seconds: f64, million: f64, ours: Option<f64>) {
    let ratio = ours.map_or(String::new(), |ours| format!("  {:.2} x ours", seconds / ours));
    println!("{what:<24} {seconds:>7.3} s over {SOAKS} soaks, {:>6.0} M samples/s{ratio}", million / seconds);
}

fn peers(dir: &Path, levels: &[f64], million: f64, ours: f64) -> Result<(), Box<dyn Error>> {
    let Ok(python) = std::env::var("METTLE_EVIDENCE_PYTHON") else {
        println!("unavailable: Polars and DuckDB: METTLE_EVIDENCE_PYTHON is not set");
        return Ok(());
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/evidence_scan/peers.py");
    let out = Command::new(python).arg(script).args([dir.as_os_str(), METRIC.as_ref(), JOB.as_ref()]).output()?;
    if !out.status.success() {
        return Err(String::from_utf8_lossy(&out.stderr).into_owned().into());
    }
    let mine: f64 = levels.iter().sum();
    for line in String::from_utf8(out.stdout)?.lines() {
        let cells: Vec<&str> = line.split('\t').collect();
        let [name, seconds, sum, soaks] = cells.as_slice() else {
            return Err(format!("not understood: {line}").into());
        };
        let (theirs, soaks): (f64, u32) = (sum.parse()?, soaks.parse()?);
        assert!(soaks == SOAKS && (theirs / mine - 1.0).abs() < 1e-9, "{name} finds other levels: {theirs} and {mine}");
        tell(name, seconds.parse()?, million, Some(ours));
    }
    Ok(())
}
