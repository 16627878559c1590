#![no_main]

use probes::metrics::chunk;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (mut times, mut values) = (Vec::new(), Vec::new());
    let read = chunk::xor(bytes, (i64::MIN, i64::MAX), &mut times, &mut values);
    assert_eq!(times.len(), values.len());
    assert!(read.is_err() || times.len() == chunk::announced(bytes));
});
