#![no_main]

use probes::metrics::exposition::{Format, parse, series_name};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(read) = parse(bytes, Format::Prometheus, 1_000) else { return };
    assert!(read.samples.len() <= 1_000);
    for sample in &read.samples {
        if let Ok(name) = series_name(sample.series) {
            assert!(name.labels.values().all(|value| !value.is_empty()));
        }
    }
});
