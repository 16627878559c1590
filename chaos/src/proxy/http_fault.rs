//! What a proxy can do to the requests and responses of an edge.

use http::{HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Fields that say where a message ends or what becomes of the connection: changing them alone breaks the stream.
const FRAMING: [&str; 6] = ["connection", "content-length", "expect", "te", "transfer-encoding", "upgrade"];

/// Which message of an exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Message {
    /// What the caller sends.
    #[default]
    Request,
    /// What the target answers.
    Response,
}

/// How a shortened body looks to the caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Truncation {
    /// A short body that is whole by its framing: only what it says is missing.
    #[default]
    Honest,
    /// The head promises the whole body, and the connection ends in the midst of it.
    Broken,
}

/// What becomes of the body of a response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "edit", rename_all = "camelCase")]
pub enum BodyEdit {
    /// Another body, with a right length.
    Replace {
        /// The body.
        with: Vec<u8>,
    },
    /// Its first bytes alone. A chunked body is cut honestly within its first MiB only (a later cut leaves it as it
    /// is), and a broken one counts its chunk sizes too.
    Truncate {
        /// Bytes that are left.
        bytes: u64,
        /// How it looks.
        how: Truncation,
    },
    /// Every occurrence of a sequence becomes another. A body of more than a MiB, or compressed, stays as it is.
    Find {
        /// What to look for; nothing is found in nothing.
        find: Vec<u8>,
        /// What stands there instead.
        with: Vec<u8>,
    },
}

/// Fields of a head to set and to remove; never those that frame the message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawHeaderEdit", into = "RawHeaderEdit")]
pub struct HeaderEdit {
    set: Vec<(HeaderName, HeaderValue)>,
    remove: Vec<HeaderName>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHeaderEdit {
    #[serde(default)]
    set: Vec<(String, String)>,
    #[serde(default)]
    remove: Vec<String>,
}

/// Fields that cannot be edited: all of them, each with the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct HeaderEditError(pub Vec<String>);

impl HeaderEdit {
    /// Sets `set` (in place of every field of that name) and removes `remove`.
    ///
    /// # Errors
    /// Names and values that HTTP does not know, and fields that frame the message.
    pub fn try_new(set: &[(String, String)], remove: &[String]) -> Result<Self, HeaderEditError> {
        let mut problems = Vec::new();
        let mut name = |text: &String| match HeaderName::try_from(text.as_str()) {
            Ok(name) if FRAMING.contains(&name.as_str()) => {
                problems.push(format!("`{text}` frames the message; edit the body, or another field"));
                None
            }
            Ok(name) => Some(name),
            Err(_) => {
                problems.push(format!("`{text}` is no name of a field; use letters, digits and dashes"));
                None
            }
        };
        let names: Vec<_> = set.iter().map(|(text, _)| name(text)).collect();
        let remove: Vec<_> = remove.iter().filter_map(&mut name).collect();
        let mut edit = Self { set: Vec::new(), remove };
        for ((text, value), name) in set.iter().zip(names) {
            match (name, HeaderValue::from_str(value)) {
                (Some(name), Ok(value)) => edit.set.push((name, value)),
                (None, Ok(_)) => (),
                (_, Err(_)) => problems.push(format!("`{text}`: `{value}` is no value of a field; use visible ASCII")),
            }
        }
        if problems.is_empty() { Ok(edit) } else { Err(HeaderEditError(problems)) }
    }

    /// Names and values of the fields that are set.
    pub fn set(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.set.iter().map(|(name, value)| (name.as_str(), value.as_bytes()))
    }

    /// Names of the fields that are removed.
    pub fn removed(&self) -> impl Iterator<Item = &str> {
        self.remove.iter().map(HeaderName::as_str)
    }

    /// Names of all fields that do not stay as they are.
    pub(super) fn touched(&self) -> impl Iterator<Item = &str> {
        self.remove.iter().chain(self.set.iter().map(|(name, _)| name)).map(HeaderName::as_str)
    }
}

impl TryFrom<RawHeaderEdit> for HeaderEdit {
    type Error = HeaderEditError;
    fn try_from(raw: RawHeaderEdit) -> Result<Self, HeaderEditError> {
        Self::try_new(&raw.set, &raw.remove)
    }
}

impl From<HeaderEdit> for RawHeaderEdit {
    fn from(edit: HeaderEdit) -> Self {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        Self {
            set: edit.set().map(|(name, value)| (name.into(), text(value))).collect(),
            remove: edit.remove.iter().map(|name| name.as_str().into()).collect(),
        }
    }
}
