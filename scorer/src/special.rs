//! Special functions: normal, t, gamma and beta distributions with their inverses, and the polygamma functions.
//!
//! The incomplete beta and gamma integrals and digamma come from `statrs`; inverses and higher polygammas are
//! made here, because their accuracy there does not reach the nine digits that the method promises.

use statrs::function::{beta, erf, gamma};
use std::f64::consts::{PI, SQRT_2};

/// Newton steps that a quantile near a known one may take.
const NEAR_STEPS: usize = 5;

/// Euler's constant.
pub const EULER_GAMMA: f64 = 0.577_215_664_901_532_9;

/// Steps of a safeguarded Newton search; bisection alone ends after about 60.
const STEPS: usize = 200;

/// Distribution function of the standard normal, accurate in the lower tail.
///
/// Through Q(1/2, z^2/2) = erfc(|z|/sqrt 2) (Abramowitz and Stegun 26.4.19): `statrs`'s own `erfc` is off by 4e-11.
pub fn normal_cdf(z: f64) -> f64 {
    let tail = 0.5 * gamma_q(0.5, 0.5 * z * z);
    if z > 0.0 { 1.0 - tail } else { tail }
}

/// Quantile of the standard normal; `-inf` and `inf` at 0 and 1.
///
/// `statrs`'s inverse complementary error function, refined by one Halley step on the tail probability.
pub fn normal_quantile(p: f64) -> f64 {
    if p.is_nan() {
        return f64::NAN;
    }
    if p > 0.5 {
        return -normal_quantile(1.0 - p);
    }
    if p <= 0.0 {
        return f64::NEG_INFINITY;
    }
    let z = -SQRT_2 * erf::erfc_inv(2.0 * p);
    let u = (normal_cdf(z) - p) * (2.0 * PI).sqrt() * (0.5 * z * z).exp();
    z - u / (1.0 + 0.5 * z * u)
}

/// Distribution function of Student's t with `df` degrees of freedom (any positive real).
///
/// P(T <= -|t|) = I_x(df/2, 1/2) / 2 with x = df / (df + t^2) (Abramowitz and Stegun 26.7.1, 26.5.27).
pub fn t_cdf(t: f64, df: f64) -> f64 {
    if t.is_nan() || df.is_nan() {
        return f64::NAN;
    }
    let tail = 0.5 * beta_p(0.5 * df, 0.5, df / (df + t * t));
    if t > 0.0 { 1.0 - tail } else { tail }
}

/// Upper tail P(T > t) of Student's t.
pub fn t_sf(t: f64, df: f64) -> f64 {
    t_cdf(-t, df)
}

/// Quantile of Student's t: safeguarded Newton on the tail.
pub fn t_quantile(p: f64, df: f64) -> f64 {
    if p.is_nan() || df.is_nan() {
        return f64::NAN;
    }
    if p < 0.5 {
        return -t_quantile(1.0 - p, df);
    }
    let tail = 1.0 - p;
    if tail <= 0.0 {
        return f64::INFINITY;
    }
    let mut high = 1.0;
    while t_sf(high, df) > tail && high < 1e300 {
        high *= 2.0;
    }
    let ln_c = gamma::ln_gamma(0.5 * (df + 1.0)) - gamma::ln_gamma(0.5 * df) - 0.5 * (df * PI).ln();
    let density = |t: f64| (ln_c - 0.5 * (df + 1.0) * (t * t / df).ln_1p()).exp();
    rising_root(|t| (tail - t_sf(t, df), density(t)), 0.0, high)
}

/// The same as [`t_quantile`] for p > .5, faster where `near` is close to it: plain Newton steps first.
pub(crate) fn t_quantile_near(near: f64, p: f64, df: f64) -> f64 {
    let ln_c = gamma::ln_gamma(0.5 * (df + 1.0)) - gamma::ln_gamma(0.5 * df) - 0.5 * (df * PI).ln();
    let mut t = near;
    for _ in 0..NEAR_STEPS {
        let density = (ln_c - 0.5 * (df + 1.0) * (t * t / df).ln_1p()).exp();
        let step = (t_sf(t, df) - (1.0 - p)) / density;
        t += step;
        if step.abs() <= 1e-12 * t {
            return t;
        }
    }
    t_quantile(p, df)
}

