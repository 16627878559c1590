//! Random numbers of the simulations: xoshiro256++ (Blackman and Vigna 2018) and the distributions that shapes need.
//!
//! Written here, not taken from a crate, because the rates in `docs/calibration.md` belong to these very sequences.

use std::f64::consts::TAU;

/// A stream of random numbers.
pub(crate) struct Rng {
    state: [u64; 4],
    spare: Option<f64>,
}

impl Rng {
    /// The stream of a cell's repetition: every cell has its own.
    pub(crate) fn of(cell: &str, repetition: usize) -> Rng {
        // FNV-1a of the name, then splitmix64 to fill the state.
        let name =
            cell.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3));
        let mut seed = name ^ (repetition as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut next = || {
            seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = seed;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^ (z >> 31)
        };
        Rng { state: [next(), next(), next(), next()], spare: None }
    }

    fn bits(&mut self) -> u64 {
        let s = &mut self.state;
        let out = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        out
    }

    /// Uniform in (0, 1), never an end.
    pub(crate) fn uniform(&mut self) -> f64 {
        ((self.bits() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Uniform below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.uniform() * end as f64) as usize
    }

    /// Standard normal (Box and Muller 1958).
    pub(crate) fn normal(&mut self) -> f64 {
        if let Some(z) = self.spare.take() {
            return z;
        }
        let (radius, angle) = ((-2.0 * self.uniform().ln()).sqrt(), TAU * self.uniform());
        self.spare = Some(radius * angle.sin());
        radius * angle.cos()
    }

    /// Student's t with 2 degrees of freedom, by its inverse: infinite variance.
    pub(crate) fn t2(&mut self) -> f64 {
        let u = self.uniform();
        (2.0 * u - 1.0) / (2.0 * u * (1.0 - u)).sqrt()
    }

    /// Poisson: products of uniforms for small means, chop-down from the mode for large ones.
    pub(crate) fn poisson(&mut self, mean: f64) -> f64 {
        if mean < 12.0 {
            let limit = (-mean).exp();
            let (mut count, mut product) = (0.0, self.uniform());
            while product > limit {
                count += 1.0;
                product *= self.uniform();
            }
            return count;
        }
        let mode = mean.floor();
        // Stirling's series is exact to 1e-9 here.
        let ln_factorial =
            mode * mode.ln() - mode + 0.5 * (TAU * mode).ln() + 1.0 / (12.0 * mode) - 1.0 / (360.0 * mode.powi(3));
        let peak = (mode * mean.ln() - mean - ln_factorial).exp();
        let mut rest = self.uniform() - peak;
        let (mut low, mut high, mut p_low, mut p_high) = (mode, mode, peak, peak);
        while rest > 0.0 && (p_low > 0.0 || p_high > 1e-300) {
            high += 1.0;
            p_high *= mean / high;
            rest -= p_high;
            if rest <= 0.0 {
                return high;
            }
            p_low *= low / mean;
            low -= 1.0;
            rest -= p_low;
            if rest <= 0.0 {
                return low;
            }
        }
        mode
    }

    /// Binomial, by waiting times between successes.
    pub(crate) fn binomial(&mut self, n: usize, p: f64) -> f64 {
        if p <= 0.0 {
            return 0.0;
        }
        if p > 0.5 {
            return n as f64 - self.binomial(n, 1.0 - p);
        }
        let (mut at, mut count) = (0.0, 0.0);
        loop {
            at += (self.uniform().ln() / (-p).ln_1p()).floor() + 1.0;
            if at > n as f64 {
                return count;
            }
            count += 1.0;
        }
    }
}

/// Stationary AR(1) with variance 1.
pub(crate) fn ar1(rng: &mut Rng, n: usize, rho: f64) -> Vec<f64> {
    let fresh = (1.0 - rho * rho).sqrt();
    let mut z = rng.normal();
    let mut out = Vec::with_capacity(n);
    for _ in 0..n {
        out.push(z);
        z = rho * z + fresh * rng.normal();
    }
    out
}

#[test]
fn distributions_have_their_moments() {
    let mut rng = Rng::of("moments", 0);
    let n = 200_000;
    let mut moments = |draw: &mut dyn FnMut(&mut Rng) -> f64| {
        let x: Vec<f64> = (0..n).map(|_| draw(&mut rng)).collect();
        let mean = x.iter().sum::<f64>() / n as f64;
        (mean, x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n as f64)
    };
    let close = |got: (f64, f64), mean: f64, variance: f64| {
        let slack = 5.0 * (variance / n as f64).sqrt();
        assert!((got.0 - mean).abs() < slack && (got.1 / variance - 1.0).abs() < 0.03, "{got:?}, {mean}, {variance}");
    };
    close(moments(&mut |r| r.normal()), 0.0, 1.0);
    close(moments(&mut |r| r.poisson(0.3)), 0.3, 0.3);
    close(moments(&mut |r| r.poisson(100.0)), 100.0, 100.0);
    close(moments(&mut |r| r.binomial(300, 0.02)), 6.0, 5.88);
    close(moments(&mut |r| r.binomial(300, 0.97)), 291.0, 8.73);
    let far = (0..n).filter(|_| rng.t2().abs() > 10.0).count() as f64 / n as f64;
    assert!((far - (1.0 - 10.0 / 102.0_f64.sqrt())).abs() < 1e-3, "{far}");
    let z = ar1(&mut rng, n, 0.9);
    let lag = z.windows(2).map(|w| w[0] * w[1]).sum::<f64>() / n as f64;
    assert!((lag - 0.9).abs() < 0.03, "{lag}");
}
