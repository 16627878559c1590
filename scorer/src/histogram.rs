//! Histograms of one run, sample by sample, whatever kind of buckets they were recorded in.
//!
//! Invariant: a sample is either known in every bucket or absent in all of them (NaN).

use crate::metric::Samples;
use crate::native::{Native, widened};

/// How much a cumulative bucket may fall below a narrower one by rounding, as a share of its count.
const SLACK: f64 = 1e-9;

/// Relative distance below which two bounds are one.
const SAME: f64 = 1e-9;

/// Coarsest native resolution in which a distribution can be compared: buckets of a factor of two.
const COARSEST: i8 = 0;

/// Where the bounds come from: this decides how two runs are brought to common buckets.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Layout {
    /// Declared one by one (`le`).
    Classic,
    /// Powers of 2^(2^-schema), and a bucket for what is at most `zero` away from zero.
    Native { schema: i8, zero: f64 },
}

/// One histogram a sample; all share their buckets.
#[derive(Clone, Debug, PartialEq)]
pub struct Histograms {
    layout: Layout,
    /// Upper bounds of the buckets, strictly rising, in the unit of the observations.
    bounds: Vec<f64>,
    /// Observations per sample and bucket, sample by sample; NaN: absent.
    counts: Vec<f64>,
}

impl Histograms {
    /// Classic buckets: `cumulative[b][i]` is how many observations of sample i were at most `bounds[b]` (increments
    /// of the `_bucket` counters). `None` without a rising list of at least two bounds that ends with infinity.
    pub fn classic(bounds: Vec<f64>, cumulative: &[Vec<f64>]) -> Option<Histograms> {
        let rising = bounds.windows(2).all(|pair| pair[0] < pair[1]);
        if bounds.len() < 2 || bounds.len() != cumulative.len() || !rising || bounds.last() != Some(&f64::INFINITY) {
            return None;
        }
        let samples = cumulative.iter().map(Vec::len).min().unwrap_or(0);
        let counts = (0..samples).flat_map(|i| apart(cumulative.iter().map(|bucket| bucket[i]))).collect();
        Some(Histograms { layout: Layout::Classic, bounds, counts })
    }

    /// Native buckets: what was observed in each sample; `None`: absent. All are brought to the coarsest resolution
    /// among them. `None` when no sample is there.
    pub fn native(samples: &[Option<Native>]) -> Option<Histograms> {
        let schema = samples.iter().flatten().map(Native::schema).min()?;
        let coarse: Vec<Option<Native>> =
            samples.iter().map(|s| s.as_ref().map(|native| native.coarser(schema))).collect();
        let zero = coarse.iter().flatten().map(Native::zero_threshold).fold(0.0, f64::max);
        let all = || coarse.iter().flatten().flat_map(|native| native.buckets(zero));
        let mut bounds: Vec<f64> = all().map(|(bound, _)| bound).collect();
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        let mut counts = vec![0.0; bounds.len() * coarse.len()];
        for (row, native) in counts.chunks_mut(bounds.len().max(1)).zip(&coarse) {
            let Some(native) = native else {
                row.fill(f64::NAN);
                continue;
            };
            for (bound, count) in native.buckets(zero) {
                row[bounds.partition_point(|b| *b < bound)] += count;
            }
        }
        (!bounds.is_empty()).then_some(Histograms { layout: Layout::Native { schema, zero }, bounds, counts })
    }

