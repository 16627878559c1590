//! Evidence of a day: 1,000 series at 15 s written and read, at once and slice by slice, beside plain PyArrow with the
//! same samples. Prints one line a figure.

use datasets::{Digest, EvidenceStore};
use scorer::evidence::{Evidence, RawSeries, Subject};
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

const SERIES: usize = 1_000;
const SAMPLES: usize = 24 * 240;
const STEP_MS: i64 = 15_000;
const START_MS: i64 = 1_700_000_000_000;

/// Samples of a slice: four scrapes are a minute.
const SLICE: usize = 4;

/// The best of so many runs.
const RUNS: usize = 3;

/// Small numbers in a row (SplitMix64).
struct Dice(u64);

impl Dice {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as f64 / u64::MAX as f64
    }
}

/// A service's mix: of twelve series three busy counters, four slow ones, a gauge of pages, two constants, a gauge of
/// noise and a counter of seconds.
fn one(id: usize) -> RawSeries {
    let (mut dice, mut total) = (Dice(id as u64), 0.0);
    let mut next = || {
        let chance = dice.unit();
        match id % 12 {
            0..=2 => total += (4_500.0 * (0.9 + 0.2 * chance)).round(),
            3..=6 => total += f64::from(u8::from(chance < 0.2)),
            7 => total = 1e8 + (chance * 100.0).round() * 4_096.0,
            8 | 9 => total = 3.0,
            10 => total = chance,
            _ => total = ((total + chance * 0.3) * 100.0).round() / 100.0,
        }
        total
    };
    let labels = BTreeMap::from([
        ("job".to_owned(), format!("service-{}", id % 7)),
        ("instance".to_owned(), format!("10.0.{}.{}:8080", id / 256, id % 256)),
        ("path".to_owned(), format!("/api/v1/items/{}", id % 40)),
    ]);
    RawSeries {
        name: "bench_total".to_owned(),
        labels,
        times_ms: (0..SAMPLES as i64).map(|at| START_MS + at * STEP_MS + (id as i64 % 97)).collect(),
        values: (0..SAMPLES).map(|_| next()).collect(),
    }
}

fn best<T>(mut work: impl FnMut() -> Result<T, Box<dyn Error>>) -> Result<(f64, T), Box<dyn Error>> {
    let mut best = None;
    for _ in 0..RUNS {
        let begun = Instant::now();
        let done = work()?;
        let took = begun.elapsed().as_secs_f64();
        if best.as_ref().is_none_or(|(least, _)| took < *least) {
            best = Some((took, done));
        }
    }
    Ok(best.expect("at least one run"))
}

fn tell(what: &str, written: f64, read: f64, bytes: f64) {
    let million = |rate: f64| format!("{:.1} M/s", rate / 1e6);
    println!("{what:<42} written {:>10}   read {:>10}   {bytes:.2} bytes a sample", million(written), million(read));
}

fn main() -> Result<(), Box<dyn Error>> {
    let subject = Subject { soak: "bench".into(), attempt: 1, ..Subject::default() };
    let mut whole =
        Evidence { subject: subject.clone(), series: (0..SERIES).map(one).collect(), ..Evidence::default() };
    whole.series.sort_by(|a, b| a.labels.cmp(&b.labels));
    let samples = (SERIES * SAMPLES) as f64;
    let dir = tempfile::tempdir()?;
    let store = EvidenceStore::open(dir.path())?;
    let (write_s, digest) = best(|| {
        let _ = fs::remove_dir_all(dir.path().join("sha256"));
        Ok(store.put(&whole)?)
    })?;
    let (read_s, back) = best(|| Ok(store.get(&digest)?))?;
    assert!(back == whole, "what is read is what was written");
    let bytes = store.list()?[0].bytes as f64 / samples;
    tell("evidence, with digests and fsync", samples / write_s, samples / read_s, bytes);
    slices(&store, &whole, &digest)?;
    peer(dir.path(), &whole)
}

/// The same slice by slice, as a worker does it.
fn slices(store: &EvidenceStore, whole: &Evidence, digest: &Digest) -> Result<(), Box<dyn Error>> {
    let samples = (SERIES * SAMPLES) as f64;
    let mut recording = store.record(&whole.subject)?;
    let mut appended = 0.0;
    for from in (0..SAMPLES).step_by(SLICE) {
        let rows = from..SAMPLES.min(from + SLICE);
        let cut = |one: &RawSeries| RawSeries {
            name: one.name.clone(),
            labels: one.labels.clone(),
            times_ms: one.times_ms[rows.clone()].to_vec(),
            values: one.values[rows.clone()].to_vec(),
        };
        let slice = Evidence { series: whole.series.iter().map(cut).collect(), ..rest(whole) };
        let begun = Instant::now();
        recording.append(&slice)?;
        appended += begun.elapsed().as_secs_f64();
    }
    let begun = Instant::now();
    let same = recording.finish(rest(whole))?;
    let finished = begun.elapsed().as_secs_f64();
    assert_eq!(same, *digest, "slices make the same evidence");
    recording.discard()?;
    println!(
        "{:<42} appended {:.1} M/s, {:.1} ms a slice of {} samples; finished in {finished:.2} s",
        "the same in slices of a minute",
        samples / appended / 1e6,
        appended * 1e3 / (SAMPLES / SLICE) as f64,
        SERIES * SLICE,
    );
    Ok(())
}

/// Evidence without its samples.
fn rest(whole: &Evidence) -> Evidence {
    Evidence { subject: whole.subject.clone(), ..Evidence::default() }
}

fn peer(dir: &Path, whole: &Evidence) -> Result<(), Box<dyn Error>> {
    let Ok(python) = std::env::var("METTLE_EVIDENCE_PYTHON") else {
        println!("unavailable: PyArrow: METTLE_EVIDENCE_PYTHON is not set");
        return Ok(());
    };
    let bytes = |each: &dyn Fn(&RawSeries) -> Vec<u8>| whole.series.iter().flat_map(each).collect::<Vec<u8>>();
    let ids = (0_u32..).zip(&whole.series).flat_map(|(id, one)| vec![id.to_le_bytes(); one.values.len()].concat());
    fs::write(dir.join("ids.bin"), ids.collect::<Vec<u8>>())?;
    fs::write(dir.join("times.bin"), bytes(&|one| one.times_ms.iter().flat_map(|time| time.to_le_bytes()).collect()))?;
    fs::write(dir.join("values.bin"), bytes(&|one| one.values.iter().flat_map(|value| value.to_le_bytes()).collect()))?;
    let text = |one: &RawSeries| {
        let labels: Vec<String> = one.labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        format!("{{{}}}\n", labels.join(","))
    };
    fs::write(dir.join("labels.txt"), whole.series.iter().map(text).collect::<String>())?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/evidence_store/peer.py");
    let out = Command::new(python).arg(script).arg(dir).output()?;
    if !out.status.success() {
        return Err(String::from_utf8_lossy(&out.stderr).into_owned().into());
    }
    for line in String::from_utf8(out.stdout)?.lines() {
        let cells: Vec<&str> = line.split('\t').collect();
        let [name, written, read, bytes] = cells.as_slice() else {
            return Err(format!("not understood: {line}").into());
        };
        tell(&format!("PyArrow, {name}, one thread"), written.parse()?, read.parse()?, bytes.parse()?);
    }
    Ok(())
}
