//! A day of 1,000 series at 15 s from a real Prometheus: time, memory and decoding, beside the client library's own
//! `query_range` and the JSON path.
//!
//! Every path runs in a process of its own, so that its peak of memory is its own; `metrics_read PATH URL END_MS` is
//! such a process. Without arguments it makes the data with promtool, starts Prometheus on loopback, and runs them all.

#[path = "../tests/world/servers.rs"]
mod servers;

use probes::clock::wall_ms;
use probes::metrics::chunk;
use probes::metrics::server::{ReadLimits, ReadPath, Server, ServerSettings, Window};
use scorer::signal::Selector;
use servers::MetricsServer;
use std::error::Error;
use std::hint::black_box;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use url::Url;

const SERIES: usize = 1_000;
const STEP_MS: i64 = 15_000;
const SAMPLES: i64 = 24 * 3_600_000 / STEP_MS;

/// Reads of one path; the fastest counts, because the machine is shared.
const TRIES: usize = 5;

/// Points of a range query that Prometheus answers at once.
const POINTS: i64 = 10_000;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [path, url, end_ms] => one(path, &url.parse()?, end_ms.parse()?),
        _ => all(),
    }
}

/// Makes the data, starts the server, runs every path as a process.
fn all() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let end_ms = wall_ms() / STEP_MS * STEP_MS;
    let text = dir.path().join("samples.om");
    write_samples(&text, end_ms)?;
    let made = Command::new("promtool")
        .args(["tsdb", "create-blocks-from", "openmetrics"])
        .args([&text, &dir.path().join("blocks")])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !made.is_ok_and(|status| status.success()) {
        println!("unavailable: promtool of Prometheus is not installed");
        return Ok(());
    }
    std::fs::remove_file(&text)?;
    let Some(prometheus) = MetricsServer::prometheus_over("1h", "", &dir.path().join("blocks")) else { return Ok(()) };
    println!("samples                 {} ({SERIES} series, a day at {} s)", SERIES as i64 * SAMPLES, STEP_MS / 1000);
    println!("columns                 {:.0} MB", columns_mb());
    for path in ["decode", "remote-read", "json", "query-range"] {
        let status = Command::new(std::env::current_exe()?)
            .args([path, prometheus.url.as_str(), &end_ms.to_string()])
            .status()?;
        if !status.success() {
            return Err(format!("{path} ended with {status}").into());
        }
    }
    Ok(())
}

fn columns_mb() -> f64 {
    (SERIES as i64 * SAMPLES * 16) as f64 / 1e6
}

/// Counters that rise unevenly, and every tenth series a noisy gauge, as targets have them.
fn write_samples(path: &Path, end_ms: i64) -> Result<()> {
    let mut out = BufWriter::new(std::fs::File::create(path)?);
    let start_ms = end_ms - (SAMPLES - 1) * STEP_MS;
    writeln!(out, "# TYPE bench counter")?;
    for series in 0..SERIES {
        let mut total = 0_u64;
        let mut state = series as u64 * 2_654_435_761 + 1;
        for sample in 0..SAMPLES {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let time_ms = start_ms + sample * STEP_MS;
            let (s, ms) = (time_ms / 1000, time_ms % 1000);
            if series % 10 == 0 {
                let value = 100.0 + (state % 10_000) as f64 / 37.0;
                writeln!(out, "bench_total{{series=\"{series}\",kind=\"gauge\"}} {value} {s}.{ms:03}")?;
            } else {
                total += state % 50;
                writeln!(out, "bench_total{{series=\"{series}\",kind=\"counter\"}} {total} {s}.{ms:03}")?;
            }
        }
    }
    writeln!(out, "# EOF")?;
    Ok(out.flush()?)
}

/// One path, timed; the data must be whole.
fn one(path: &str, url: &Url, end_ms: i64) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let before_kb = peak_kb()?;
    let mut best = Duration::MAX;
    for _ in 0..if path == "query-range" { 2 } else { TRIES } {
        let started = Instant::now();
        let samples = match path {
            "remote-read" => runtime.block_on(read(url, ReadPath::RemoteRead, end_ms))?,
            "json" => runtime.block_on(read(url, ReadPath::Json, end_ms))?,
            "query-range" => runtime.block_on(query_range(url, end_ms))?,
            _ => {
                decode();
                return Ok(());
            }
        };
        best = best.min(started.elapsed());
        if samples != SERIES * SAMPLES as usize {
            return Err(format!("{path} gave {samples} samples").into());
        }
    }
    let peak_mb = (peak_kb()? - before_kb) as f64 / 1e3;
    println!(
        "{path:<23} {:.3} s, peak {peak_mb:.0} MB, {:.2} times the columns",
        best.as_secs_f64(),
        peak_mb / columns_mb()
    );
    Ok(())
}

