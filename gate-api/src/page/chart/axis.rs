//! Axes: from values to the picture, with ticks at round numbers.

use scorer::quantity::Unit;

/// A straight map from values to picture units.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    /// Maps `low..high` to `from..to`; an empty range is widened, so that a flat line lies in the middle.
    pub(super) fn new((low, high): (f64, f64), (from, to): (f64, f64)) -> Axis {
        let span = high - low;
        let least = (high.abs().max(low.abs()) * 1e-3).max(1e-9);
        let widen = if span < least { (least - span) / 2.0 } else { 0.0 };
        Axis { low: low - widen, high: high + widen, from, to }
    }

    /// Place of a value, kept inside the picture.
    pub(super) fn at(&self, value: f64) -> f64 {
        let share = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        // A tenth of a unit is finer than a pixel; fewer digits are fewer bytes.
        ((self.from + share * (self.to - self.from)) * 10.0).round() / 10.0
    }

    /// Round numbers inside the range, about `count`.
    pub(super) fn ticks(&self, count: f64) -> Vec<f64> {
        let raw = (self.high - self.low) / count;
        let magnitude = 10_f64.powf(raw.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * magnitude).find(|s| *s >= raw).unwrap_or(raw);
        self.multiples(step)
    }

    /// Times at round seconds, minutes, hours or days, at most six.
    pub(super) fn times(&self) -> Vec<f64> {
        const STEPS: [f64; 20] = [
            1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14_400.0,
            21_600.0, 43_200.0, 86_400.0, 172_800.0, 604_800.0,
        ];
        let raw = (self.high - self.low) / 6.0;
        let step = STEPS.into_iter().find(|s| *s >= raw).unwrap_or(raw);
        self.multiples(step)
    }

    fn multiples(&self, step: f64) -> Vec<f64> {
        let first = (self.low / step).ceil();
        let found = (0..32).map(|i| (first + f64::from(i)) * step);
        found.take_while(|v| *v <= self.high + step * 1e-9).collect()
    }
}

/// `0`, `30 s`, `2 min`, `1.5 h`, `3 d`: the whole axis in one unit, the one that suits its length.
pub(super) fn time_label(at_s: f64, length_s: f64) -> String {
    let (divisor, unit) = match length_s {
        _ if at_s == 0.0 => return "0".to_owned(),
        short if short <= 180.0 => (1.0, "s"),
        hours if hours <= 7200.0 => (60.0, "min"),
        days if days <= 172_800.0 => (3600.0, "h"),
        _ => (86_400.0, "d"),
    };
    format!("{} {unit}", scorer::quantity::digits(at_s / divisor))
}

/// Range that shows all values: from zero for shares and counts, with room above.
pub(super) fn range(unit: Unit, values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    if !(low.is_finite() && high.is_finite()) {
        return None;
    }
    let room = (high - low) * 0.08;
    match unit {
        Unit::Share | Unit::PerSample => Some((0.0, (high * 1.08).max(1e-4))),
        _ if low >= 0.0 => Some(((low - room).max(0.0), high + room)),
        _ => Some((low - room, high + room)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        let axis = Axis::new((0.0, 0.113), (190.0, 22.0));
        let ticks: Vec<String> = axis.ticks(4.0).into_iter().map(|t| Unit::Share.level(t)).collect();
        assert_eq!(ticks, ["0 %", "5 %", "10 %"]);
        let week = Axis::new((0.0, 7.0 * 86_400.0), (0.0, 1.0));
        let labels: Vec<String> = week.times().into_iter().map(|t| time_label(t, 7.0 * 86_400.0)).collect();
        assert_eq!(labels, ["0", "2 d", "4 d", "6 d"]);
        let minutes: Vec<String> =
            Axis::new((0.0, 113.0), (0.0, 1.0)).times().into_iter().map(|t| time_label(t, 113.0)).collect();
        assert_eq!(minutes, ["0", "30 s", "60 s", "90 s"]);
    }

    #[test]
    fn a_flat_line_lies_in_the_middle_and_nothing_leaves_the_picture() {
        for value in [0.0, 5.0, -3e9] {
            let axis = Axis::new((value, value), (0.0, 100.0));
            assert_eq!(axis.at(value), 50.0, "{value}");
            assert_eq!((axis.at(f64::INFINITY), axis.at(f64::NEG_INFINITY)), (100.0, 0.0));
            assert!(axis.ticks(4.0).len() <= 32);
        }
    }

    #[test]
    fn shares_begin_at_zero_and_nothing_has_no_range() {
        assert_eq!(range(Unit::Share, [0.04, 0.05].into_iter()), Some((0.0, 0.05 * 1.08)));
        let (low, high) = range(Unit::Bytes, [40.0, 50.0].into_iter()).unwrap();
        assert!(low > 39.0 && low < 40.0 && high > 50.0, "{low} {high}");
        assert_eq!(range(Unit::Plain, [].into_iter()), None);
    }
}
