//! The score: how far an effect is from its margin.

/// Points that an effect of one margin costs: a metric exactly at its margin scores 85.
pub const POINTS: f64 = 15.0;

/// Score 0..100 with limits at the pass level.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Scores {
    /// Score at the estimate.
    pub score: f64,
    /// Score at the upper limit of the degradation.
    pub score_low: f64,
    /// Score at the lower limit of the degradation.
    pub score_high: f64,
}

impl Scores {
    /// Nothing is known.
    pub const UNKNOWN: Scores = Scores { score: 0.0, score_low: 0.0, score_high: 100.0 };

    /// Of a degradation with its lower and upper limit.
    pub(crate) fn of(degradation: f64, (low, high): (f64, f64), margin: f64) -> Scores {
        Scores { score: points(degradation, margin), score_low: points(high, margin), score_high: points(low, margin) }
    }

    /// The worse of two, limit by limit.
    pub fn worse(self, other: Scores) -> Scores {
        Scores {
            score: self.score.min(other.score),
            score_low: self.score_low.min(other.score_low),
            score_high: self.score_high.min(other.score_high),
        }
    }
}

/// clip(100 - 15 max(0, d) / margin, 0, 100); without a margin 100 unless worse, then 0. Of what is not a number, 0.
pub fn points(degradation: f64, margin: f64) -> f64 {
    if degradation.is_nan() || margin.is_nan() {
        0.0
    } else if margin > 0.0 {
        (100.0 - POINTS * degradation.max(0.0) / margin).clamp(0.0, 100.0)
    } else if degradation <= 0.0 {
        100.0
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_margin_costs_fifteen_points() {
        assert_eq!((points(-1.0, 2.0), points(2.0, 2.0), points(99.0, 2.0)), (100.0, 85.0, 0.0));
        assert_eq!((points(0.0, 0.0), points(0.1, 0.0)), (100.0, 0.0));
        assert_eq!((points(f64::NAN, 1.0), points(-1.0, f64::NAN)), (0.0, 0.0));
        assert_eq!((points(f64::INFINITY, 1.0), points(f64::NEG_INFINITY, 1.0)), (0.0, 100.0));
    }
}
