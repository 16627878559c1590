//! Cosine transforms of several series at once.

use crate::kernels::wide;
use pulp::{Arch, Simd, WithSimd};

/// Frequencies that are summed together.
const BLOCK: usize = 8;
/// Series that are transformed together, so that a row of cosines is read once for all of them.
pub(crate) const BATCH: usize = 4;

/// Orthonormal type-II cosines of one length m, frequencies 1 to `count`.
///
/// Cosines of even frequencies are even about the middle and those of odd ones odd, so half of a row is enough: a
/// series is folded into sums and differences first.
#[derive(Debug)]
pub(crate) struct Cosines {
    length: usize,
    even: Half,
    odd: Half,
}

/// Rows of one parity: `[block][sample][frequency of the block]`, zeros where a block has fewer frequencies.
#[derive(Debug)]
struct Half {
    blocks: Vec<Vec<[f64; BLOCK]>>,
}

/// Folded series of one batch, one row a series: sums (of an odd length with the middle sample) and differences.
#[derive(Debug, Default)]
pub(crate) struct Folded {
    half: usize,
    sums: Vec<f64>,
    differences: Vec<f64>,
}

impl Folded {
    /// Room for series of `length` samples.
    pub(crate) fn reserve(&mut self, length: usize) {
        self.half = length.div_ceil(2);
        self.sums.resize(BATCH * self.half, 0.0);
        self.differences.resize(BATCH * self.half, 0.0);
    }

    /// Folds `now - r before` into row `lane`; both parts have the reserved length.
    pub(crate) fn fill(&mut self, lane: usize, now: &[f64], before: &[f64], r: f64) {
        let length = now.len();
        let half = length / 2;
        let sums = &mut self.sums[lane * self.half..][..self.half];
        let differences = &mut self.differences[lane * self.half..][..self.half];
        if length % 2 == 1 {
            (sums[half], differences[half]) = (now[half] - r * before[half], 0.0);
        }
        let (left_now, left_before) = (&now[..half], &before[..half]);
        let (right_now, right_before) = (&now[length - half..], &before[length - half..]);
        wide(
            #[inline(always)]
            || {
                let left = left_now.iter().zip(left_before);
                let right = right_now.iter().rev().zip(right_before.iter().rev());
                let folded = sums.iter_mut().zip(differences.iter_mut());
                for (((s, d), (n1, b1)), (n2, b2)) in folded.zip(left).zip(right) {
                    let (a, b) = (n1 - r * b1, n2 - r * b2);
                    (*s, *d) = (a + b, a - b);
                }
            },
        );
    }
}

impl Half {
    fn new(length: usize, frequencies: &[usize]) -> Half {
        let m = length as f64;
        let cosine = |i: f64, j: usize| (2.0 / m).sqrt() * (std::f64::consts::PI * ((i + 0.5) * j as f64) / m).cos();
        let row =
            |i: usize, chunk: &[usize]| std::array::from_fn(|l| chunk.get(l).map_or(0.0, |&j| cosine(i as f64, j)));
        let rows = |chunk: &[usize]| (0..length.div_ceil(2)).map(|i| row(i, chunk)).collect();
        Half { blocks: frequencies.chunks(BLOCK).map(rows).collect() }
    }

    /// Transforms of a batch, one array of frequencies a series; `put` takes the block and its sums.
    fn transform(&self, folded: &[f64], mut put: impl FnMut(usize, [[f64; BLOCK]; BATCH])) {
        let half = folded.len() / BATCH;
        let series: [&[f64]; BATCH] = std::array::from_fn(|s| &folded[s * half..][..half]);
        for (b, rows) in self.blocks.iter().enumerate() {
            put(b, Arch::new().dispatch(Sums { rows: &rows[..half], series }));
        }
    }
}

/// Sums of products of one block of cosines with every series of a batch.
struct Sums<'a> {
    rows: &'a [[f64; BLOCK]],
    series: [&'a [f64]; BATCH],
}

