//! A length of time as documents write it: a whole number with a unit.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

/// Longest span: one year. Keeps every sum in range.
const MAX_MS: u64 = 365 * 24 * 3_600_000;

/// A length of time with millisecond resolution: `250ms`, `10s`, `2m`, `1h`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span(u64);

/// A text that is not a span.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a duration with a unit; write \"10s\", \"250ms\", \"2m\"")]
pub struct SpanError {
    /// What was given.
    pub text: String,
}

impl Span {
    /// A span of so many milliseconds (at most one year; more is cut).
    pub const fn from_ms(ms: u64) -> Self {
        Self(if ms < MAX_MS { ms } else { MAX_MS })
    }

    /// Milliseconds.
    pub fn ms(self) -> u64 {
        self.0
    }

    /// As a duration of the standard library.
    pub fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl FromStr for Span {
    type Err = SpanError;
    fn from_str(text: &str) -> Result<Self, SpanError> {
        let error = || SpanError { text: text.into() };
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = text[..digits].parse().map_err(|_| error())?;
        let (_, scale) = UNITS.iter().find(|(unit, _)| *unit == &text[digits..]).ok_or_else(error)?;
        number.checked_mul(*scale).filter(|ms| *ms <= MAX_MS).map(Self).ok_or_else(error)
    }
}

impl TryFrom<String> for Span {
    type Error = SpanError;
    fn try_from(text: String) -> Result<Self, SpanError> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> String {
        span.to_string()
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |scale: u64| self.0 > 0 && self.0.is_multiple_of(scale);
        let (unit, scale) = UNITS.iter().rev().find(|(_, scale)| fits(*scale)).unwrap_or(&UNITS[0]);
        write!(f, "{}{unit}", self.0 / scale)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[0-9]+(ms|s|m|h)$",
            "description": "a duration with a unit: write \"10s\", \"250ms\", \"2m\"",
        })
    }
}
