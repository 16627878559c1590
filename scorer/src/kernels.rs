//! Inner loops that make series of series. No product is fused with an add, so that all processors agree bit for bit.

use crate::folds::{along, sum};
use pulp::{Arch, NullaryFnOnce};

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

/// `out = a - b - slope t` sample by sample; the line is its slope and the times.
pub(crate) fn subtract_line(a: &[f64], b: &[f64], (slope, times): (f64, &[f64]), out: &mut Vec<f64>) {
    out.resize(a.len(), 0.0);
    wide(
        #[inline(always)]
        || {
            for (((o, x), y), t) in out.iter_mut().zip(a).zip(b).zip(times) {
                *o = x - y - slope * t;
            }
        },
    );
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

/// Removes mean and trend; `ramp` are the times about their middle, of which `square` is the sum of squares.
pub(crate) fn detrend(series: &[f64], ramp: &[f64], square: f64, out: &mut Vec<f64>) {
    let n = series.len();
    out.resize(n, 0.0);
    let [sum, along, _] = along(series, ramp, 0.0);
    let (mean, slope) = (sum / n as f64, along / square);
    wide(
        #[inline(always)]
        || {
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
        1 => (),
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
