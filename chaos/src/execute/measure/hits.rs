//! Hits among probes, and what they say about a share that was asked for.
//!
//! Judged by the exact interval of a binomial share (C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial
//! limits illustrated in the case of the binomial", Biometrika 26, 1934): it holds every share under which neither tail
//! of what was seen is rarer than half of [`FALSE_ALARM`]. Wilson's interval is narrower, but its cover is what it
//! promises on average only and falls below it for shares near 0 and 1, which is where faults are asked for: a fault that
//! is as asked would be called off more often than allowed.

use super::LEAST;
use crate::fault::MIN_SHARE;

/// Chance that a share that is exactly as asked is called another one, in both directions together.
///
/// A soak injects hundreds of times at the most.
const FALSE_ALARM: f64 = 0.001;

/// Probes that count, and those of them that the fault hit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::execute) struct Hits {
    pub(in crate::execute) probes: u32,
    pub(in crate::execute) hits: u32,
}

impl Hits {
    /// Counts those of `seen` that say something, and those of them that are hits.
    pub(super) fn of<T>(seen: &[T], counts: impl Fn(&&T) -> bool, is_hit: impl Fn(&&T) -> bool) -> Self {
        let counted = || seen.iter().filter(|seen| counts(seen));
        Self { probes: counted().count() as u32, hits: counted().filter(is_hit).count() as u32 }
    }

    pub(in crate::execute) fn add(&mut self, more: Hits) {
        self.probes += more.probes;
        self.hits += more.hits;
    }

    /// What as many independent probes would say as these are worth: hits that come together say less.
    pub(super) fn thinned(self, by: f64) -> Self {
        let part = |number: u32| (f64::from(number) / by).round() as u32;
        Self { probes: part(self.probes), hits: part(self.hits) }
    }

    /// The part of the probes that was hit; none without probes.
    pub(in crate::execute) fn share(self) -> Option<f64> {
        (self.probes > 0).then(|| f64::from(self.hits) / f64::from(self.probes))
    }

    /// Whether the interval ends below `share`: there are fewer hits than chance explains.
    pub(in crate::execute) fn are_below(self, share: f64) -> bool {
        at_most(self.hits, self.probes, share) < FALSE_ALARM / 2.0
    }

    /// Whether the interval begins above `share`: there are more hits than chance explains.
    pub(in crate::execute) fn are_above(self, share: f64) -> bool {
        // As many hits or more are as few misses or fewer.
        at_most(self.probes - self.hits, self.probes, 1.0 - share) < FALSE_ALARM / 2.0
    }

    /// Whether there are hits, and not far fewer than `share` lets expect.
    pub(in crate::execute) fn show(self, share: f64) -> bool {
        self.hits > 0 && !self.are_below(share * LEAST)
    }
}

/// The least number of probes of which some must be hit: no hit at all then excludes even [`LEAST`] of `share`.
///
/// From 11 probes (of 1) to 757 (of 0.02). Half of a share of 1 is told apart from it in 99.95 % of the verifications,
/// half of 0.5 in 16 %, an eighth of 0.5 in 97 %: a little less needs more probes than a landscape should bear, and the
/// samples of the hold add to them.
pub(in crate::execute) fn probes_for(share: f64) -> u32 {
    let miss = 1.0 - share.clamp(MIN_SHARE, 1.0) * LEAST;
    ((FALSE_ALARM / 2.0).ln() / miss.ln()).ceil() as u32
}

/// Chance of at most `hits` hits of `probes` when each is one with the probability `share`.
fn at_most(hits: u32, probes: u32, share: f64) -> f64 {
    if hits >= probes || share <= 0.0 {
        return 1.0;
    }
    if share >= 1.0 {
        return 0.0;
    }
    let odds = (share / (1.0 - share)).ln();
    // In logarithms: the chance of no hit alone can be too small for a number.
    let mut term = f64::from(probes) * (1.0 - share).ln();
    let mut sum = term.exp();
    for n in 0..hits {
        term += odds + (f64::from(probes - n) / f64::from(n + 1)).ln();
        sum += term.exp();
    }
    sum
}
