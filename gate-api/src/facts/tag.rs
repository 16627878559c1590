//! Facts about a product tag.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Where a tag leads that was taken away: the word in [`TagFact::moved_to`].
pub const GONE: &str = "(gone)";

/// What is known of a product tag, whatever landscape it is in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TagFact {
    /// Product name.
    pub product: String,
    /// Tag name.
    pub tag: String,
    /// Commit at which the tag was first seen (full hash). Never changed by a moved tag.
    pub commit: String,
    /// Where the tag points now, when that is no longer `commit`; [`GONE`] when it points nowhere.
    pub moved_to: Option<String>,
    /// When the tag was made.
    pub tagged_at: DateTime<Utc>,
    /// State of its changelog.
    pub changelog: Changelog,
    /// Release note, Markdown, as published.
    pub note: Option<String>,
    /// Tag that this one is a hotfix of.
    pub hotfix_to: Option<String>,
}

/// Whether the changelog tells everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "state")]
pub enum Changelog {
    /// Not computed yet: gates wait.
    Pending,
    /// Every component's history was read.
    Complete,
    /// A history could not be read: gates deny.
    #[serde(rename_all = "camelCase")]
    Incomplete {
        /// What is missing, one entry a component.
        missing: Vec<String>,
    },
}

/// Whether the staging triggers will ever soak a tag in a landscape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleFact {
    /// Product name.
    pub product: String,
    /// Landscape name.
    pub landscape: String,
    /// Tag name.
    pub tag: String,
    /// What the triggers say.
    pub schedule: Schedule,
}

/// What the triggers say about a tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Schedule {
    /// They will soak it.
    #[serde(rename_all = "camelCase")]
    Will {
        /// When, if a clock decides.
        at: Option<DateTime<Utc>>,
    },
    /// They never will.
    #[serde(rename_all = "camelCase")]
    Never {
        /// Why, one clause: `no trigger matches a patch`.
        why: String,
    },
}
