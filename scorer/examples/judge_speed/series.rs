//! Metrics to be judged.

use scorer::metric::{Kind, Metric, Samples};
use scorer::signal::Worse;

/// Baseline runs.
pub const RUNS: usize = 5;

/// SplitMix64 (Steele, Lea and Flood 2014): enough for series that only have to look like noise.
struct Noise(u64);

impl Noise {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// About normal: the sum of twelve.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }

    /// AR(1) at .5 about 100 with sd 10.
    fn run(&mut self, samples: usize) -> Vec<f64> {
        let mut z = self.normal();
        (0..samples)
            .map(|_| {
                z = 0.5 * z + 0.75f64.sqrt() * self.normal();
                100.0 + 10.0 * z
            })
            .collect()
    }
}

/// Gauges with five baseline runs and a candidate.
pub fn metrics(count: usize, samples: usize) -> Vec<Metric> {
    let mut noise = Noise(7);
    (0..count)
        .map(|i| Metric {
            name: format!("m{i}"),
            kind: Kind::Gauge,
            worse: Worse::Up,
            baselines: (0..RUNS).map(|_| Samples::Values(noise.run(samples))).collect(),
            candidate: Samples::Values(noise.run(samples)),
            by: Some(1.0),
            rise: None,
            relative: false,
            aligned: true,
            offsets: None,
        })
        .collect()
}
