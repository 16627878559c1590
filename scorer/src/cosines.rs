//! Cosine transforms of several series at once.

use crate::kernels::wide;
use crate::thin::Grid;
use pulp::{Arch, Simd, WithSimd};

/// Frequencies that are summed together.
const BLOCK: usize = 8;
/// Series that are transformed together, so that a row of cosines is read once for all of them.
pub(crate) const BATCH: usize = 4;

/// Frequencies from which a coarse grid is cheaper than all samples.
const MANY: usize = 64;

/// Orthonormal type-II cosines of one length m, frequencies 1 to `count`.
///
/// Cosines of even frequencies are even about the middle and those of odd ones odd, so half of a row is enough: a
/// series is folded into sums and differences first. Long series are spread over a coarse grid before.
#[derive(Debug)]
pub(crate) struct Cosines {
    length: usize,
    grid: Option<Grid>,
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
    /// A series with zeros on both sides, and on the grid.
    padded: Vec<f64>,
    coarse: Vec<f64>,
}

impl Folded {
    /// Folds `now - r before` into row `lane`.
    fn fold(&mut self, lane: usize, now: &[f64], before: &[f64], r: f64) {
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

    fn fold_coarse(&mut self, lane: usize) {
        let coarse = std::mem::take(&mut self.coarse);
        self.fold(lane, &coarse, &coarse, 0.0);
        self.coarse = coarse;
    }
}

impl Half {
    fn new(length: usize, frequencies: &[usize], grid: Option<&Grid>) -> Half {
        let m = length as f64;
        let angle = |j: usize| std::f64::consts::PI * j as f64 / m;
        let gains: Vec<f64> = frequencies.iter().map(|j| grid.map_or(1.0, |grid| grid.gain(angle(*j)))).collect();
        let at = |i: usize| grid.map_or(i as f64, |grid| grid.at(i));
        let cosine =
            |i: usize, j: usize| (2.0 / m).sqrt() * (std::f64::consts::PI * ((at(i) + 0.5) * j as f64) / m).cos();
        let row = |i: usize, chunk: &[usize], gains: &[f64]| {
            std::array::from_fn(|l| chunk.get(l).map_or(0.0, |&j| cosine(i, j) / gains[l]))
        };
        let half = grid.map_or(length, Grid::places).div_ceil(2);
        let chunks = frequencies.chunks(BLOCK).zip(gains.chunks(BLOCK));
        Half { blocks: chunks.map(|(chunk, gains)| (0..half).map(|i| row(i, chunk, gains)).collect()).collect() }
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

impl Half {
    /// Transform of a series that is 1 at some places and 0 elsewhere; `back` is the sign of the second half.
    #[inline(always)]
    fn sparse(&self, places: &[u32], length: usize, back: f64, out: &mut [f64]) {
        for (out, rows) in out.chunks_exact_mut(BLOCK).zip(&self.blocks) {
            let mut sums = [0.0; BLOCK];
            for &place in places {
                let mirrored = length - 1 - place as usize;
                let (row, sign) = if place as usize <= mirrored { (place as usize, 1.0) } else { (mirrored, back) };
                for l in 0..BLOCK {
                    sums[l] += sign * rows[row][l];
                }
            }
            out.copy_from_slice(&sums);
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
        let highest = std::f64::consts::PI * count as f64 / length as f64;
        let grid = (count >= MANY).then(|| Grid::new(length, highest));
        let half = |parity: usize| Half::new(length, &of(parity), grid.as_ref());
        Cosines { length, even: half(0), odd: half(1), grid }
    }

    /// Makes room for series of this length.
    pub(crate) fn reserve(&self, folded: &mut Folded) {
        let half = self.grid.as_ref().map_or(self.length, Grid::places).div_ceil(2);
        folded.half = half;
        folded.sums.resize(BATCH * half, 0.0);
        folded.differences.resize(BATCH * half, 0.0);
    }

    /// Folds `now - r before` into row `lane`; both parts have this length, and there is room.
    pub(crate) fn fold(&self, folded: &mut Folded, lane: usize, (now, before): (&[f64], &[f64]), r: f64) {
        let Some(grid) = &self.grid else { return folded.fold(lane, now, before, r) };
        let padded = &mut folded.padded;
        padded.clear();
        padded.resize(grid.room().max(grid.before() + self.length), 0.0);
        let inner = &mut padded[grid.before()..][..self.length];
        wide(
            #[inline(always)]
            || inner.iter_mut().zip(now).zip(before).for_each(|((o, n), b)| *o = n - r * b),
        );
        grid.spread(padded, &mut folded.coarse);
        folded.fold_coarse(lane);
    }

    /// Transforms of series that are 1 at some places and 0 elsewhere: `ones` gives those of series `i` of `count`.
    pub(crate) fn transform_ones(
        &self,
        count: usize,
        mut ones: impl FnMut(usize, &mut Vec<u32>),
        folded: &mut Folded,
        out: &mut [f64],
    ) {
        let (width, mut places) = (self.width(), Vec::new());
        let Some(grid) = &self.grid else {
            for (i, out) in out.chunks_exact_mut(width).enumerate().take(count) {
                ones(i, &mut places);
                self.sparse(&places, out);
            }
            return;
        };
        self.reserve(folded);
        for (batch, out) in out[..count * width].chunks_mut(BATCH * width).enumerate() {
            for lane in 0..out.len() / width {
                ones(batch * BATCH + lane, &mut places);
                grid.spread_ones(&places, &mut folded.coarse);
                folded.fold_coarse(lane);
            }
            self.transform(folded, out);
        }
    }

    /// Values of one transform, padding (zeros) included.
    pub(crate) fn width(&self) -> usize {
        (self.even.blocks.len() + self.odd.blocks.len()) * BLOCK
    }

    /// Transform of a series that is 1 at some places and 0 elsewhere.
    fn sparse(&self, places: &[u32], out: &mut [f64]) {
        let (even, odd) = out.split_at_mut(self.even.blocks.len() * BLOCK);
        wide(
            #[inline(always)]
            || {
                self.even.sparse(places, self.length, 1.0, even);
                self.odd.sparse(places, self.length, -1.0, odd);
            },
        );
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

    /// Transforms of one series: as defined, folded, and as one of ones (the series is 0 or 1).
    fn compare(length: usize, count: usize, series: &[f64], tolerance: f64) {
        let m = length as f64;
        let plain = |j: usize| -> f64 {
            let cosine = |i: usize| (2.0 / m).sqrt() * (std::f64::consts::PI * (i as f64 + 0.5) * j as f64 / m).cos();
            series.iter().enumerate().map(|(i, v)| v * cosine(i)).sum()
        };
        let sorted = |mut v: Vec<f64>| {
            v.retain(|v| *v != 0.0);
            v.sort_by(f64::total_cmp);
            v
        };
        let size = series.iter().map(|v| v * v).sum::<f64>().sqrt();
        let close = |a: &[f64], b: &[f64]| {
            assert_eq!(a.len(), b.len(), "{length}");
            a.iter().zip(b).for_each(|(a, b)| assert!((a - b).abs() <= tolerance * size, "{length}: {a} {b}"));
        };
        let want: Vec<f64> = (1..=count).map(plain).collect();
        let (cosines, mut folded) = (Cosines::new(length, count), Folded::default());
        cosines.reserve(&mut folded);
        cosines.fold(&mut folded, 1, (series, &vec![0.0; length]), 0.5);
        let (power, width) = (cosines.power(&folded)[1], cosines.width());
        let square: f64 = want.iter().map(|v| v * v).sum();
        assert!((power - square).abs() <= tolerance * size * size, "{length}: {power} {square}");
        let mut out = vec![0.0; BATCH * width];
        cosines.transform(&folded, &mut out);
        close(&sorted(out[width..2 * width].to_vec()), &sorted(want.clone()));
        let ones = |_: usize, out: &mut Vec<u32>| {
            out.clear();
            out.extend((0..length as u32).filter(|i| series[*i as usize] == 1.0));
        };
        if series.iter().all(|v| *v == 0.0 || *v == 1.0) {
            cosines.transform_ones(1, ones, &mut folded, &mut out);
            close(&sorted(out[..width].to_vec()), &sorted(want));
        }
    }

    #[test]
    fn folded_and_thinned_transforms_are_plain_ones() {
        for (length, count) in [(5_usize, 3_usize), (16, 13), (31, 13), (59, 13), (1999, 65), (3839, 101), (3840, 101)]
        {
            let wild: Vec<f64> = (0..length).map(|i| ((i * i * 7919) % 101) as f64 - 50.3).collect();
            let spikes: Vec<f64> = (0..length).map(|i| f64::from(u8::from(i % 7 == 2 || i + 1 == length))).collect();
            compare(length, count, &wild, 1e-10);
            compare(length, count, &spikes, 1e-10);
        }
    }
}
