#![no_main]

use probes::metrics::{chunk, native};
use std::collections::BTreeMap;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for read in [chunk::histogram(bytes), chunk::float_histogram(bytes)] {
        let Ok((buckets, samples)) = read else { continue };
        // Many samples of many buckets take long and say nothing new.
        if samples.len() * buckets.positive.len().max(1) > 20_000 {
            continue;
        }
        let samples = native::observed(&[(buckets, samples)]);
        let series = native::classic("h", &BTreeMap::new(), &samples);
        assert!(series.iter().all(|one| one.values.len() == samples.len()));
    }
});
