//! What fuzzing begins with can be read, and what it has found stays harmless: every file of `fuzz/seeds`.

use probes::metrics::chunk;
use probes::metrics::exposition::{Format, parse};
use probes::metrics::server::{AnswerKind, ReadLimits, Window, decode};
use std::fs;
use std::path::Path;

/// Samples in every seed of a target.
fn samples(target: &str, read: impl Fn(&[u8]) -> usize) -> Vec<(String, usize)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let mut seeds: Vec<(String, usize)> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|file| {
            let file = file.unwrap();
            (file.file_name().to_string_lossy().into_owned(), read(&fs::read(file.path()).unwrap()))
        })
        .collect();
    seeds.sort();
    seeds
}

fn answer(target: &str, kind: AnswerKind) -> Vec<(String, usize)> {
    let window = Window { from_ms: i64::MIN / 2, to_ms: i64::MAX / 2 };
    samples(target, |bytes| {
        let series = decode(kind, bytes, window, ReadLimits::default()).unwrap_or_default();
        series.iter().map(|one| one.values.len()).sum()
    })
}

#[test]
fn every_seed_is_read_as_far_as_it_is_meant() {
    let named = |name: &str, samples: usize| (name.to_owned(), samples);
    assert_eq!(answer("remote_read", AnswerKind::Frames), [named("one_frame", 2)]);
    assert_eq!(answer("remote_read_message", AnswerKind::Message), [named("one_series", 2)]);
    assert_eq!(answer("remote_read_packed", AnswerKind::Packed), [named("one_series", 1)]);
    assert_eq!(answer("query_json", AnswerKind::Json), [named("error", 0), named("matrix", 6)]);
    assert_eq!(answer("export_lines", AnswerKind::Lines), [named("lines", 5)]);
    let exposed =
        |target: &str, format| samples(target, |text| parse(text, format, 1_000).map_or(0, |read| read.samples.len()));
    assert_eq!(exposed("exposition_text", Format::Prometheus), [named("families", 7)]);
    assert_eq!(exposed("openmetrics", Format::OpenMetrics), [named("families", 8)]);
    let histograms =
        samples("histogram_chunk", |bytes| chunk::histogram(bytes).map_or(0, |(_, samples)| samples.len()));
    assert_eq!(histograms, [named("seventeen_samples", 17)]);
    let chunks = samples("xor_chunk", |bytes| {
        let (mut times, mut values) = (Vec::new(), Vec::new());
        chunk::xor(bytes, (i64::MIN, i64::MAX), &mut times, &mut values).map_or(0, |()| times.len())
    });
    assert_eq!(chunks, [named("two_samples", 2)]);
}
