//! The changelog of a product: what its components changed for users between two tags.

mod collect;
mod markdown;
mod sift;

pub use collect::{ChangelogRequest, ComponentVersion, collect};
pub use markdown::{plain, render};

use crate::version::Delta;
use serde::{Deserialize, Serialize};

/// Group of an entry, in the order of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// Users must act.
    Breaking,
    /// New.
    Features,
    /// Mended.
    Fixes,
    /// Faster or cheaper.
    Performance,
    /// Takes back something that an earlier tag had.
    Reverts,
    /// Was in the old version and is not in the new one.
    Withdrawn,
    /// Does not say what it is.
    Other,
}

impl Group {
    /// All groups, in order.
    pub const ALL: [Group; 7] = [
        Group::Breaking,
        Group::Features,
        Group::Fixes,
        Group::Performance,
        Group::Reverts,
        Group::Withdrawn,
        Group::Other,
    ];

    /// Title for people.
    pub fn title(self) -> &'static str {
        match self {
            Group::Breaking => "Breaking changes",
            Group::Features => "Features",
            Group::Fixes => "Fixes",
            Group::Performance => "Performance",
            Group::Reverts => "Reverts",
            Group::Withdrawn => "No longer contained",
            Group::Other => "Other changes",
        }
    }
}

/// One line of the changelog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
    /// Group.
    pub group: Group,
    /// Component.
    pub component: String,
    /// One sentence; the footer `Product-Note:` wins over the commit's own.
    pub text: String,
    /// Commit, full.
    pub commit: String,
    /// Commits with the same change that were folded into this one.
    pub also: Vec<String>,
}

/// What happened to one component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ComponentChange {
    /// Component.
    pub name: String,
    /// Version before.
    pub from: Option<String>,
    /// Version now.
    pub to: Option<String>,
    /// The change.
    pub delta: Delta,
    /// Why its log is not here, or not whole; the changelog is incomplete then.
    pub log_unavailable: Option<String>,
    /// Commits that say nothing to users (docs, chore, ... and `Product-Note: skip`).
    pub hidden: u32,
}

/// The changelog of one product tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Changelog {
    /// `mettle/v1`.
    pub api_version: String,
    /// `Changelog`.
    pub kind: String,
    /// Product.
    pub product: String,
    /// Tag before; none for the first.
    pub from: Option<String>,
    /// Tag.
    pub to: String,
    /// A log was not to be had: do not release on this alone.
    pub incomplete: bool,
    /// What else is missing than logs of components, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Changed components, by name.
    pub components: Vec<ComponentChange>,
    /// Entries by group, then component, newest first.
    pub entries: Vec<Entry>,
}

impl Changelog {
    /// The changelog of a tag whose documents cannot be read: nothing is known, and it says so.
    pub fn unknown(product: &str, tag: &str) -> Self {
        Changelog {
            api_version: crate::report::API_VERSION.into(),
            kind: "Changelog".into(),
            product: product.to_owned(),
            from: None,
            to: tag.to_owned(),
            incomplete: true,
            missing: vec![format!("the documents of {tag} cannot be read")],
            components: Vec::new(),
            entries: Vec::new(),
        }
    }
}
