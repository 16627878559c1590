//! Inner loops over samples: sums and cosine transforms.
//!
//! Every sum runs in a fixed order over a fixed number of lanes and never fuses a product with an add, so that it is
//! bit for bit the same with narrow and with wide registers, which are used where the processor has them.

use pulp::Arch;

/// Partial sums of a long sum. Rounding errors stay small and the adds do not wait for each other.
const LANES: usize = 8;

/// Frequencies that are summed together.
const BLOCK: usize = 8;

/// Sum.
pub(crate) fn sum(values: &[f64]) -> f64 {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            let mut lanes = [0.0; LANES];
            let (chunks, rest) = values.as_chunks::<LANES>();
            for chunk in chunks {
                for (lane, v) in lanes.iter_mut().zip(chunk) {
                    *lane += v;
                }
            }
            collected(lanes) + rest.iter().sum::<f64>()
        },
    )
}

/// Sum of products; the shorter length counts.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len().min(b.len());
    Arch::new().dispatch(
        #[inline(always)]
        || {
            let mut lanes = [0.0; LANES];
            let ((a, a_rest), (b, b_rest)) = (a[..n].as_chunks::<LANES>(), b[..n].as_chunks::<LANES>());
            for (x, y) in a.iter().zip(b) {
                for i in 0..LANES {
                    lanes[i] += x[i] * y[i];
                }
            }
            collected(lanes) + a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum::<f64>()
        },
    )
}

/// Sum of squares about `middle`.
pub(crate) fn squares_about(values: &[f64], middle: f64) -> f64 {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            let mut lanes = [0.0; LANES];
            let (chunks, rest) = values.as_chunks::<LANES>();
            for chunk in chunks {
                for i in 0..LANES {
                    let d = chunk[i] - middle;
                    lanes[i] += d * d;
                }
            }
            collected(lanes) + rest.iter().map(|v| (v - middle) * (v - middle)).sum::<f64>()
        },
    )
}

/// `out = f(a, b)` sample by sample; the shorter length counts.
pub(crate) fn map2(a: &[f64], b: &[f64], out: &mut Vec<f64>, f: impl Fn(f64, f64) -> f64 + Copy) {
    let n = a.len().min(b.len());
    out.resize(n, 0.0);
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for ((o, x), y) in out.iter_mut().zip(&a[..n]).zip(&b[..n]) {
                *o = f(*x, *y);
            }
        },
    );
}

/// `out = f(a)` sample by sample.
pub(crate) fn map(a: &[f64], out: &mut Vec<f64>, f: impl Fn(f64) -> f64 + Copy) {
    out.resize(a.len(), 0.0);
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for (o, x) in out.iter_mut().zip(a) {
                *o = f(*x);
            }
        },
    );
}

#[inline(always)]
fn collected(l: [f64; LANES]) -> f64 {
    ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]))
}

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
    /// Value at the middle sample of an odd length.
    middle: Vec<[f64; BLOCK]>,
}

impl Half {
    fn new(length: usize, frequencies: &[usize]) -> Half {
        let m = length as f64;
        let cosine = |i: f64, j: usize| (2.0 / m).sqrt() * (std::f64::consts::PI * ((i + 0.5) * j as f64) / m).cos();
        let row =
            |i: usize, chunk: &[usize]| std::array::from_fn(|l| chunk.get(l).map_or(0.0, |&j| cosine(i as f64, j)));
        let blocks = frequencies.chunks(BLOCK).map(|c| (0..length / 2).map(|i| row(i, c)).collect()).collect();
        let middle = frequencies.chunks(BLOCK).map(|c| row(length / 2, c)).collect();
        Half { blocks, middle }
    }

    /// Sum of squares of the transform of a folded series.
    #[inline(always)]
    fn power(&self, folded: &[f64], middle: Option<f64>) -> f64 {
        let mut power = 0.0;
        for (block, at_middle) in self.blocks.iter().zip(&self.middle) {
            let mut sums = [[0.0; BLOCK]; 2];
            let (pairs, rest) = block.as_chunks::<2>();
            let (values, last) = folded.as_chunks::<2>();
            for (rows, v) in pairs.iter().zip(values) {
                for l in 0..BLOCK {
                    sums[0][l] += rows[0][l] * v[0];
                    sums[1][l] += rows[1][l] * v[1];
                }
            }
            for (row, v) in rest.iter().zip(last) {
                for l in 0..BLOCK {
                    sums[0][l] += row[l] * v;
                }
            }
            for l in 0..BLOCK {
                let sum = sums[0][l] + sums[1][l] + middle.map_or(0.0, |v| at_middle[l] * v);
                power += sum * sum;
            }
        }
        power
    }
}

impl Cosines {
    /// Cosines for series of `length` samples.
    pub(crate) fn new(length: usize, count: usize) -> Cosines {
        let of = |parity: usize| (1..=count).filter(|j| j % 2 == parity).collect::<Vec<usize>>();
        Cosines { length, even: Half::new(length, &of(0)), odd: Half::new(length, &of(1)) }
    }

    /// Sum of the squared transforms of a series of this length over all frequencies; its mean does not matter.
    pub(crate) fn power(&self, series: &[f64], folded: &mut Vec<f64>) -> f64 {
        let half = self.length / 2;
        let middle = (self.length % 2 == 1).then(|| series[half]);
        let (left, right) = (&series[..half], &series[self.length - half..]);
        folded.resize(half, 0.0);
        Arch::new().dispatch(
            #[inline(always)]
            || {
                for ((o, a), b) in folded.iter_mut().zip(left).zip(right.iter().rev()) {
                    *o = a + b;
                }
                let even = self.even.power(folded, middle);
                for ((o, a), b) in folded.iter_mut().zip(left).zip(right.iter().rev()) {
                    *o = a - b;
                }
                even + self.odd.power(folded, None)
            },
        )
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
            let got = Cosines::new(length, count).power(&series, &mut Vec::new());
            assert!((got - want).abs() <= 1e-12 * want, "{length}: {got} {want}");
        }
    }

    #[test]
    fn sums_are_sums() {
        let values: Vec<f64> = (1..=101).map(f64::from).collect();
        assert_eq!(sum(&values), 5151.0);
        assert_eq!(dot(&values, &values), 348_551.0);
        assert_eq!(squares_about(&values, 51.0), 85_850.0);
    }
}
