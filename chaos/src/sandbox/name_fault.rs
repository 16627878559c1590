//! Faults of the names that a component looks up.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// What goes wrong with questions for which names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NameFault {
    /// Patterns of names, in small letters and without the last dot; empty for all.
    pub names: Vec<String>,
    /// Probability for each question, in (0, 1].
    pub share: f64,
    /// What happens.
    pub effect: NameEffect,
}

/// What a question meets.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NameEffect {
    /// It is answered with an error, or not at all.
    Error(NameError),
    /// Questions for addresses are answered with this one, or with none where it is of the other family.
    Address(IpAddr),
    /// It is passed on later.
    Delay {
        /// Mean time.
        delay: Duration,
        /// Half width of a uniform spread around it.
        jitter: Duration,
    },
}

/// Answers of a resolver that do not help, by the names of RFC 1035 and its successors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NameError {
    /// The resolver has failed.
    #[default]
    #[serde(rename = "SERVFAIL")]
    ServFail,
    /// There is no such name.
    #[serde(rename = "NXDOMAIN")]
    NxDomain,
    /// The resolver refuses.
    #[serde(rename = "REFUSED")]
    Refused,
    /// Nothing: whoever asks waits.
    #[serde(rename = "drop")]
    Drop,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NameError::ServFail => "SERVFAIL",
            NameError::NxDomain => "NXDOMAIN",
            NameError::Refused => "REFUSED",
            NameError::Drop => "drop",
        })
    }
}

/// Why a pattern of names cannot be used.
pub(crate) fn name_problem(pattern: &str) -> Option<&'static str> {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._*".contains(&byte);
    if pattern.is_empty() || !pattern.bytes().all(legal) || pattern.ends_with('.') || pattern.contains("**") {
        return Some("is not a pattern of names");
    }
    None
}

/// A name that the patterns name, for questions of ours.
pub(crate) fn probe_name(patterns: &[String], key: &str) -> String {
    let name = format!("mettle-probe-{key}");
    match patterns.first() {
        None => format!("{name}.invalid"),
        Some(pattern) => pattern.replacen('*', &name, 1).replace('*', "x"),
    }
}
