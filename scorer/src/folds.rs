//! Sums over samples, several at once, in wide registers.
//!
//! A sum runs over eight lanes, whatever the width of the registers, and never fuses a product with an add, so that it
//! is bit for bit the same on every processor. The instructions are spelled out: what a compiler makes of plain loops
//! with more than one sum is four times as slow.

use pulp::{Arch, Scalar, Simd, WithSimd};

/// Partial sums of a long sum. Rounding errors stay small and the adds do not wait for each other.
const LANES: usize = 8;

/// What is summed: `IN` series, `OUT` sums.
trait Step<const IN: usize, const OUT: usize>: Copy {
    /// Adds one sample of every series to every sum.
    fn step<S: Simd>(self, simd: S, x: [S::f64s; IN], sums: [S::f64s; OUT]) -> [S::f64s; OUT];

    /// Sum of nothing.
    fn nothing(self) -> [f64; OUT] {
        [0.0; OUT]
    }

    /// Puts partial sums together.
    fn join(self, a: [f64; OUT], b: [f64; OUT]) -> [f64; OUT] {
        std::array::from_fn(|o| a[o] + b[o])
    }
}

struct Fold<'a, const IN: usize, const OUT: usize, K> {
    series: [&'a [f64]; IN],
    step: K,
}

impl<const IN: usize, const OUT: usize, K: Step<IN, OUT>> WithSimd for Fold<'_, IN, OUT, K> {
    type Output = [f64; OUT];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> [f64; OUT] {
        let Fold { series, step } = self;
        let n = series.iter().map(|s| s.len()).min().unwrap_or(0);
        let whole = n / LANES;
        let chunks = series.map(|s| &s.as_chunks::<LANES>().0[..whole]);
        // Only the first LANES / width registers are used; the others vanish.
        let mut sums = [step.nothing().map(|v| simd.splat_f64s(v)); LANES];
        for i in 0..whole {
            let x = chunks.map(|c| S::as_simd_f64s(&c[i]).0);
            for q in 0..LANES / S::F64_LANES {
                sums[q] = step.step(simd, x.map(|x| x[q]), sums[q]);
            }
        }
        let mut lanes = [step.nothing(); LANES];
        for q in 0..LANES / S::F64_LANES {
            for o in 0..OUT {
                let values = [sums[q][o]];
                let values: &[f64] = pulp::bytemuck::cast_slice(&values);
                for (lane, v) in lanes[q * S::F64_LANES..].iter_mut().zip(values) {
                    lane[o] = *v;
                }
            }
        }
        let l = |i: usize, j: usize| step.join(lanes[i], lanes[j]);
        let collected = step.join(step.join(l(0, 4), l(2, 6)), step.join(l(1, 5), l(3, 7)));
        let mut rest = step.nothing();
        for i in whole * LANES..n {
            rest = step.step(Scalar, series.map(|s| s[i]), rest);
        }
        step.join(collected, rest)
    }
}

fn fold<const IN: usize, const OUT: usize>(series: [&[f64]; IN], step: impl Step<IN, OUT>) -> [f64; OUT] {
    Arch::new().dispatch(Fold { series, step })
}

/// Sum.
pub(crate) fn sum(values: &[f64]) -> f64 {
    #[derive(Clone, Copy)]
    struct Sum;
    impl Step<1, 1> for Sum {
        #[inline(always)]
        fn step<S: Simd>(self, simd: S, [x]: [S::f64s; 1], [sum]: [S::f64s; 1]) -> [S::f64s; 1] {
            [simd.add_f64s(sum, x)]
        }
    }
    fold([values], Sum)[0]
}

/// Sum of products; the shorter length counts.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    #[derive(Clone, Copy)]
    struct Dot;
    impl Step<2, 1> for Dot {
        #[inline(always)]
        fn step<S: Simd>(self, simd: S, [x, y]: [S::f64s; 2], [sum]: [S::f64s; 1]) -> [S::f64s; 1] {
            [simd.add_f64s(sum, simd.mul_f64s(x, y))]
        }
    }
    fold([a, b], Dot)[0]
}

/// Sum of squares about `middle`.
pub(crate) fn squares_about(values: &[f64], middle: f64) -> f64 {
    #[derive(Clone, Copy)]
    struct Squares(f64);
    impl Step<1, 1> for Squares {
        #[inline(always)]
        fn step<S: Simd>(self, simd: S, [x]: [S::f64s; 1], [sum]: [S::f64s; 1]) -> [S::f64s; 1] {
            let away = simd.sub_f64s(x, simd.splat_f64s(self.0));
            [simd.add_f64s(sum, simd.mul_f64s(away, away))]
        }
    }
    fold([values], Squares(middle))[0]
}

