//! Radix sort of samples.

/// Bits of a digit.
const DIGIT: u32 = 11;
/// Moves a sample that the last step may take before the samples count as unfit for this sort.
const PATIENCE: usize = 8;

/// One sample on its way.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Entry {
    key: u64,
    pub(crate) run: u32,
    /// Place among all samples, run after run.
    pub(crate) spot: u32,
}

impl Entry {
    /// Its value.
    pub(crate) fn value(&self) -> f64 {
        f64::from_bits(self.key ^ ((!self.key as i64 >> 63) as u64 | 1 << 63))
    }
}

/// Bits that rise with the value.
fn key(value: f64) -> u64 {
    let bits = value.to_bits();
    bits ^ ((bits as i64 >> 63) as u64 | 1 << 63)
}

/// Working memory of sorts.
#[derive(Debug, Default)]
pub(crate) struct Sorter {
    all: Vec<Entry>,
    spare: Vec<Entry>,
}

impl Sorter {
    /// Samples of all runs by value, then as given: by the 22 highest bits in which values differ, digit by digit, then
    /// by insertion.
    pub(crate) fn sorted(&mut self, runs: &[Vec<f64>]) -> &[Entry] {
        let Sorter { all, spare } = self;
        all.clear();
        let mut spot = 0;
        for (run, values) in (0_u32..).zip(runs) {
            all.extend((spot..).zip(values).map(|(spot, &value)| Entry { key: key(value), run, spot }));
            spot += values.len() as u32;
        }
        let Some(first) = all.first().map(|e| e.key) else { return all };
        let differing = all.iter().fold(0, |bits, e| bits | (e.key ^ first));
        let shift = (u64::BITS - differing.leading_zeros()).saturating_sub(2 * DIGIT);
        spare.resize(all.len(), Entry::default());
        for digit in 0..2 {
            let place = |e: &Entry| (e.key >> (shift + digit * DIGIT)) as usize & ((1 << DIGIT) - 1);
            let mut starts = [0_u32; 1 << DIGIT];
            all.iter().for_each(|e| starts[place(e)] += 1);
            let mut sum = 0;
            starts.iter_mut().for_each(|s| sum += std::mem::replace(s, sum));
            for entry in all.iter() {
                let to = &mut starts[place(entry)];
                spare[*to as usize] = *entry;
                *to += 1;
            }
            std::mem::swap(all, spare);
        }
        if !inserted(all) {
            all.sort_by_key(|e| e.key);
        }
        all
    }
}

/// Sorts what is nearly sorted; `false` when it turned out not to be.
fn inserted(all: &mut [Entry]) -> bool {
    let mut patience = PATIENCE * all.len();
    for i in 1..all.len() {
        let entry = all[i];
        let mut to = i;
        while to > 0 && all[to - 1].key > entry.key {
            all[to] = all[to - 1];
            to -= 1;
        }
        all[to] = entry;
        if i - to > patience {
            return false;
        }
        patience -= i - to;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorting_is_stable_whatever_the_samples() {
        let wild = |i: usize| [0.0, -0.0, 1e300, -1e300, 5e-324, -1.5][i % 6] + ((i * 31 + 13) % 97) as f64 / 4.0;
        let close = |i: usize| if i == 0 { -1e300 } else { 100.0 + ((i * 7919) % 997) as f64 * 1e-9 };
        let falling = |i: usize| -(i as f64);
        for of in [&wild as &dyn Fn(usize) -> f64, &close, &falling, &|_| 4.0] {
            for n in [0, 1, 2, 50, 700] {
                let run: Vec<f64> = (0..n).map(of).collect();
                let mut want: Vec<(f64, u32)> = run.iter().copied().zip(0..).collect();
                want.sort_by(|a, b| a.0.total_cmp(&b.0));
                let mut sorter = Sorter::default();
                let got = sorter.sorted(&[run]);
                assert!(got.len() == n && got.iter().zip(&want).all(|(g, w)| (g.value(), g.spot) == *w), "{n}");
            }
        }
    }
}
