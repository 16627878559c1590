//! When `fail` is tested, and at which share of the total false-fail rate.

/// One look at a running soak.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Look {
    /// Samples judged.
    pub samples: usize,
    /// Share of the total false-fail rate that is spent here.
    pub share: f64,
}

/// The looks of a programme of `programme` samples: `first` doubling below its end with share 1/((l+1)(l+2)), then the
/// end (and `extensions` declared ends at one and a half programmes); the last takes what is left, 1/L. The shares sum
/// to 1.
pub fn looks(programme: usize, first: usize, extensions: usize) -> Vec<Look> {
    let mut at = Vec::new();
    let mut samples = first.max(1);
    while samples < programme {
        at.push(samples);
        samples = samples.saturating_mul(2);
    }
    at.push(programme);
    at.extend(std::iter::repeat_n((3 * programme).div_ceil(2), extensions));
    let last = at.len() - 1;
    let share = |l: usize| {
        if l < last { 1.0 / ((l + 1) * (l + 2)) as f64 } else { 1.0 / at.len() as f64 }
    };
    at.iter().enumerate().map(|(l, &samples)| Look { samples, share: share(l) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_sum_to_one() {
        for (programme, first, extensions) in [(60, 20, 0), (1440, 80, 1), (50, 80, 0), (10, 0, 0)] {
            let sum: f64 = looks(programme, first, extensions).iter().map(|l| l.share).sum();
            assert!((sum - 1.0).abs() < 1e-12, "{programme} {first} {extensions}: {sum}");
        }
    }
}
