//! Which request comes next: a fixed, even interleaving of the weights, the same in every run.

/// Smooth weighted round robin: after each full cycle every request came exactly by its weight, and never in a clump.
#[derive(Clone, Debug)]
pub(super) struct Mix {
    weights: Vec<i64>,
    credit: Vec<i64>,
    total: i64,
}

impl Mix {
    pub(super) fn new(weights: impl IntoIterator<Item = u32>) -> Self {
        let weights: Vec<i64> = weights.into_iter().map(i64::from).collect();
        Self { credit: vec![0; weights.len()], total: weights.iter().sum(), weights }
    }

    /// Index of the next request.
    pub(super) fn next(&mut self) -> usize {
        for (credit, weight) in self.credit.iter_mut().zip(&self.weights) {
            *credit += weight;
        }
        let best = (0..self.credit.len()).rev().max_by_key(|i| self.credit[*i]).unwrap_or_default();
        if let Some(credit) = self.credit.get_mut(best) {
            *credit -= self.total;
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cycle_holds_every_request_by_its_weight() {
        let mut mix = Mix::new([6, 3, 1]);
        let drawn: Vec<usize> = (0..1000).map(|_| mix.next()).collect();
        assert_eq!([0, 1, 2].map(|i| drawn.iter().filter(|d| **d == i).count()), [600, 300, 100]);
        assert!(drawn.windows(5).all(|w| w.iter().any(|d| *d != 0)), "no clump of the heaviest");
    }
}