impl WithSimd for Sums<'_> {
    type Output = [[f64; BLOCK]; BATCH];

    // Each frequency has its own lane, so the sums are the same for every width of registers. What a compiler makes of
    // the plain loops is half as fast.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let Sums { rows, series } = self;
        let series = series.map(|s| &s[..rows.len()]);
        let mut out = [[0.0; BLOCK]; BATCH];
        for pair in (0..BLOCK / S::F64_LANES).step_by(2) {
            let mut sums = [[simd.splat_f64s(0.0); 2]; BATCH];
            for (i, row) in rows.iter().enumerate() {
                let row = &S::as_simd_f64s(row).0[pair..pair + 2];
                for (sums, series) in sums.iter_mut().zip(series) {
                    let v = simd.splat_f64s(series[i]);
                    sums[0] = simd.add_f64s(sums[0], simd.mul_f64s(row[0], v));
                    sums[1] = simd.add_f64s(sums[1], simd.mul_f64s(row[1], v));
                }
            }
            for (out, sums) in out.iter_mut().zip(sums) {
                S::as_mut_simd_f64s(out).0[pair..pair + 2].copy_from_slice(&sums);
            }
        }
        out
    }
}

impl Cosines {
    /// Cosines for series of `length` samples.
    pub(crate) fn new(length: usize, count: usize) -> Cosines {
        let of = |parity: usize| (1..=count).filter(|j| j % 2 == parity).collect::<Vec<usize>>();
        Cosines { length, even: Half::new(length, &of(0)), odd: Half::new(length, &of(1)) }
    }

    /// Samples of a series.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// Values of one transform, padding (zeros) included.
    pub(crate) fn width(&self) -> usize {
        (self.even.blocks.len() + self.odd.blocks.len()) * BLOCK
    }

    /// Sums of the squared transforms of a batch over all frequencies; the means do not matter.
    pub(crate) fn power(&self, folded: &Folded) -> [f64; BATCH] {
        let mut power = [0.0; BATCH];
        let mut add = |_: usize, sums: [[f64; BLOCK]; BATCH]| {
            for (p, s) in power.iter_mut().zip(sums) {
                *p += s.iter().map(|v| v * v).sum::<f64>();
            }
        };
        self.even.transform(&folded.sums, &mut add);
        self.odd.transform(&folded.differences, &mut add);
        power
    }

    /// Transforms of a batch: series `s` of it is written to `out[s * width..]`, as far as there is room.
    pub(crate) fn transform(&self, folded: &Folded, out: &mut [f64]) {
        let (width, shift) = (self.width(), self.even.blocks.len());
        let mut put = |b: usize, sums: [[f64; BLOCK]; BATCH]| {
            for (row, s) in out.chunks_exact_mut(width).zip(sums) {
                row[b * BLOCK..(b + 1) * BLOCK].copy_from_slice(&s);
            }
        };
        self.even.transform(&folded.sums, &mut put);
        self.odd.transform(&folded.differences, |b, sums| put(b + shift, sums));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folded_transform_is_the_plain_one() {
        for length in [5_usize, 16, 31, 59] {
            let series: Vec<f64> = (0..length).map(|i| ((i * i * 7919) % 101) as f64 - 50.0).collect();
            let count = (length - 1).min(13);
            let m = length as f64;
            let plain = |j: usize| -> f64 {
                let cosine =
                    |i: usize| (2.0 / m).sqrt() * (std::f64::consts::PI * (i as f64 + 0.5) * j as f64 / m).cos();
                series.iter().enumerate().map(|(i, v)| v * cosine(i)).sum()
            };
            let want: f64 = (1..=count).map(|j| plain(j) * plain(j)).sum();
            let (cosines, mut folded) = (Cosines::new(length, count), Folded::default());
            folded.reserve(length);
            folded.fill(1, &series, &vec![0.0; length], 0.5);
            let got = cosines.power(&folded);
            assert!((got[1] - want).abs() <= 1e-12 * want, "{length}: {got:?} {want}");
            let mut out = vec![0.0; BATCH * cosines.width()];
            cosines.transform(&folded, &mut out);
            let own: f64 = out[cosines.width()..2 * cosines.width()].iter().map(|v| v * v).sum();
            assert!((own - want).abs() <= 1e-12 * want, "{length}: {own} {want}");
        }
    }
}
