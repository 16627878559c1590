//! Margins as people write them: `1pp`, `10%`, `4MB`, `250ms`, `3`.
//!
//! Values become base units, as series are recorded: shares of one, bytes, seconds. `%` alone is relative to the
//! baseline median.

use crate::descriptive::{median, robust_sd};
use crate::signal::Margin;
use std::fmt;

/// Why a margin cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MarginError {
    /// Nothing there.
    #[error("a margin is empty: {REMEDY}")]
    Empty,
    /// Does not start with a number.
    #[error("`{text}` does not start with a number: {REMEDY}")]
    Number {
        /// The text.
        text: String,
    },
    /// A margin says how much worse is tolerable, so it cannot be negative or endless.
    #[error("`{text}` is out of range: a margin is at least 0 and finite")]
    Range {
        /// The text.
        text: String,
    },
    /// Unknown unit.
    #[error("`{unit}` in `{text}` is not a unit: {REMEDY}")]
    Unit {
        /// The unit found.
        unit: String,
        /// The text.
        text: String,
    },
}

/// What to write instead, for error messages and schemas.
pub const REMEDY: &str = "write percentage points `1pp`, a share of the baseline `10%`, bytes `4MB` (B, kB, MB, GB, KiB, MiB, GiB), a time `250ms` (us, ms, s, m, h) or a plain number `3`";

/// Pattern of a margin for JSON schemas.
pub const PATTERN: &str = r"^[0-9]+(\.[0-9]+)?\s*(pp|%|B|kB|MB|GB|KiB|MiB|GiB|us|ms|s|m|h)?$";

/// Default margin in robust standard deviations of the baseline, for metrics that declare none.
const DEFAULT_SD: f64 = 0.25;
/// Default margin as a share of the baseline median; the larger of the two holds.
const DEFAULT_RELATIVE: f64 = 0.05;

/// The margin of a metric that declares none, in its own unit: the larger of a quarter robust standard deviation and
/// 5 % of the median of its pooled, finite baseline samples; 0 of nothing.
pub fn usual(pooled: &[f64]) -> f64 {
    if pooled.is_empty() {
        return 0.0;
    }
    let middle = median(pooled);
    (DEFAULT_SD * robust_sd(pooled, middle)).max(DEFAULT_RELATIVE * middle.abs())
}

/// Units with their factor to the base unit.
const UNITS: &[(&str, f64)] = &[
    ("", 1.0),
    ("pp", 0.01),
    ("B", 1.0),
    ("kB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("us", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3600.0),
];

impl Margin {
    /// Reads a margin; spaces around the number are allowed.
    pub fn parse(text: &str) -> Result<Margin, MarginError> {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(MarginError::Empty);
        }
        let end = number_end(trimmed);
        let (number, unit) = (&trimmed[..end], trimmed[end..].trim());
        let value: f64 = number.parse().map_err(|_| MarginError::Number { text: text.to_owned() })?;
        let margin = if unit == "%" {
            Margin::Relative(value / 100.0)
        } else {
            let (_, factor) = UNITS
                .iter()
                .find(|(name, _)| *name == unit)
                .ok_or_else(|| MarginError::Unit { unit: unit.to_owned(), text: text.to_owned() })?;
            Margin::Absolute(scaled(value, *factor))
        };
        match margin {
            Margin::Absolute(v) | Margin::Relative(v) if v.is_finite() && v >= 0.0 && !number.starts_with('-') => {
                Ok(margin)
            }
            _ => Err(MarginError::Range { text: text.to_owned() }),
        }
    }
}

/// Small factors divide, so that `250ms` is exactly the number `0.25` and `1pp` exactly `0.01`.
fn scaled(value: f64, factor: f64) -> f64 {
    if factor < 1.0 { value / (1.0 / factor).round() } else { value * factor }
}

/// Length of the leading number: sign, digits, point, and an exponent only where digits follow it.
fn number_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |mut at: usize| {
        while at < bytes.len() && (bytes[at].is_ascii_digit() || bytes[at] == b'.') {
            at += 1;
        }
        at
    };
    let end = digits(usize::from(matches!(bytes.first(), Some(b'-' | b'+'))));
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = end + 1 + usize::from(matches!(bytes.get(end + 1), Some(b'-' | b'+')));
        if bytes.get(sign).is_some_and(u8::is_ascii_digit) {
            return digits(sign);
        }
    }
    end
}

impl fmt::Display for Margin {
    /// Text that parses to the same margin; an absolute one in base units.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Margin::Absolute(value) => write!(f, "{value}"),
            Margin::Relative(value) => {
                // A rounded percentage where it is the same number, all digits otherwise.
                let percent = value * 100.0;
                let rounded = (percent * 1e9).round() / 1e9;
                if rounded / 100.0 == *value { write!(f, "{rounded}%") } else { write!(f, "{percent}%") }
            }
        }
    }
}
