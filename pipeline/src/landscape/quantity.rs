//! Quantities with units, as documents write them.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// Why a text is not a quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {wanted}")]
pub struct QuantityError {
    text: String,
    wanted: &'static str,
}

const SPAN_REMEDY: &str = r#"a duration with a unit: write "10s", "250ms", "2m""#;
const SPAN_PATTERN: &str = "^[0-9]{1,9}(ms|s|m|h)$";
const SIZE_REMEDY: &str = r#"a size with a unit: write "10MB", "512KB", "1GB" (powers of 1000)"#;
const SIZE_PATTERN: &str = "^[0-9]{1,9}(B|KB|MB|GB)$";

/// Digits (at most nine, so that no unit overflows) and the unit behind them.
fn split(text: &str) -> Option<(u64, &str)> {
    let at = text.find(|c: char| !c.is_ascii_digit())?;
    if at == 0 || at > 9 {
        return None;
    }
    Some((text[..at].parse().ok()?, &text[at..]))
}

/// A duration in whole milliseconds, written with a unit: `250ms`, `10s`, `2m`, `1h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(Duration);

impl Span {
    /// A span of so many milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// The span as a standard duration.
    pub const fn duration(self) -> Duration {
        self.0
    }
}

impl TryFrom<String> for Span {
    type Error = QuantityError;

    fn try_from(text: String) -> Result<Self, QuantityError> {
        let millis = match split(&text) {
            Some((n, "ms")) => n,
            Some((n, "s")) => n * 1_000,
            Some((n, "m")) => n * 60_000,
            Some((n, "h")) => n * 3_600_000,
            _ => {
                return Err(QuantityError { text, wanted: SPAN_REMEDY });
            }
        };
        Ok(Self::from_millis(millis))
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_millis() {
            ms if ms % 1_000 == 0 => write!(f, "{}s", ms / 1_000),
            ms => write!(f, "{ms}ms"),
        }
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": SPAN_PATTERN, "description": SPAN_REMEDY})
    }
}

/// A size in bytes, written with a unit of powers of 1000: `512KB`, `10MB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Size(u64);

impl Size {
    /// A size of so many bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The size in bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl TryFrom<String> for Size {
    type Error = QuantityError;

    fn try_from(text: String) -> Result<Self, QuantityError> {
        match split(&text) {
            Some((n, "B")) => Ok(Self(n)),
            Some((n, "KB")) => Ok(Self(n * 1_000)),
            Some((n, "MB")) => Ok(Self(n * 1_000_000)),
            Some((n, "GB")) => Ok(Self(n * 1_000_000_000)),
            _ => Err(QuantityError { text, wanted: SIZE_REMEDY }),
        }
    }
}

impl From<Size> for String {
    fn from(size: Size) -> Self {
        size.to_string()
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            b if b % 1_000_000 == 0 => write!(f, "{}MB", b / 1_000_000),
            b if b % 1_000 == 0 => write!(f, "{}KB", b / 1_000),
            b => write!(f, "{b}B"),
        }
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": SIZE_PATTERN, "description": SIZE_REMEDY})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_sizes_need_a_unit_and_survive_a_round_trip() {
        for (text, millis) in [("250ms", 250), ("10s", 10_000), ("2m", 120_000), ("1h", 3_600_000), ("0s", 0)] {
            let span = Span::try_from(text.to_owned()).unwrap();
            assert_eq!(span.duration(), Duration::from_millis(millis), "{text}");
            assert_eq!(Span::try_from(span.to_string()), Ok(span), "{text}");
        }
        for (text, bytes) in [("7B", 7), ("512KB", 512_000), ("10MB", 10_000_000), ("1GB", 1_000_000_000)] {
            let size = Size::try_from(text.to_owned()).unwrap();
            assert_eq!(size.bytes(), bytes, "{text}");
            assert_eq!(Size::try_from(size.to_string()), Ok(size), "{text}");
        }
        for bad in ["10", "", "s", "-1s", "1.5s", "10 s", "1000000000000000000h", "10MiB"] {
            assert!(Span::try_from(bad.to_owned()).is_err(), "{bad}");
            assert!(Size::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
