//! Combination of p values: Simes, Cauchy, Benjamini-Hochberg.

/// Simes combination (Simes 1986) of p values; 1 of nothing.
pub fn simes(p: &[f64]) -> f64 {
    let mut sorted = p.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let m = sorted.len() as f64;
    sorted.iter().enumerate().map(|(i, p)| p * m / (i + 1) as f64).fold(f64::INFINITY, f64::min).min(1.0)
}

/// Cauchy combination (Liu and Xie 2020) of p values with equal weights; 1 of nothing.
///
/// p above .95 counts as .95, so that one feature without any effect does not cancel the others.
pub fn cauchy(p: &[f64]) -> f64 {
    if p.is_empty() {
        return 1.0;
    }
    let sum: f64 = p.iter().map(|p| ((0.5 - p.clamp(1e-15, 0.95)) * std::f64::consts::PI).tan()).sum();
    (0.5 - (sum / p.len() as f64).atan() / std::f64::consts::PI).clamp(0.0, 1.0)
}

/// Which hypotheses Benjamini and Hochberg (1995) reject at a false discovery rate of `level`, in the given order.
pub fn benjamini_hochberg(p: &[f64], level: f64) -> Vec<bool> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let m = p.len() as f64;
    let last =
        order.iter().enumerate().filter(|&(rank, &i)| p[i] <= level * (rank + 1) as f64 / m).map(|(rank, _)| rank);
    let rejected = last.max().map_or(0, |rank| rank + 1);
    let mut out = vec![false; p.len()];
    order[..rejected].iter().for_each(|&i| out[i] = true);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn benjamini_hochberg_agrees_with_its_paper() {
        // Benjamini and Hochberg 1995, section 3.2: four of fifteen are rejected at .05.
        let p = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
            0.7590, 1.0,
        ];
        let got = benjamini_hochberg(&p, 0.05);
        assert_eq!(got.iter().filter(|r| **r).count(), 4);
        assert!(got[..4].iter().all(|r| *r));
        assert!(benjamini_hochberg(&[], 0.05).is_empty());
    }

    #[test]
    fn nothing_is_no_evidence() {
        assert_eq!((simes(&[]), cauchy(&[])), (1.0, 1.0));
    }
}
