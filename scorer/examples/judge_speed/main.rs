//! Cost of one judgement, replay calibration included, beside the reference and other judges. All figures are
//! processor time of one thread, in one run, one after the other: on a shared machine wall time says nothing.
//!
//! With an argument (`look`, `peers`, `growth`): that part alone; `once METRICS SAMPLES`: one size, for a profiler.
//! METTLE_REFERENCE_PYTHON: a python with numpy and scipy; METTLE_OTAVA_PYTHON: one with apache-otava. What is missing is
//! said to be unavailable.

mod series;

use nix::time::{ClockId, clock_gettime};
use scorer::compat::MetricRuns;
use scorer::compat::kayenta::{Control, judge_runs};
use scorer::interim::{Interim, Sample};
use scorer::judge::{JudgeInput, judge};
use scorer::metric::{Metric, Samples};
use scorer::policy::Policy;
use series::{RUNS, metrics};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Metrics and samples of the declared limits.
const METRICS: usize = 1000;
const SAMPLES: usize = 960;
/// Gate metrics of a tag.
const GATES: usize = 30;
/// Repetitions of a measurement; the least counts.
const TIMES: usize = 3;
/// Metrics of the table over samples.
const LONG_METRICS: usize = 100;
/// Metrics that the slow judges see.
const KAYENTA_METRICS: usize = 100;
const OTAVA_METRICS: usize = 4;
/// Declared limits.
const LEAST_RATIO: f64 = 30.0;
/// Passes over the looks of a programme.
const PASSES: usize = 3;
/// Limit of one of them, milliseconds.
const LOOK_MS: f64 = 5.0;

/// Milliseconds that this thread has had a processor.
fn cpu_ms() -> f64 {
    let had = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID);
    had.map_or(f64::NAN, |had| Duration::from(had).as_secs_f64() * 1e3)
}

/// Least processor time of a few repetitions.
fn least_ms(mut f: impl FnMut()) -> f64 {
    let once = |_| {
        let began = cpu_ms();
        f();
        cpu_ms() - began
    };
    (0..TIMES).map(once).fold(f64::INFINITY, f64::min)
}

fn judged(all: &[Metric], samples: usize) -> f64 {
    let (gate, watch) = all.split_at(GATES);
    let policy = Policy::new(samples, 80);
    judge(&JudgeInput { gate, watch, policy: &policy, look: samples, resilience: None, hard_rules: &[] }).tag_p
}

fn judge_ms(count: usize, samples: usize) -> f64 {
    let all = metrics(count, samples);
    least_ms(|| {
        std::hint::black_box(judged(&all, samples));
    })
}

/// Processor seconds that a program of the reference prints.
fn python(name: &str, program: &str, count: usize) -> Option<f64> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/reference");
    let Ok(interpreter) = std::env::var(name) else {
        println!("unavailable: {program}: {name} is not set");
        return None;
    };
    let arguments = [count.to_string(), SAMPLES.to_string()];
    let run = Command::new(interpreter).arg("-B").arg(folder.join(program)).args(arguments).output();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    match run {
        Ok(out) if out.status.success() => said(&out.stdout).parse().ok(),
        Ok(out) => {
            println!("unavailable: {program}: {}", said(&out.stderr).lines().last().unwrap_or("no reason given"));
            None
        }
        Err(error) => {
            println!("unavailable: {program}: {error}");
            None
        }
    }
}

fn growth() {
    println!("| metrics | samples | ms | us a metric | growth exponent |");
    println!("|--:|--:|--:|--:|--:|");
    let table = |sizes: [(usize, usize); 3]| {
        let mut last: Option<(f64, f64)> = None;
        for (count, samples) in sizes {
            let (ms, size) = (judge_ms(count, samples), (count * samples) as f64);
            let exponent = last.map_or("".to_owned(), |(m, s)| format!("{:.2}", (ms / m).ln() / (size / s).ln()));
            println!("| {count} | {samples} | {ms:.1} | {:.0} | {exponent} |", ms * 1e3 / count as f64);
            last = Some((ms, size));
        }
    };
    table([250, 1000, 4000].map(|count| (count, SAMPLES)));
    table([1, 4, 16].map(|factor| (LONG_METRICS, factor * SAMPLES)));
}

