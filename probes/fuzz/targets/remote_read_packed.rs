#![no_main]

mod answer;

use probes::metrics::server::AnswerKind;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| answer::check(AnswerKind::Packed, bytes));
