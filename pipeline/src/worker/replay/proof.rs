//! What was looked at, and how it stands.

use scorer::verdict::Verdict;
use serde::Serialize;

/// One thing that must hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Proof {
    /// What.
    pub what: &'static str,
    /// How it stands.
    pub holds: Holds,
    /// What was found.
    pub detail: String,
}

/// Whether something holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Holds {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// It could not be looked at.
    Unknown,
}

/// What was found of one published tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Proven {
    /// Tag.
    pub tag: String,
    /// Soak whose report decides about it, and its verdict; none where the report cannot be read.
    pub decided_by: Option<(String, Verdict)>,
    /// Everything that was looked at.
    pub proofs: Vec<Proof>,
}

impl Proof {
    pub(super) fn of(what: &'static str, is: bool, detail: impl Into<String>) -> Self {
        Proof { what, holds: if is { Holds::Yes } else { Holds::No }, detail: detail.into() }
    }

    pub(super) fn unknown(what: &'static str, detail: impl Into<String>) -> Self {
        Proof { what, holds: Holds::Unknown, detail: detail.into() }
    }

    /// Whether two texts are the same; the first is what was found, the second what the report says.
    pub(super) fn same(what: &'static str, found: &str, said: &str) -> Self {
        let is = found == said;
        Proof::of(what, is, if is { said.to_owned() } else { format!("it is {found}, the report says {said}") })
    }
}

impl Proven {
    /// The weakest of all.
    pub fn holds(&self) -> Holds {
        let any = |wanted| self.proofs.iter().any(|proof| proof.holds == wanted);
        match (any(Holds::No), any(Holds::Unknown)) {
            (true, _) => Holds::No,
            (false, true) => Holds::Unknown,
            (false, false) => Holds::Yes,
        }
    }
}