fn peers() {
    let ours = judge_ms(METRICS, SAMPLES) / METRICS as f64;
    if let Some(s) = python("METTLE_REFERENCE_PYTHON", "speed.py", METRICS) {
        let again = judge_ms(METRICS, SAMPLES) / METRICS as f64;
        let (reference, mean) = (s * 1e3 / METRICS as f64, (ours + again) / 2.0);
        println!(
            "reference (NumPy/SciPy): {reference:.2} ms a metric, judge {mean:.3} ms: {:.0} times (limit {LEAST_RATIO})",
            reference / mean
        );
    }
    if let Some(s) = python("METTLE_OTAVA_PYTHON", "otava_speed.py", OTAVA_METRICS) {
        let otava = s * 1e3 / OTAVA_METRICS as f64;
        println!("Apache Otava ({OTAVA_METRICS} metrics): {otava:.1} ms a metric: {:.0} times", otava / ours);
    }
    let values = |s: &Samples| match s {
        Samples::Values(v) => v.clone(),
        Samples::Events { .. } => Vec::new(),
    };
    let runs: Vec<MetricRuns> = metrics(KAYENTA_METRICS, SAMPLES)
        .iter()
        .map(|m| MetricRuns {
            name: m.name.clone(),
            worse: m.worse,
            baselines: m.baselines.iter().map(values).collect(),
            candidate: values(&m.candidate),
        })
        .collect();
    for (control, name) in [(Control::AllRuns, "all runs"), (Control::LastRun, "the last run")] {
        let ms = least_ms(|| {
            std::hint::black_box(judge_runs(&runs, control));
        });
        let each = ms / KAYENTA_METRICS as f64;
        println!("Kayenta in Rust against {name}, no replay: {each:.3} ms a metric: {:.1} times", each / ours);
    }
}

fn interim(all: &[Metric]) {
    let (gate, watch) = all.split_at(GATES);
    let policy = Policy::new(SAMPLES, 80);
    let prepared = least_ms(|| {
        std::hint::black_box(Interim::prepare(gate, watch, &policy));
    });
    let at = |i: usize| -> Vec<Sample> {
        let one = |m: &Metric| match &m.candidate {
            Samples::Values(v) => Sample::Value(v[i]),
            Samples::Events { events, total } => Sample::Events { events: events[i], total: total[i] },
        };
        all.iter().map(one).collect()
    };
    // The same look in several passes: the least is the look's own, the rest is what else the machine did.
    let mut least = vec![f64::INFINITY; SAMPLES];
    let mut slowest: f64 = 0.0;
    for _ in 0..PASSES {
        let mut living = Interim::prepare(gate, watch, &policy);
        for (i, least) in least.iter_mut().enumerate() {
            let samples = at(i);
            let began = cpu_ms();
            let taken = living.push(&samples).map(|()| living.reading());
            let took = cpu_ms() - began;
            assert!(taken.is_ok(), "one sample a metric");
            (*least, slowest) = (least.min(took), slowest.max(took));
        }
    }
    let worst = least.iter().copied().fold(0.0, f64::max);
    println!(
        "incremental look, {METRICS} metrics: mean {:.2} ms, worst {worst:.2} ms of {PASSES} passes (limit {LOOK_MS}), slowest single {slowest:.2} ms; prepared in {prepared:.0} ms",
        least.iter().sum::<f64>() / SAMPLES as f64
    );
}

fn allocation(all: &[Metric]) {
    let region = Region::new(ALLOCATOR);
    std::hint::black_box(judged(all, SAMPLES));
    let change = region.change();
    let kept = change.bytes_allocated.saturating_sub(change.bytes_deallocated);
    let samples = (RUNS + 1) * SAMPLES * size_of::<f64>();
    println!(
        "allocation of one look, {METRICS} metrics: {} allocations, {:.0} MB ({:.1} times the samples), {} left after",
        change.allocations,
        change.bytes_allocated as f64 / 1e6,
        change.bytes_allocated as f64 / (samples * METRICS) as f64,
        kept
    );
}

fn main() {
    let part = std::env::args().nth(1);
    let size = |i: usize| std::env::args().nth(i).and_then(|size| size.parse().ok());
    if let (Some("once"), Some(count), Some(samples)) = (part.as_deref(), size(2), size(3)) {
        return println!("{count} metrics, {samples} samples: {:.1} ms", judge_ms(count, samples));
    }
    let asked = |name: &str| part.as_deref().is_none_or(|part| part == name);
    println!(
        "{METRICS} metrics x ({RUNS} baseline runs + candidate) x {SAMPLES} samples, processor time of one thread"
    );
    if asked("look") {
        let all = metrics(METRICS, SAMPLES);
        allocation(&all);
        interim(&all);
    }
    if asked("peers") {
        peers();
    }
    if asked("growth") {
        growth();
    }
}
