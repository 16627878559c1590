//! What holds of every answer, whatever its bytes are: it is series in order, within the limits, or an error.

use probes::metrics::server::{AnswerKind, ReadLimits, Window, decode};

pub fn check(kind: AnswerKind, bytes: &[u8]) {
    let limits = ReadLimits { series: 100, samples: 100_000, body_bytes: 1 << 20 };
    let window = Window { from_ms: i64::MIN / 2, to_ms: i64::MAX / 2 };
    match decode(kind, bytes, window, limits) {
        Ok(series) => {
            for one in &series {
                assert_eq!(one.times_ms.len(), one.values.len());
                assert!(one.times_ms.is_sorted_by(|a, b| a < b), "times rise");
            }
            assert!(series.iter().map(|one| one.values.len()).sum::<usize>() <= limits.samples);
        }
        Err(error) => assert!(!error.to_string().is_empty() && !error.remedy().is_empty()),
    }
}
