//! Amounts of bytes as documents write them, alone and per second.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// Powers of 1000 and of 1024, so that a number from any tool can be written as it is.
const UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("KB", 1_000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
    ("TB", 1_000_000_000_000),
    ("TiB", 1 << 40),
];

/// A text that is not an amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}; write \"{example}\"")]
pub struct AmountError {
    text: String,
    what: &'static str,
    example: &'static str,
}

/// An amount of bytes: `512KiB`, `256MiB`, `1GB`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Bytes(pub u64);

/// Bytes per second: `1MiB/s`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BytesPerSecond(pub u64);

fn parse(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text[..digits].parse().ok()?;
    let (_, scale) = UNITS.iter().find(|(unit, _)| *unit == &text[digits..])?;
    number.checked_mul(*scale)
}

impl FromStr for Bytes {
    type Err = AmountError;
    fn from_str(text: &str) -> Result<Self, AmountError> {
        let error = || AmountError { text: text.into(), what: "an amount of bytes with a unit", example: "256MiB" };
        parse(text).map(Self).ok_or_else(error)
    }
}

impl FromStr for BytesPerSecond {
    type Err = AmountError;
    fn from_str(text: &str) -> Result<Self, AmountError> {
        let error = || AmountError { text: text.into(), what: "bytes per second with a unit", example: "1MiB/s" };
        text.strip_suffix("/s").and_then(parse).map(Self).ok_or_else(error)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |scale: u64| self.0 > 0 && self.0.is_multiple_of(scale);
        let (unit, scale) = UNITS.iter().rev().find(|(_, scale)| fits(*scale)).unwrap_or(&UNITS[0]);
        write!(f, "{}{unit}", self.0 / scale)
    }
}

impl fmt::Display for BytesPerSecond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", Bytes(self.0))
    }
}

macro_rules! as_text {
    ($amount:ident, $pattern:literal, $description:literal) => {
        impl TryFrom<String> for $amount {
            type Error = AmountError;
            fn try_from(text: String) -> Result<Self, AmountError> {
                text.parse()
            }
        }

        impl From<$amount> for String {
            fn from(amount: $amount) -> String {
                amount.to_string()
            }
        }

        impl JsonSchema for $amount {
            fn schema_name() -> Cow<'static, str> {
                stringify!($amount).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": "string", "pattern": $pattern, "description": $description})
            }
        }
    };
}

as_text!(Bytes, "^[0-9]+([KMGT]i?)?B$", "bytes with a unit: write \"256MiB\", \"1GB\"");
as_text!(BytesPerSecond, "^[0-9]+([KMGT]i?)?B/s$", "bytes per second with a unit: write \"1MiB/s\"");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_they_are_written() {
        for text in ["0B", "1B", "512KiB", "256MiB", "1GB", "3TiB"] {
            assert_eq!(text.parse::<Bytes>().unwrap().to_string(), text);
        }
        assert_eq!("1500MB".parse::<Bytes>().unwrap(), Bytes(1_500_000_000));
        assert_eq!("2MiB/s".parse::<BytesPerSecond>().unwrap(), BytesPerSecond(2 << 20));
        for text in ["", "MiB", "1", "1 MiB", "-1B", "1.5GB", "99999999999TB", "1MiB/h"] {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
        assert!("1MiB".parse::<BytesPerSecond>().is_err());
    }
}
