//! Ranks of pooled samples.

/// Ranks of the pool of two samples, ties averaged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PooledRanks {
    /// Sum of the ranks of the first sample.
    pub first_sum: f64,
    /// Sum of t^3 - t over the groups of t equal values.
    pub ties: f64,
}

/// Ranks `first` within the pool of both samples; NaN ranks as infinity.
pub fn pooled_ranks(first: impl Iterator<Item = f64>, second: &[f64]) -> PooledRanks {
    let ordered = |v: f64| if v.is_nan() { f64::INFINITY } else { v };
    let mut pool: Vec<(f64, bool)> = first.map(|v| (ordered(v), true)).collect();
    pool.extend(second.iter().map(|&v| (ordered(v), false)));
    pool.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut out = PooledRanks { first_sum: 0.0, ties: 0.0 };
    let mut before = 0.0;
    for group in pool.chunk_by(|a, b| a.0 == b.0) {
        let size = group.len() as f64;
        let of_first = group.iter().filter(|(_, first)| *first).count() as f64;
        out.first_sum += of_first * (before + (size + 1.0) / 2.0);
        out.ties += size.powi(3) - size;
        before += size;
    }
    out
}
