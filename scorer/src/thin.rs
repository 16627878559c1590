//! Few low frequencies of a long series from a coarse grid.
//!
//! Samples are spread over a grid of every `step`-th place with a smooth window; a cosine over the samples is then one
//! over the grid, divided by the window's own transform (gridding, as in non-uniform Fourier transforms; window after
//! Barnett, Magland and af Klinteberg 2019). The error is about 1e-11 of the series, so that it is a matter of time
//! only. The cost falls from samples x frequencies to samples x width.

use crate::folds::dot;

/// Grid places under the window.
const WIDTH: usize = 10;
/// Phase, in radians, of the highest frequency between two places of the grid; below pi/2, so that what is folded back
/// lies far outside the window's band.
const PHASE: f64 = 1.2;
/// Steepness of the window for that phase.
const STEEPNESS: f64 = 2.5 * WIDTH as f64;
/// Points of the quadrature of the window's transform.
const POINTS: usize = 4000;

/// A grid for series of one length.
#[derive(Debug)]
pub(crate) struct Grid {
    step: usize,
    /// Places; even.
    places: usize,
    /// Place 0 of the grid, in samples.
    origin: f64,
    /// Window at the samples under it, from the first.
    window: Vec<f64>,
    /// Sample under the start of the first window; not positive.
    start: isize,
}

fn bell(v: f64) -> f64 {
    let x = 2.0 * v / WIDTH as f64;
    if x.abs() < 1.0 { (STEEPNESS * ((1.0 - x * x).sqrt() - 1.0)).exp() } else { 0.0 }
}

impl Grid {
    /// For `length` samples and angular frequencies up to `highest`.
    pub(crate) fn new(length: usize, highest: f64) -> Grid {
        let step = 2 * ((PHASE / highest / 2.0) as usize).max(1);
        let middle = (length as f64 - 1.0) / 2.0;
        // Every sample lies under all its windows.
        let places = 2 * (length.div_ceil(2 * step) + WIDTH / 2);
        let origin = middle - (places as f64 - 1.0) / 2.0 * step as f64;
        let half = (WIDTH * step / 2) as f64;
        let start = (origin - half).ceil();
        let window = (0..WIDTH * step).map(|i| bell((start + i as f64 - origin) / step as f64)).collect();
        Grid { step, places, origin, window, start: start as isize }
    }

    /// Places of the grid.
    pub(crate) fn places(&self) -> usize {
        self.places
    }

    /// Where a place of the grid is, in samples.
    pub(crate) fn at(&self, place: usize) -> f64 {
        self.origin + (place * self.step) as f64
    }

    /// The window's transform at an angular frequency: what a cosine over the grid is too large by.
    pub(crate) fn gain(&self, frequency: f64) -> f64 {
        let (turn, width) = (frequency * self.step as f64, WIDTH as f64 / POINTS as f64);
        (0..POINTS)
            .map(|i| {
                let v = (i as f64 + 0.5) * width - WIDTH as f64 / 2.0;
                bell(v) * (turn * v).cos()
            })
            .sum::<f64>()
            * width
    }

    /// Zeros before a series, so that every window lies inside; [`Grid::room`] is the length with those behind.
    pub(crate) fn before(&self) -> usize {
        self.start.unsigned_abs()
    }

    /// Samples, zeros included.
    pub(crate) fn room(&self) -> usize {
        (self.places - 1) * self.step + self.window.len()
    }

    /// Spreads a series with its zeros.
    pub(crate) fn spread(&self, padded: &[f64], out: &mut Vec<f64>) {
        out.clear();
        out.extend((0..self.places).map(|p| dot(&padded[p * self.step..], &self.window)));
    }

    /// Spreads a series that is 1 at some places.
    pub(crate) fn spread_ones(&self, ones: &[u32], out: &mut Vec<f64>) {
        out.clear();
        out.resize(self.places, 0.0);
        for one in ones {
            let at = *one as usize + self.before();
            let last = (at / self.step).min(self.places - 1);
            for (place, out) in out[..=last].iter_mut().enumerate().rev() {
                match self.window.get(at - place * self.step) {
                    Some(weight) => *out += weight,
                    None => break,
                }
            }
        }
    }
}
