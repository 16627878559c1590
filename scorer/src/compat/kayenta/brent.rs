//! Root search by inverse quadratic interpolation, secant and bisection (Brent 1973, chapter 4).
//!
//! The settings are those of the published judge, whose results depend on them: the functions it solves are steps, so
//! that a root is only as exact as the tolerance.

/// Steps after which the search gives its best point.
const STEPS: usize = 1001;
/// Width of the bracket that counts as found.
const TOLERANCE: f64 = 1e-4;

/// A point of the function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Argument.
    pub x: f64,
    /// Value.
    pub y: f64,
}

/// Root of `f` between `low` and `high`. Ends of equal sign are accepted: the search then creeps beyond them until
/// its steps are spent. NaN if it leaves the real numbers.
pub fn root<E>(low: Point, high: Point, mut f: impl FnMut(f64) -> Result<f64, E>) -> Result<f64, E> {
    if low.y == 0.0 {
        return Ok(low.x);
    }
    if high.y == 0.0 {
        return Ok(high.x);
    }
    let (mut old, mut best, mut across) = (low, high, low);
    for _ in 0..STEPS {
        let previous = best.x - old.x;
        if across.y.abs() < best.y.abs() {
            (old, best, across) = (best, across, best);
        }
        let tolerance = 2.0 * f64::EPSILON * best.x.abs() + TOLERANCE / 2.0;
        let half = (across.x - best.x) / 2.0;
        if half.abs() <= tolerance || best.y == 0.0 {
            return Ok(best.x);
        }
        let promising = previous.abs() >= tolerance && old.y.abs() > best.y.abs();
        let step = if promising { interpolate([old, best, across], previous, tolerance) } else { None };
        let step = step.unwrap_or(half);
        // A NaN is no short step: it must stay NaN.
        let step = if step.abs() < tolerance { if step > 0.0 { tolerance } else { -tolerance } } else { step };
        old = best;
        best.x += step;
        best.y = f(best.x)?;
        if best.x.is_nan() {
            return Ok(f64::NAN);
        }
        if (best.y > 0.0 && across.y > 0.0) || (best.y < 0.0 && across.y < 0.0) {
            across = old;
        }
    }
    Ok(best.x)
}

/// Interpolated step from the best point, or `None` where bisection is safer.
fn interpolate([old, best, across]: [Point; 3], previous: f64, tolerance: f64) -> Option<f64> {
    let gap = across.x - best.x;
    let s = best.y / old.y;
    let (p, q) = if old.x == across.x {
        (gap * s, 1.0 - s)
    } else {
        let (q, r) = (old.y / across.y, best.y / across.y);
        (s * (gap * q * (q - r) - (best.x - old.x) * (r - 1.0)), (q - 1.0) * (r - 1.0) * (s - 1.0))
    };
    let (p, q) = if p > 0.0 { (p, -q) } else { (-p, q) };
    let inside = p < 0.75 * gap * q - (tolerance * q).abs() / 2.0 && p < (previous * q / 2.0).abs();
    inside.then_some(p / q)
}
