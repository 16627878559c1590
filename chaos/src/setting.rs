//! One value in a settings file: found, read and replaced, with every other byte as it was.

mod env;
mod json;
mod key;
mod scalar;
mod toml;
mod yaml;

pub use key::{KeyError, KeyPath};
pub use scalar::Scalar;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::ops::Range;
use std::path::Path;

/// Longest text that is read, bytes.
const MAX_TEXT: usize = 1 << 20;
/// Deepest nesting that is read.
const MAX_DEPTH: usize = 64;

/// How a settings file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JSON.
    Json,
    /// YAML, one document.
    Yaml,
    /// TOML.
    Toml,
    /// Lines `KEY=VALUE`, as shells and containers read them.
    Env,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Json => "JSON",
            Format::Yaml => "YAML",
            Format::Toml => "TOML",
            Format::Env => "KEY=VALUE lines",
        })
    }
}

/// Why a value cannot be replaced. None of these says a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// Longer than any settings file.
    #[error("has {bytes} bytes, at most {MAX_TEXT} are read")]
    TooLong {
        /// How long.
        bytes: usize,
    },
    /// Not in its format.
    #[error("not readable as {format}: {why}")]
    Unreadable {
        /// The format.
        format: Format,
        /// What the parser says, with the place.
        why: String,
    },
    /// No such key.
    #[error("there is no `{key}`; beside it there are: {known}")]
    Missing {
        /// The key.
        key: String,
        /// Keys in its place.
        known: String,
    },
    /// A key of something else than one plain value.
    #[error("`{key}` is {what}, and only a single value can be replaced")]
    NotSingle {
        /// The key.
        key: String,
        /// What it is.
        what: &'static str,
    },
    /// It is so already.
    #[error("`{key}` has this value already")]
    Already {
        /// The key.
        key: String,
    },
    /// The format cannot say the value there.
    #[error("`{key}` cannot have this value: {why}")]
    Unwritable {
        /// The key.
        key: String,
        /// Why.
        why: &'static str,
    },
    /// Replacing it would not do only that.
    #[error("`{key}` cannot be replaced alone: with it the file would say something else, too")]
    Entangled {
        /// The key.
        key: String,
    },
}

impl Format {
    /// By the name of the file; `None` when that does not tell.
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        if name == ".env" || name.starts_with(".env.") {
            return Some(Format::Env);
        }
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "json" => Some(Format::Json),
            "yaml" | "yml" => Some(Format::Yaml),
            "toml" => Some(Format::Toml),
            "env" => Some(Format::Env),
            _ => None,
        }
    }

    /// The whole text as a value; references within it stay references.
    ///
    /// # Errors
    /// The text is too long or not in this format.
    pub fn read(self, text: &str) -> Result<Value, SettingError> {
        if text.len() > MAX_TEXT {
            return Err(SettingError::TooLong { bytes: text.len() });
        }
        let read = match self {
            Format::Json => json::read(text),
            Format::Yaml => yaml::read(text),
            Format::Toml => toml::read(text),
            Format::Env => env::read(text),
        };
        read.map_err(|why| SettingError::Unreadable { format: self, why })
    }

    /// Where the value stands, and how it is written; the text was read, and the key is there.
    fn find(self, text: &str, key: &KeyPath) -> Option<Range<usize>> {
        match self {
            Format::Json => json::find(text, key),
            Format::Yaml => yaml::find(text, key),
            Format::Toml => toml::find(text, key),
            Format::Env => env::find(text, key),
        }
    }

    /// How a value is written behind `before`.
    fn write(self, before: &str, value: &Scalar) -> Result<String, &'static str> {
        match self {
            // Text between double quotes is the same in all three.
            Format::Json | Format::Yaml | Format::Toml => Ok(value.quoted()),
            Format::Env => env::write(before, value),
        }
    }

    /// The value as this format reads it: in lines every value is text.
    fn meant(self, value: &Scalar) -> Value {
        match self {
            Format::Json | Format::Yaml | Format::Toml => value.value(),
            Format::Env => Value::String(value.plain()),
        }
    }

    /// Whether the text has this value there.
    pub fn has(self, text: &str, key: &KeyPath, value: &Scalar) -> bool {
        self.read(text).is_ok_and(|whole| key.of(&whole) == Some(&self.meant(value)))
    }

    /// The text with another value there, and every other byte as it was.
    ///
    /// # Errors
    /// The text cannot be read, has no such single value, has this one already, or cannot have it.
    pub fn with(self, text: &str, key: &KeyPath, value: &Scalar) -> Result<String, SettingError> {
        let mut whole = self.read(text)?;
        let named = || key.to_string();
        let old = key.of(&whole).ok_or_else(|| key.missing(&whole))?;
        match old {
            Value::Object(_) => return Err(SettingError::NotSingle { key: named(), what: "a mapping" }),
            Value::Array(_) => return Err(SettingError::NotSingle { key: named(), what: "a list" }),
            same if *same == self.meant(value) => return Err(SettingError::Already { key: named() }),
            _ => (),
        }
        if self == Format::Yaml && yaml::is_referred_to(text, key) {
            return Err(SettingError::Entangled { key: named() });
        }
        let other = "no value that stands there by itself";
        let place = self.find(text, key).ok_or_else(|| SettingError::NotSingle { key: named(), what: other })?;
        let written = self.write(&text[..place.start], value);
        let written = written.map_err(|why| SettingError::Unwritable { key: named(), why })?;
        let new = [&text[..place.start], &written, &text[place.end..]].concat();
        // Whoever found the place is not believed: the new text must say the same but for this value.
        if let Some(slot) = key.of_mut(&mut whole) {
            *slot = self.meant(value);
        }
        if self.read(&new).as_ref() == Ok(&whole) { Ok(new) } else { Err(SettingError::Entangled { key: named() }) }
    }
}

#[cfg(test)]
mod tests;