/// Sum of squares and sum of products of neighbours.
pub(crate) fn products(z: &[f64]) -> (f64, f64) {
    #[derive(Clone, Copy)]
    struct Products;
    impl Step<2, 2> for Products {
        #[inline(always)]
        fn step<S: Simd>(self, simd: S, [x, y]: [S::f64s; 2], [square, lag]: [S::f64s; 2]) -> [S::f64s; 2] {
            [simd.add_f64s(square, simd.mul_f64s(x, x)), simd.add_f64s(lag, simd.mul_f64s(x, y))]
        }
    }
    let Some((last, firsts)) = z.split_last() else { return (0.0, 0.0) };
    let [square, lag] = fold([firsts, &z[1..]], Products);
    (square + last * last, lag)
}

/// Sum of products, and half of the sum of products of each with the other's neighbours; equal lengths.
pub(crate) fn cross_products(a: &[f64], b: &[f64]) -> (f64, f64) {
    #[derive(Clone, Copy)]
    struct Cross;
    impl Step<4, 2> for Cross {
        #[inline(always)]
        fn step<S: Simd>(self, simd: S, [x0, x1, y0, y1]: [S::f64s; 4], [same, lag]: [S::f64s; 2]) -> [S::f64s; 2] {
            let across = simd.add_f64s(simd.mul_f64s(x0, y1), simd.mul_f64s(x1, y0));
            [simd.add_f64s(same, simd.mul_f64s(x0, y0)), simd.add_f64s(lag, across)]
        }
    }
    let (Some((a_last, a_now)), Some((b_last, b_now))) = (a.split_last(), b.split_last()) else { return (0.0, 0.0) };
    let [same, lag] = fold([a_now, &a[1..], b_now, &b[1..]], Cross);
    (same + a_last * b_last, 0.5 * lag)
}

/// Sum of values, and of values times their places about `middle`, and of the squares of those places.
pub(crate) fn along(values: &[f64], places: &[f64], middle: f64) -> [f64; 3] {
    #[derive(Clone, Copy)]
    struct Along(f64);
    impl Step<2, 3> for Along {
        #[inline(always)]
        fn step<S: Simd>(self, simd: S, [x, t]: [S::f64s; 2], [sum, along, square]: [S::f64s; 3]) -> [S::f64s; 3] {
            let t = simd.sub_f64s(t, simd.splat_f64s(self.0));
            let moved = simd.add_f64s(along, simd.mul_f64s(x, t));
            [simd.add_f64s(sum, x), moved, simd.add_f64s(square, simd.mul_f64s(t, t))]
        }
    }
    fold([values, places], Along(middle))
}

/// Lowest and highest sum of three neighbours; a series of fewer has none (infinite, the wrong way round).
pub(crate) fn extreme_sums(z: &[f64]) -> (f64, f64) {
    #[derive(Clone, Copy)]
    struct Extremes;
    impl Step<3, 2> for Extremes {
        #[inline(always)]
        fn step<S: Simd>(self, simd: S, [x, y, z]: [S::f64s; 3], [low, high]: [S::f64s; 2]) -> [S::f64s; 2] {
            let sum = simd.add_f64s(simd.add_f64s(z, y), x);
            [simd.min_f64s(low, sum), simd.max_f64s(high, sum)]
        }

        fn nothing(self) -> [f64; 2] {
            [f64::INFINITY, f64::NEG_INFINITY]
        }

        fn join(self, a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
            [a[0].min(b[0]), a[1].max(b[1])]
        }
    }
    let n = z.len().saturating_sub(2);
    let [low, high] = fold([&z[..n], &z[n.min(1)..][..n], &z[z.len() - n..]], Extremes);
    (low, high)
}

/// Least difference between neighbours of values in rising order; infinite of fewer than two.
pub(crate) fn least_step(rising: &[f64]) -> f64 {
    #[derive(Clone, Copy)]
    struct Least;
    impl Step<2, 1> for Least {
        #[inline(always)]
        fn step<S: Simd>(self, simd: S, [x, y]: [S::f64s; 2], [least]: [S::f64s; 1]) -> [S::f64s; 1] {
            [simd.min_f64s(least, simd.sub_f64s(y, x))]
        }

        fn nothing(self) -> [f64; 1] {
            [f64::INFINITY]
        }

        fn join(self, a: [f64; 1], b: [f64; 1]) -> [f64; 1] {
            [a[0].min(b[0])]
        }
    }
    let n = rising.len().saturating_sub(1);
    fold([&rising[..n], &rising[rising.len() - n..]], Least)[0]
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
