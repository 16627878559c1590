//! Quantities that people write with a unit.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// Reads a number followed by one of `units`; the value is multiplied by the unit's factor.
fn number_with_unit(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let cut = text.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
    let (number, unit) = text.split_at(cut);
    let factor = units.iter().find(|(name, _)| *name == unit.trim())?.1;
    let value = number.parse::<f64>().ok()? * factor;
    value.is_finite().then_some(value)
}

macro_rules! written {
    ($name:ident, $schema:literal, $pattern:literal, $remedy:literal) => {
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                $schema.into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": "string", "pattern": $pattern, "description": $remedy})
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = String::deserialize(d)?;
                Self::parse(&text).ok_or_else(|| D::Error::custom(concat!("not readable: ", $remedy)))
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.to_string())
            }
        }
    };
}

/// A length of time, written `250ms`, `10s`, `5m`, `6h`, `7d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl Span {
    /// Reads a length of time; `None` without a known unit.
    pub fn parse(text: &str) -> Option<Self> {
        let seconds = number_with_unit(text, &[("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86_400.0)])?;
        Duration::try_from_secs_f64(seconds).ok().map(Span)
    }

    /// Whole milliseconds.
    pub fn ms(self) -> i64 {
        i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_millis();
        match ms {
            _ if !ms.is_multiple_of(1000) => write!(f, "{ms}ms"),
            _ if ms.is_multiple_of(86_400_000) && ms > 0 => write!(f, "{}d", ms / 86_400_000),
            _ if ms.is_multiple_of(3_600_000) && ms > 0 => write!(f, "{}h", ms / 3_600_000),
            _ if ms.is_multiple_of(60_000) && ms > 0 => write!(f, "{}m", ms / 60_000),
            _ => write!(f, "{}s", ms / 1000),
        }
    }
}
written!(
    Span,
    "Duration",
    r"^\d+(\.\d+)?(ms|s|m|h|d)$",
    "a duration with a unit: write \"250ms\", \"10s\", \"5m\", \"6h\" or \"7d\""
);

/// Requests a second, written `200/s`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct PerSecond(pub f64);

impl PerSecond {
    /// Reads a rate; `None` without `/s`.
    pub fn parse(text: &str) -> Option<Self> {
        number_with_unit(text, &[("/s", 1.0)]).filter(|v| *v > 0.0).map(PerSecond)
    }
}

impl fmt::Display for PerSecond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}
written!(PerSecond, "Rate", r"^\d+(\.\d+)?/s$", "a rate a second: write \"200/s\"");

/// A share written in percent, `50%`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Percent(pub f64);

impl Percent {
    /// Reads a share; the value is 0.5 for `50%`.
    pub fn parse(text: &str) -> Option<Self> {
        number_with_unit(text, &[("%", 0.01)]).map(Percent)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0 * 100.0)
    }
}
written!(Percent, "Percent", r"^\d+(\.\d+)?%$", "a share in percent: write \"50%\"");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_with_units() {
        for text in ["250ms", "10s", "5m", "6h", "7d", "0s"] {
            assert_eq!(Span::parse(text).map(|s| s.to_string()).as_deref(), Some(text));
        }
        assert_eq!(Span::parse("1.5s").map(Span::ms), Some(1500));
        for text in ["10", "s", "10 parsecs", "-3s", ""] {
            assert_eq!(Span::parse(text), None, "{text}");
        }
        assert_eq!(PerSecond::parse("300/s"), Some(PerSecond(300.0)));
        assert_eq!(PerSecond::parse("0/s"), None);
        assert_eq!(Percent::parse("50%"), Some(Percent(0.5)));
    }
}
