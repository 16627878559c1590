//! Cost of one judgement: metrics x (5 baseline runs + candidate) x samples, replay calibration included.

use scorer::judge::{JudgeInput, judge};
use scorer::metric::{Kind, Metric, Samples};
use scorer::policy::Policy;
use scorer::signal::Worse;

const RUNS: usize = 5;

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

fn metrics(count: usize, samples: usize) -> Vec<Metric> {
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

/// Nanoseconds that this thread has had a processor.
fn cpu_ns() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|t| t.parse().ok()).unwrap_or(f64::NAN)
}

fn main() {
    let arg = |i: usize, or: usize| std::env::args().nth(i).and_then(|a| a.parse().ok()).unwrap_or(or);
    let (count, samples, times) = (arg(1, 1000), arg(2, 960), arg(3, 1));
    let all = metrics(count, samples);
    let (gate, watch) = all.split_at(30);
    let policy = Policy::new(samples, 80);
    for _ in 0..times {
        let began = cpu_ns();
        let numbers =
            judge(&JudgeInput { gate, watch, policy: &policy, look: samples, resilience: None, hard_rules: &[] });
        println!(
            "{count} metrics x {} runs x {samples}: {:.1} ms, p {}",
            RUNS + 1,
            (cpu_ns() - began) / 1e6,
            numbers.tag_p
        );
    }
}
