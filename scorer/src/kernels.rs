//! Inner loops over samples.
//!
//! Every sum runs in a fixed order over a fixed number of lanes and never fuses a product with an add, so that it is
//! bit for bit the same with narrow and with wide registers, which are used where the processor has them.

use pulp::{Arch, NullaryFnOnce};

/// Partial sums of a long sum. Rounding errors stay small and the adds do not wait for each other.
const LANES: usize = 8;

/// A loop to be compiled for wide registers.
struct Loop<F>(F);

impl<F: FnMut() -> R, R> NullaryFnOnce for Loop<F> {
    type Output = R;

    #[inline(always)]
    fn call(mut self) -> R {
        // Not by `FnOnce`: its shim would be compiled, and then called, for narrow registers.
        (self.0)()
    }
}

/// Runs `f`, which must be inlined always, with the widest registers of this processor.
#[inline(always)]
pub(crate) fn wide<R>(f: impl FnMut() -> R) -> R {
    Arch::new().dispatch(Loop(f))
}

/// Sum.
pub(crate) fn sum(values: &[f64]) -> f64 {
    wide(
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
    wide(
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
    wide(
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

/// `out = a - b` sample by sample.
pub(crate) fn subtract(a: &[f64], b: &[f64], out: &mut [f64]) {
    wide(
        #[inline(always)]
        || {
            for ((o, x), y) in out.iter_mut().zip(a).zip(b) {
                *o = x - y;
            }
        },
    );
}

/// Sum of values times their places about `middle`, and sum of squares of those.
pub(crate) fn along(values: &[f64], places: &[f64], middle: f64) -> (f64, f64) {
    wide(
        #[inline(always)]
        || {
            let (mut along, mut square) = ([0.0; LANES], [0.0; LANES]);
            let ((a, a_rest), (t, t_rest)) = (values.as_chunks::<LANES>(), places.as_chunks::<LANES>());
            for (x, t) in a.iter().zip(t) {
                for i in 0..LANES {
                    let t = t[i] - middle;
                    along[i] += x[i] * t;
                    square[i] += t * t;
                }
            }
            let (mut along, mut square) = (collected(along), collected(square));
            for (x, t) in a_rest.iter().zip(t_rest) {
                along += x * (t - middle);
                square += (t - middle) * (t - middle);
            }
            (along, square)
        },
    )
}

/// `out = f(a)` sample by sample.
pub(crate) fn map(a: &[f64], out: &mut [f64], f: impl Fn(f64) -> f64 + Copy) {
    wide(
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

/// Sum of squares and sum of products of neighbours.
pub(crate) fn products(z: &[f64]) -> (f64, f64) {
    let Some((last, firsts)) = z.split_last() else { return (0.0, 0.0) };
    let nexts = &z[1..];
    wide(
        #[inline(always)]
        || {
            let (mut squares, mut lags) = ([0.0; LANES], [0.0; LANES]);
            let ((a, a_rest), (b, b_rest)) = (firsts.as_chunks::<LANES>(), nexts.as_chunks::<LANES>());
            for (x, y) in a.iter().zip(b) {
                for i in 0..LANES {
                    squares[i] += x[i] * x[i];
                    lags[i] += x[i] * y[i];
                }
            }
            let square = collected(squares) + a_rest.iter().map(|x| x * x).sum::<f64>() + last * last;
            (square, collected(lags) + a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum::<f64>())
        },
    )
}

/// Sum of products, and half of the sum of products of each with the other's neighbours; equal lengths.
pub(crate) fn cross_products(a: &[f64], b: &[f64]) -> (f64, f64) {
    let (Some((a_last, a_now)), Some((b_last, b_now))) = (a.split_last(), b.split_last()) else { return (0.0, 0.0) };
    let (a_next, b_next) = (&a[1..], &b[1..]);
    wide(
        #[inline(always)]
        || {
            let (mut same, mut lags) = ([0.0; LANES], [0.0; LANES]);
            let ((a0, a0_rest), (a1, a1_rest)) = (a_now.as_chunks::<LANES>(), a_next.as_chunks::<LANES>());
            let ((b0, b0_rest), (b1, b1_rest)) = (b_now.as_chunks::<LANES>(), b_next.as_chunks::<LANES>());
            for (((x0, x1), y0), y1) in a0.iter().zip(a1).zip(b0).zip(b1) {
                for i in 0..LANES {
                    same[i] += x0[i] * y0[i];
                    lags[i] += x0[i] * y1[i] + x1[i] * y0[i];
                }
            }
            let (mut same, mut lag) = (collected(same) + a_last * b_last, collected(lags));
            for (((x0, x1), y0), y1) in a0_rest.iter().zip(a1_rest).zip(b0_rest).zip(b1_rest) {
                same += x0 * y0;
                lag += x0 * y1 + x1 * y0;
            }
            (same, 0.5 * lag)
        },
    )
}

/// Removes mean and trend; `ramp` are the times about their middle, of which `square` is the sum of squares.
pub(crate) fn detrend(series: &[f64], ramp: &[f64], square: f64, out: &mut Vec<f64>) {
    let n = series.len();
    out.resize(n, 0.0);
    wide(
        #[inline(always)]
        || {
            let (mut sums, mut alongs) = ([0.0; LANES], [0.0; LANES]);
            let ((a, a_rest), (t, t_rest)) = (series.as_chunks::<LANES>(), ramp[..n].as_chunks::<LANES>());
            for (x, t) in a.iter().zip(t) {
                for i in 0..LANES {
                    sums[i] += x[i];
                    alongs[i] += x[i] * t[i];
                }
            }
            let sum = collected(sums) + a_rest.iter().sum::<f64>();
            let along = collected(alongs) + a_rest.iter().zip(t_rest).map(|(x, t)| x * t).sum::<f64>();
            let (mean, slope) = (sum / n as f64, along / square);
            for ((o, v), t) in out.iter_mut().zip(series).zip(&ramp[..n]) {
                *o = v - mean - slope * t;
            }
        },
    );
}

/// Replaces a series by the means of its whole blocks of `step` samples, about their mean.
pub(crate) fn block_means(z: &mut Vec<f64>, step: usize) {
    let blocks = z.len() / step;
    match step {
        2 => pair_up::<2>(z),
        4 => pair_up::<4>(z),
        _ => (0..blocks).for_each(|i| z[i] = z[i * step..(i + 1) * step].iter().sum::<f64>() / step as f64),
    }
    z.truncate(blocks);
    let middle = sum(z) / blocks as f64;
    wide(
        #[inline(always)]
        || z.iter_mut().for_each(|v| *v -= middle),
    );
}

fn pair_up<const STEP: usize>(z: &mut [f64]) {
    for i in 0..z.len() / STEP {
        let block = &z[i * STEP..(i + 1) * STEP];
        // STEP is a power of two, so that this is the quotient to the last bit.
        z[i] = block.iter().sum::<f64>() * (1.0 / STEP as f64);
    }
}

/// Least difference between neighbours of values in rising order; infinite of fewer than two.
pub(crate) fn least_step(rising: &[f64]) -> f64 {
    let n = rising.len().saturating_sub(1);
    wide(
        #[inline(always)]
        || {
            let mut least = [f64::INFINITY; LANES];
            let (a, a_rest) = rising[..n].as_chunks::<LANES>();
            let (b, b_rest) = rising[rising.len() - n..].as_chunks::<LANES>();
            for (x, y) in a.iter().zip(b) {
                for i in 0..LANES {
                    let step = y[i] - x[i];
                    least[i] = if step < least[i] { step } else { least[i] };
                }
            }
            let rest = a_rest.iter().zip(b_rest).map(|(x, y)| y - x);
            rest.fold(least.into_iter().fold(f64::INFINITY, f64::min), f64::min)
        },
    )
}

/// Mean of equally long series, sample by sample.
pub(crate) fn profile<'a>(rows: impl ExactSizeIterator<Item = &'a [f64]>, out: &mut Vec<f64>) {
    let count = rows.len() as f64;
    out.clear();
    for row in rows {
        if out.is_empty() {
            out.extend_from_slice(row);
            continue;
        }
        wide(
            #[inline(always)]
            || {
                for (o, v) in out.iter_mut().zip(row) {
                    *o += v;
                }
            },
        );
    }
    wide(
        #[inline(always)]
        || {
            for o in out.iter_mut() {
                *o /= count;
            }
        },
    );
}

/// Lowest and highest sum of three neighbours; a series of fewer has none (infinite, the wrong way round).
pub(crate) fn extreme_sums(z: &[f64]) -> (f64, f64) {
    let n = z.len().saturating_sub(2);
    wide(
        #[inline(always)]
        || {
            let (mut low, mut high) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
            let mut take = |i: usize, v: f64| {
                low[i] = if v < low[i] { v } else { low[i] };
                high[i] = if v > high[i] { v } else { high[i] };
            };
            let (a, a_rest) = z[..n].as_chunks::<LANES>();
            let (b, b_rest) = z[n.min(1)..][..n].as_chunks::<LANES>();
            let (c, c_rest) = z[z.len() - n..].as_chunks::<LANES>();
            for ((x, y), z) in a.iter().zip(b).zip(c) {
                for i in 0..LANES {
                    take(i, z[i] + y[i] + x[i]);
                }
            }
            for ((x, y), z) in a_rest.iter().zip(b_rest).zip(c_rest) {
                take(0, z + y + x);
            }
            let lowest = low.into_iter().fold(f64::INFINITY, f64::min);
            (lowest, high.into_iter().fold(f64::NEG_INFINITY, f64::max))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_sums() {
        let values: Vec<f64> = (1..=101).map(f64::from).collect();
        assert_eq!(sum(&values), 5151.0);
        assert_eq!(dot(&values, &values), 348_551.0);
        assert_eq!(squares_about(&values, 51.0), 85_850.0);
        let lag: f64 = values.windows(2).map(|w| w[0] * w[1]).sum();
        assert_eq!(products(&values), (348_551.0, lag));
        assert_eq!(cross_products(&values, &values), (348_551.0, lag));
        assert_eq!((extreme_sums(&values), extreme_sums(&values[..3])), ((6.0, 300.0), (6.0, 6.0)));
        assert!(extreme_sums(&values[..2]).0.is_infinite() && extreme_sums(&[]).0.is_infinite());
    }
}