/// Regularised lower incomplete gamma function P(a, x), a > 0.
pub fn gamma_p(a: f64, x: f64) -> f64 {
    match x {
        x if x <= 0.0 => 0.0,
        f64::INFINITY => 1.0,
        x => gamma::gamma_lr(a, x),
    }
}

/// Regularised upper incomplete gamma function Q(a, x), a > 0.
pub fn gamma_q(a: f64, x: f64) -> f64 {
    match x {
        x if x <= 0.0 => 1.0,
        f64::INFINITY => 0.0,
        x => gamma::gamma_ur(a, x),
    }
}

/// x with P(a, x) = p, for a > 0 and p in [0, 1).
pub fn gamma_p_inverse(a: f64, p: f64) -> f64 {
    if p <= 0.0 {
        return 0.0;
    }
    let mut high = a.max(1.0);
    while gamma_p(a, high) < p && high < 1e300 {
        high *= 2.0;
    }
    let ln_gamma = gamma::ln_gamma(a);
    let density = |x: f64| ((a - 1.0) * x.ln() - x - ln_gamma).exp();
    rising_root(|x| (gamma_p(a, x) - p, density(x)), 0.0, high)
}

/// Regularised incomplete beta function I_x(a, b), a > 0, b > 0; x outside [0, 1] counts as the nearer end.
pub fn beta_p(a: f64, b: f64, x: f64) -> f64 {
    beta::beta_reg(a, b, x.clamp(0.0, 1.0))
}

/// x with I_x(a, b) = p, for a > 0, b > 0 and p in [0, 1].
pub fn beta_p_inverse(a: f64, b: f64, p: f64) -> f64 {
    if p <= 0.0 {
        return 0.0;
    }
    if p >= 1.0 {
        return 1.0;
    }
    let ln_beta = beta::ln_beta(a, b);
    let density = |x: f64| ((a - 1.0) * x.ln() + (b - 1.0) * (-x).ln_1p() - ln_beta).exp();
    rising_root(|x| (beta_p(a, b, x) - p, density(x)), 0.0, 1.0)
}

/// Root of a rising function between `low` and `high`: Newton steps, replaced by bisection where they leave the bracket.
/// `f` gives the value and the derivative.
fn rising_root(f: impl Fn(f64) -> (f64, f64), mut low: f64, mut high: f64) -> f64 {
    let mut x = 0.5 * (low + high);
    for _ in 0..STEPS {
        let (value, slope) = f(x);
        if value == 0.0 {
            return x;
        }
        if value < 0.0 {
            low = x;
        } else {
            high = x;
        }
        let newton = x - value / slope;
        let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
        if (next - x).abs() <= 2.0 * f64::EPSILON * next.abs() {
            return next;
        }
        x = next;
    }
    x
}

/// Digamma function, x > 0.
pub fn digamma(x: f64) -> f64 {
    gamma::digamma(x)
}

/// Below this the polygammas use their recurrence; above it the first omitted term is under 1e-17 of the sum.
const ASYMPTOTIC: f64 = 20.0;

/// Trigamma function, x > 0: recurrence and asymptotic series (Abramowitz and Stegun 6.4.6 and 6.4.12).
pub fn trigamma(mut x: f64) -> f64 {
    let mut sum = 0.0;
    while x < ASYMPTOTIC {
        sum += 1.0 / (x * x);
        x += 1.0;
    }
    let r = 1.0 / (x * x);
    let series = r * (1.0 / 6.0 - r * (1.0 / 30.0 - r * (1.0 / 42.0 - r * (1.0 / 30.0 - r * 5.0 / 66.0))));
    sum + (1.0 + 0.5 / x + series) / x
}

/// Second derivative of digamma, x > 0: recurrence and asymptotic series (Abramowitz and Stegun 6.4.6 and 6.4.13).
pub fn tetragamma(mut x: f64) -> f64 {
    let mut sum = 0.0;
    while x < ASYMPTOTIC {
        sum -= 2.0 / (x * x * x);
        x += 1.0;
    }
    let r = 1.0 / (x * x);
    let series = r * (0.5 - r * (1.0 / 6.0 - r * (1.0 / 6.0 - r * (3.0 / 10.0 - r * 5.0 / 6.0))));
    sum - (1.0 + 1.0 / x + series) * r
}

