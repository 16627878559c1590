//! Normal scores of mid-ranks among the baseline samples, for all samples of a metric at once.
//!
//! Without ties a rank is a count, and no branch depends on the samples. Samples that tie are mended afterwards.

use crate::order::Order;
use crate::tables::Scratch;

/// Who is counted, and the score of every mid-rank.
pub(crate) struct Ranks<'a> {
    pub(crate) order: &'a Order,
    /// Whether each run is a baseline run.
    pub(crate) baseline: &'a [bool],
    /// Normal scores, by samples below plus samples not above.
    pub(crate) scores: &'a [f64],
}

impl Ranks<'_> {
    /// For every sample in rising order the baseline samples before it.
    pub(crate) fn count(&self, scratch: &mut Scratch) {
        let n = self.order.values.len();
        scratch.below.resize(n + 1, 0);
        let mut count = 0;
        for (below, owner) in scratch.below.iter_mut().zip(&self.order.owners) {
            *below = count;
            count += u32::from(self.baseline[*owner as usize]);
        }
        scratch.below[n] = count;
    }

    /// Scores of the samples of one run, given by their ranks, into `out`. Those that tie are looked up where
    /// [`Ranks::mean_shift`] mended them.
    pub(crate) fn scores_of(&self, scratch: &mut Scratch, (slot, run): (usize, usize), ranks: &[u32], tolerance: f64) {
        let Scratch { below, ranked, locations, .. } = scratch;
        let out = locations.row_mut(slot).iter_mut().zip(ranks);
        if self.ties(tolerance) {
            return out.for_each(|(out, rank)| *out = ranked[*rank as usize]);
        }
        let plays = usize::from(self.baseline[run]);
        out.for_each(|(out, rank)| *out = self.scores[2 * below[*rank as usize] as usize + plays]);
    }

    fn ties(&self, tolerance: f64) -> bool {
        self.order.least_gap <= 2.0 * tolerance
    }

    /// The sum by which adding the margin to every baseline sample moves its score; mends the scores of samples that tie
    /// within `tolerance`.
    pub(crate) fn mean_shift(&self, scratch: &mut Scratch, tolerance: f64, margin: f64) -> f64 {
        let ties = self.ties(tolerance);
        let still = if ties { self.mend(scratch, tolerance) } else { 0.0 };
        if margin <= 0.0 {
            return 0.0;
        }
        let mut sums = [0.0; 4];
        let ((owners, last), (shifted, last_shifted)) =
            (self.order.owners.as_chunks::<4>(), self.order.shifted.as_chunks::<4>());
        // Adding 0 keeps the branch out of the loop.
        let below = &scratch.below;
        let one = |owner: &u32, there: &u32| {
            self.scores[2 * below[*there as usize] as usize] * f64::from(u8::from(self.baseline[*owner as usize]))
        };
        for (owners, shifted) in owners.iter().zip(shifted) {
            for i in 0..4 {
                sums[i] += one(&owners[i], &shifted[i]);
            }
        }
        let rest: f64 = last.iter().zip(last_shifted).map(|(owner, there)| one(owner, there)).sum();
        let mended = if ties { self.mend_moved(scratch, tolerance, margin) } else { 0.0 };
        // Without ties the scores of the samples where they are cancel: they lie evenly about 0.
        ((sums[0] + sums[1]) + (sums[2] + sums[3])) + rest + mended - still
    }

    /// Mends the scores of samples that tie; the sum of the changes of the baseline's.
    fn mend(&self, scratch: &mut Scratch, tolerance: f64) -> f64 {
        let Scratch { below, ranked, .. } = scratch;
        let values = &self.order.values;
        let as_if = |(below, owner): (&u32, &u32)| {
            self.scores[2 * *below as usize + usize::from(self.baseline[*owner as usize])]
        };
        ranked.clear();
        ranked.extend(below.iter().zip(&self.order.owners).map(as_if));
        let near = |i: usize| i + 1 < values.len() && values[i + 1] - values[i] <= 2.0 * tolerance;
        let (mut start, mut changes) = (0, 0.0);
        while start < values.len() {
            if !near(start) {
                start += 1;
                continue;
            }
            let end = (start..).find(|i| !near(*i)).unwrap_or(start);
            let (mut left, mut right) = (start, start);
            for i in start..=end {
                while values[left] < values[i] - tolerance {
                    left += 1;
                }
                while right <= end && values[right] <= values[i] + tolerance {
                    right += 1;
                }
                let score = self.scores[(below[left] + below[right]) as usize];
                if self.baseline[self.order.owners[i] as usize] {
                    changes += score - ranked[i];
                }
                ranked[i] = score;
            }
            start = end + 1;
        }
        changes
    }

    /// The sum of what ties change of the baseline's scores with the margin added.
    fn mend_moved(&self, scratch: &Scratch, tolerance: f64, margin: f64) -> f64 {
        let (values, below) = (&self.order.values, &scratch.below);
        let (mut left, mut right, mut changes) = (0, 0, 0.0);
        for (i, (owner, slack)) in self.order.owners.iter().zip(&self.order.slack).enumerate() {
            if *slack > 2.0 * tolerance || !self.baseline[*owner as usize] {
                continue;
            }
            let moved = values[i] + margin;
            while left < values.len() && values[left] < moved - tolerance {
                left += 1;
            }
            while right < values.len() && values[right] <= moved + tolerance {
                right += 1;
            }
            let score = self.scores[(below[left] + below[right]) as usize];
            changes += score - self.scores[2 * below[self.order.shifted[i] as usize] as usize];
        }
        changes
    }
}