    /// Samples.
    pub fn len(&self) -> usize {
        self.counts.len() / self.bounds.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Upper bounds of the buckets, rising.
    pub fn bounds(&self) -> &[f64] {
        &self.bounds
    }

    /// Observations of a sample, one number a bucket; NaN: absent.
    pub fn sample(&self, sample: usize) -> &[f64] {
        let buckets = self.bounds.len();
        self.counts.get(sample * buckets..(sample + 1) * buckets).unwrap_or(&[])
    }

    /// Every sample in order of time.
    pub fn samples(&self) -> impl Iterator<Item = &[f64]> {
        self.counts.chunks(self.bounds.len())
    }

    /// Observations above the smallest finite bound at or above `threshold`, of all; with that bound. `None`: no such
    /// bound, which only classic buckets can lack.
    pub fn above(&self, threshold: f64) -> Option<(f64, Samples)> {
        let bound = match self.layout {
            Layout::Native { schema, .. } => widened(threshold, schema),
            Layout::Classic => *self.bounds.iter().find(|b| b.is_finite() && **b >= threshold * (1.0 - SAME))?,
        };
        let first = self.bounds.partition_point(|b| *b <= bound || same_bound(*b, bound));
        let parts = self.samples().map(|row| (row[first..].iter().sum::<f64>(), row.iter().sum::<f64>()));
        // A sample without observations says nothing of a share; the sum over no bucket is known all the same.
        let (events, total) = parts.map(|(e, t)| if t.is_nan() { (f64::NAN, f64::NAN) } else { (e, t) }).unzip();
        Some((bound, Samples::Events { events, total }))
    }

    /// A quantile of every sample, as `histogram_quantile` of Prometheus has it: by a straight line within a classic
    /// bucket (from zero in the first one of positive bounds; in the last, open bucket its lower bound) and within the
    /// zero bucket, by equal factors within the other native ones. NaN: nothing was observed.
    pub fn quantiles(&self, share: f64) -> Vec<f64> {
        self.samples().map(|row| self.quantile(row, share)).collect()
    }

    fn quantile(&self, row: &[f64], share: f64) -> f64 {
        let total: f64 = row.iter().sum();
        if total.is_nan() || total <= 0.0 {
            return f64::NAN;
        }
        let (wanted, mut below) = (share * total, 0.0);
        let mut found = self.bounds.len() - 1;
        for (bucket, count) in row.iter().enumerate() {
            if *count > 0.0 && below + count >= wanted {
                found = bucket;
                break;
            }
            below += count;
        }
        let within = ((wanted - below) / row[found]).clamp(0.0, 1.0);
        let upper = self.bounds[found];
        match self.layout {
            Layout::Native { schema, zero } if upper.abs() > zero || upper < 0.0 => {
                let factor = (-f64::from(schema)).exp2().exp2();
                // A bucket below zero ends at its bound that is nearer to zero.
                let (from, to) = if upper > 0.0 { (upper / factor, upper) } else { (upper * factor, upper) };
                from * (to / from).powf(within)
            }
            Layout::Native { .. } => upper * within,
            Layout::Classic => {
                let lower = if found == 0 { upper.min(0.0) } else { self.bounds[found - 1] };
                if upper.is_finite() { lower + (upper - lower) * within } else { lower }
            }
        }
    }
}

/// Counts of each bucket from cumulative ones; all NaN where one is missing or they contradict each other.
fn apart(cumulative: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut before = 0.0;
    let mut known = true;
    let mut counts: Vec<f64> = cumulative
        .map(|upto| {
            known &= upto.is_finite() && upto >= before - SLACK * before;
            let own = (upto - before).max(0.0);
            before = upto;
            own
        })
        .collect();
    if !known {
        counts.fill(f64::NAN);
    }
    counts
}

/// Whether two bounds are one; infinity is only itself.
pub(crate) fn same_bound(a: f64, b: f64) -> bool {
    a == b || a.is_finite() && b.is_finite() && (a - b).abs() <= SAME * b.abs()
}

/// Runs in common buckets: baseline runs (`None`: left out) and candidate.
///
/// Classic baseline runs whose bounds are not those of most are left out, and the candidate needs every bound of the
/// others: one that gave up bounds could otherwise hide in what is left. Native runs are brought to the coarsest
/// resolution among them. `None`: the candidate cannot be compared.
pub(crate) fn alike(
    baselines: &[&Histograms],
    candidate: &Histograms,
) -> Option<(Vec<Option<Histograms>>, Histograms)> {
    match candidate.layout {
        Layout::Classic => {
            let usual = usual_bounds(baselines)?;
            let known = usual.iter().all(|bound| candidate.bounds.iter().any(|own| same_bound(*own, *bound)));
            let brought = |h: &&Histograms| h.has_bounds(usual).then(|| h.within(usual));
            known.then(|| (baselines.iter().map(brought).collect(), candidate.within(usual)))
        }
        Layout::Native { .. } => {
            let native: Vec<&Histograms> =
                baselines.iter().copied().filter(|h| h.native_layout().is_some()).chain([candidate]).collect();
            let bounds = native_bounds(&native)?;
            let brought = |h: &&Histograms| h.native_layout().map(|_| h.within(&bounds));
            Some((baselines.iter().map(brought).collect(), candidate.within(&bounds)))
        }
    }
}

/// The bounds that most classic runs have; of equally many the later ones.
fn usual_bounds<'a>(runs: &[&'a Histograms]) -> Option<&'a [f64]> {
    let classic: Vec<&'a Histograms> = runs.iter().copied().filter(|h| h.layout == Layout::Classic).collect();
    let shared = |h: &&Histograms| classic.iter().filter(|other| other.has_bounds(&h.bounds)).count();
    classic.iter().copied().max_by_key(shared).map(Histograms::bounds)
}

/// Bounds of all native runs in their coarsest resolution; `None`: it is too coarse.
fn native_bounds(runs: &[&Histograms]) -> Option<Vec<f64>> {
    let layouts: Vec<(i8, f64)> = runs.iter().filter_map(|h| h.native_layout()).collect();
    let schema = layouts.iter().map(|(schema, _)| *schema).min().filter(|schema| *schema >= COARSEST)?;
    let zero = layouts.iter().map(|(_, zero)| *zero).fold(0.0, f64::max);
    // What one run has in its zero bucket the others must not tell apart.
    let all = runs.iter().flat_map(|h| &h.bounds).map(|b| widened(*b, schema));
    let mut bounds: Vec<f64> = all.filter(|b| b.abs() >= zero).collect();
    bounds.sort_by(f64::total_cmp);
    bounds.dedup_by(|a, b| same_bound(*a, *b));
    Some(bounds)
}

impl Histograms {
    fn native_layout(&self) -> Option<(i8, f64)> {
        match self.layout {
            Layout::Native { schema, zero } => Some((schema, zero)),
            Layout::Classic => None,
        }
    }

    fn has_bounds(&self, bounds: &[f64]) -> bool {
        self.layout == Layout::Classic
            && self.bounds.len() == bounds.len()
            && self.bounds.iter().zip(bounds).all(|(own, other)| same_bound(*own, *other))
    }

    /// The same observations in wider buckets, of which every upper bound is one of this histogram's or beyond.
    fn within(&self, bounds: &[f64]) -> Histograms {
        let place = |own: &f64| bounds.partition_point(|b| *b < *own && !same_bound(*b, *own)).min(bounds.len() - 1);
        let places: Vec<usize> = self.bounds.iter().map(place).collect();
        let mut counts = vec![0.0; bounds.len() * self.len()];
        for (wide, narrow) in counts.chunks_mut(bounds.len()).zip(self.samples()) {
            for (place, count) in places.iter().zip(narrow) {
                wide[*place] += count;
            }
            if narrow.iter().any(|c| c.is_nan()) {
                wide.fill(f64::NAN);
            }
        }
        Histograms { layout: self.layout, bounds: bounds.to_vec(), counts }
    }
}