/// x with trigamma(x) = y, y > 0 (Smyth 2004, appendix of "Linear models and empirical Bayes methods": Newton on
/// 1/trigamma, which is convex and nearly linear).
pub fn trigamma_inverse(y: f64) -> f64 {
    let mut x = 0.5 + 1.0 / y;
    for _ in 0..50 {
        let tri = trigamma(x);
        let step = tri * (1.0 - tri / y) / tetragamma(x);
        x += step;
        if -step / x < 1e-10 {
            break;
        }
    }
    x
}

/// Median of a chi-squared variable with `df` degrees of freedom.
pub fn chi_squared_median(df: f64) -> f64 {
    2.0 * gamma_p_inverse(0.5 * df, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, want: f64) {
        assert!((got - want).abs() <= 1e-12 * want.abs().max(1e-300), "got {got:e}, want {want:e}");
    }

    #[test]
    fn normal_agrees_with_published_values() {
        // Wichura 1988 (AS 241), test data.
        close(normal_quantile(0.25), -0.674_489_750_196_081_7);
        close(normal_quantile(0.001), -3.090_232_306_167_813_5);
        close(normal_quantile(1e-20), -9.262_340_089_798_408);
        close(normal_quantile(0.975), 1.959_963_984_540_054);
        close(normal_cdf(-1.959_963_984_540_054), 0.025);
        assert_eq!(normal_quantile(0.5), 0.0);
        for p in [1e-15, 1e-9, 1e-4, 0.1, 0.3, 0.499] {
            close(normal_cdf(normal_quantile(p)), p);
        }
    }

    #[test]
    fn student_t_agrees_with_closed_forms() {
        for t in [0.1_f64, 1.0, 3.0, 50.0, 1e5] {
            close(t_sf(t, 1.0), (1.0 / t).atan() / PI);
            let h = (t * t + 2.0).sqrt();
            close(t_sf(t, 2.0), 1.0 / (h * (h + t)));
        }
        // Tables of the t distribution.
        close(t_quantile(0.975, 1.0), 12.706_204_736_174_698);
        close(t_quantile(0.95, 2.0), 2.919_985_580_353_726);
        close(t_quantile(0.975, 10.0), 2.228_138_851_986_273);
        assert!((t_quantile(0.05, 10.0) + 1.812_461_1).abs() < 1e-7);
        assert!(t_cdf(f64::NEG_INFINITY, 3.0) == 0.0 && t_sf(-1e160, 4.0) == 1.0);
    }

    #[test]
    fn gamma_and_beta_inverses_return_to_their_argument() {
        for a in [0.25, 0.5, 1.0, 3.7, 40.0, 900.0] {
            for p in [1e-6, 0.005, 0.5, 0.975] {
                let x = gamma_p_inverse(a, p);
                assert!((gamma_p(a, x) / p - 1.0).abs() < 1e-10, "a {a} p {p}");
                let b = beta_p_inverse(a, 2.5, p);
                assert!((beta_p(a, 2.5, b) / p - 1.0).abs() < 1e-10, "a {a} p {p}");
            }
        }
        close(gamma_p_inverse(1.0, 0.95), -(0.05_f64.ln()));
        close(chi_squared_median(2.0), 2.0 * 2.0_f64.ln());
    }

    #[test]
    fn polygammas_agree_with_closed_forms() {
        const APERY: f64 = 1.202_056_903_159_594_2;
        close(digamma(1.0), -EULER_GAMMA);
        close(trigamma(1.0), PI * PI / 6.0);
        close(trigamma(0.5), PI * PI / 2.0);
        close(tetragamma(1.0), -2.0 * APERY);
        close(tetragamma(0.5), -14.0 * APERY);
        for y in [1e-4, 0.1, 1.0, 30.0] {
            assert!((trigamma(trigamma_inverse(y)) / y - 1.0).abs() < 1e-9);
        }
    }
}