async fn read(url: &Url, read: ReadPath, end_ms: i64) -> Result<usize> {
    let settings = ServerSettings { read, ..ServerSettings::of(url.clone()) };
    let window = Window { from_ms: end_ms - (SAMPLES - 1) * STEP_MS, to_ms: end_ms };
    let found = Server::new(settings, ReadLimits::default()).read(&[Selector::parse("bench_total")?], window).await?;
    Ok(found.iter().map(|one| one.values.len()).sum())
}

/// The peer: the client library's own range query into its own types.
async fn query_range(url: &Url, end_ms: i64) -> Result<usize> {
    let client = prometheus_http_query::Client::from(reqwest::Client::new(), url.as_str())?;
    let (mut samples, step_s) = (0, STEP_MS / 1000);
    let mut from_s = (end_ms - (SAMPLES - 1) * STEP_MS) / 1000;
    while from_s <= end_ms / 1000 {
        let to_s = (from_s + (POINTS - 1) * step_s).min(end_ms / 1000);
        let answer = client.query_range("bench_total", from_s, to_s, step_s as f64).get().await?;
        let series = answer.data().as_matrix().ok_or("no matrix")?;
        samples += series.iter().map(|one| one.samples().len()).sum::<usize>();
        from_s = to_s + step_s;
    }
    Ok(samples)
}

/// Decoding alone: chunks of 120 samples as a server keeps them, counters and gauges as above, on one core.
fn decode() {
    let chunks: Vec<Vec<u8>> = (0..200).map(encoded).collect();
    let (mut times_ms, mut values) = (Vec::with_capacity(120 * 200), Vec::with_capacity(120 * 200));
    let (mut best, rounds) = (Duration::MAX, 50);
    for _ in 0..20 {
        let started = Instant::now();
        for _ in 0..rounds {
            times_ms.clear();
            values.clear();
            for one in &chunks {
                chunk::xor(one, (i64::MIN, i64::MAX), &mut times_ms, &mut values).expect("was encoded here");
            }
            black_box((&times_ms, &values));
        }
        best = best.min(started.elapsed());
    }
    let samples = (rounds * chunks.len() * 120) as f64;
    println!("decode                  {:.0} M samples/s on one core", samples / best.as_secs_f64() / 1e6);
}

/// Writes one chunk the way a server does.
fn encoded(series: u64) -> Vec<u8> {
    let (mut bits, mut state, mut total) = (Bits::default(), series * 2_654_435_761 + 1, 0_u64);
    bits.put(120, 16);
    let (mut last, mut window) = (0_u64, None);
    for at in 0..120_u64 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        total += state % 50;
        let value = if series.is_multiple_of(10) { 100.0 + (state % 10_000) as f64 / 37.0 } else { total as f64 };
        match at {
            0 => {
                bits.varint(1_700_000_000_000 << 1);
                bits.put(value.to_bits(), 64);
            }
            // Scrapes come a millisecond early or late now and then.
            1 => bits.varint(15_000),
            _ if state % 5 == 0 => (bits.put(0b10, 2), bits.put(state % 3, 14)).1,
            _ => bits.put(0, 1),
        }
        if at > 0 {
            bits.changed(last ^ value.to_bits(), &mut window);
        }
        last = value.to_bits();
    }
    bits.bytes
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: u32,
}

impl Bits {
    fn put(&mut self, number: u64, count: u32) {
        for bit in (0..count).rev() {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= ((number >> bit & 1) as u8) << (7 - self.used % 8);
            }
            self.used += 1;
        }
    }

    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.put(number & 0x7f | 0x80, 8);
            number >>= 7;
        }
        self.put(number, 8);
    }

    fn changed(&mut self, changed: u64, window: &mut Option<(u32, u32)>) {
        if changed == 0 {
            return self.put(0, 1);
        }
        let (leading, trailing) = (changed.leading_zeros().min(31), changed.trailing_zeros());
        match *window {
            Some((l, t)) if leading >= l && trailing >= t => {
                self.put(0b10, 2);
                self.put(changed >> t, 64 - l - t);
            }
            _ => {
                self.put(0b11, 2);
                self.put(leading.into(), 5);
                self.put(u64::from(64 - leading - trailing) & 63, 6);
                self.put(changed >> trailing, 64 - leading - trailing);
                *window = Some((leading, trailing));
            }
        }
    }
}

/// Peak of resident memory of this process, kilobytes.
fn peak_kb() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.split_whitespace().nth(1).ok_or("no number")?.parse()?)
}
