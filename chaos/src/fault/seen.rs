//! How to see from outside that a component acts on another setting.

use super::range_problem;
use crate::problem::Problem;
use crate::span::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Shortest and longest patience.
const PATIENCE: (Span, Span) = (Span::from_ms(1_000), Span::from_ms(600_000));

/// A request of the component whose answers show which value it acts on.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Seen {
    /// Path that is asked with GET, at the component's own port; it must change nothing.
    pub path: String,
    /// Text that the body holds with the new value, and not with the old one.
    pub expect: String,
    /// How long the component may take.
    #[serde(default = "usual")]
    pub within: Span,
}

/// The text may hold a secret: the debug form does not tell it.
impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seen {{ path: {:?}, expect: ***, within: {} }}", self.path, self.within)
    }
}

fn usual() -> Span {
    Span::from_ms(30_000)
}

impl Seen {
    pub(super) fn problems(&self, key: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        let legal = self.path.starts_with('/') && self.path.bytes().all(|byte| byte.is_ascii_graphic());
        if !legal {
            let remedy = "write a path such as /flags";
            problems.push(Problem::new(format!("{key}.path"), &self.path, "is no path", remedy));
        }
        if self.expect.is_empty() {
            let remedy = "write a text that only answers with the new value hold";
            problems.push(Problem::new(format!("{key}.expect"), "", "is in every answer", remedy));
        }
        problems.extend(range_problem(&format!("{key}.within"), self.within, PATIENCE));
        problems
    }
}
