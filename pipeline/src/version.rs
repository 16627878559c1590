//! Versions: strict semver tags, the change between two versions, the next version of the product.

use semver::Version;
use serde::{Deserialize, Serialize};

/// Why a tag is not a version.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum VersionError {
    /// Other prefix.
    #[error("tag `{tag}` does not start with `{prefix}`")]
    Prefix {
        /// The tag.
        tag: String,
        /// What it must start with.
        prefix: String,
    },
    /// Not semver.
    #[error("tag `{tag}` is not `{prefix}` and a strict semantic version: {detail}")]
    NotSemver {
        /// The tag.
        tag: String,
        /// What it starts with.
        prefix: String,
        /// What is wrong.
        detail: String,
    },
}

/// The version of a tag, `v1.42.0` with the prefix `v`.
///
/// # Errors
/// Another prefix, or not strict semver (<https://semver.org>, 2.0.0).
pub fn parse_tag(prefix: &str, tag: &str) -> Result<Version, VersionError> {
    let text = tag
        .strip_prefix(prefix)
        .ok_or_else(|| VersionError::Prefix { tag: tag.to_owned(), prefix: prefix.to_owned() })?;
    Version::parse(text).map_err(|error| VersionError::NotSemver {
        tag: tag.to_owned(),
        prefix: prefix.to_owned(),
        detail: error.to_string(),
    })
}

/// How much a version rises. Ordered.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Bump {
    /// Not at all.
    #[default]
    None,
    /// Last number.
    Patch,
    /// Middle number.
    Minor,
    /// First number.
    Major,
}

/// What happened to a component between two tags of the product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Delta {
    /// Same version.
    Unchanged,
    /// Last number rose, or pre-release or build differ.
    Patch,
    /// Middle number rose.
    Minor,
    /// First number rose.
    Major,
    /// Older than before.
    Downgrade,
    /// New in the product.
    Added,
    /// Gone from the product.
    Removed,
}

/// The change from `old` to `new`, computed from both and never from the shape of the new one. `None`: not there.
pub fn delta(old: Option<&Version>, new: Option<&Version>) -> Delta {
    let (old, new) = match (old, new) {
        (None, None) => return Delta::Unchanged,
        (None, Some(_)) => return Delta::Added,
        (Some(_), None) => return Delta::Removed,
        (Some(old), Some(new)) => (old, new),
    };
    if old == new {
        Delta::Unchanged
    } else if new.cmp_precedence(old).is_lt() {
        Delta::Downgrade
    } else if new.major != old.major {
        Delta::Major
    } else if new.minor != old.minor {
        Delta::Minor
    } else {
        Delta::Patch
    }
}

/// Which bump of the product a change of a component asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct BumpRules {
    /// A component's major version rose.
    pub major: Bump,
    /// A component's minor version rose.
    pub minor: Bump,
    /// A component's patch version rose.
    pub patch: Bump,
    /// A component is new.
    pub added: Bump,
    /// A component is gone.
    pub removed: Bump,
    /// A component is older.
    pub downgrade: Bump,
}

impl Default for BumpRules {
    fn default() -> Self {
        BumpRules {
            major: Bump::Major,
            minor: Bump::Minor,
            patch: Bump::Patch,
            added: Bump::Minor,
            removed: Bump::Major,
            downgrade: Bump::Patch,
        }
    }
}

impl BumpRules {
    /// The bump that one change asks for.
    pub fn of(&self, delta: Delta) -> Bump {
        match delta {
            Delta::Unchanged => Bump::None,
            Delta::Patch => self.patch,
            Delta::Minor => self.minor,
            Delta::Major => self.major,
            Delta::Downgrade => self.downgrade,
            Delta::Added => self.added,
            Delta::Removed => self.removed,
        }
    }

    /// The highest bump over all changes.
    pub fn highest(&self, deltas: impl IntoIterator<Item = Delta>) -> Bump {
        deltas.into_iter().map(|delta| self.of(delta)).max().unwrap_or_default()
    }
}

/// How a major bump of a product that is still `0.y.z` counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ZeroMajor {
    /// `0.4.2` becomes `0.5.0`; leaving zero is a decision of people.
    #[default]
    Minor,
    /// `0.4.2` becomes `1.0.0`.
    Major,
}

/// The version after `current`; the same when nothing changed. A pre-release is finished by a bump that it
/// already contains (`1.2.0-rc.1` and a patch: `1.2.0`).
pub fn next(current: &Version, bump: Bump, zero_major: ZeroMajor) -> Version {
    let bump = match (bump, zero_major) {
        (Bump::Major, ZeroMajor::Minor) if current.major == 0 => Bump::Minor,
        (bump, _) => bump,
    };
    let Version { major, minor, patch, .. } = *current;
    let unfinished = !current.pre.is_empty();
    match bump {
        Bump::None => current.clone(),
        Bump::Patch if unfinished => Version::new(major, minor, patch),
        Bump::Patch => Version::new(major, minor, patch + 1),
        Bump::Minor if unfinished && patch == 0 => Version::new(major, minor, 0),
        Bump::Minor => Version::new(major, minor + 1, 0),
        Bump::Major if unfinished && minor == 0 && patch == 0 => Version::new(major, 0, 0),
        Bump::Major => Version::new(major + 1, 0, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    #[test]
    fn tags_are_strict() {
        assert_eq!(parse_tag("v", "v1.42.0"), Ok(v("1.42.0")));
        assert!(matches!(parse_tag("v", "1.42.0"), Err(VersionError::Prefix { .. })));
        for tag in ["v1.42", "v01.2.3", "v1.2.3 ", "v1.2.3.4", "v"] {
            assert!(matches!(parse_tag("v", tag), Err(VersionError::NotSemver { .. })), "{tag}");
        }
    }

    #[test]
    fn deltas_come_from_both_versions() {
        let cases = [
            ("1.2.3", "1.2.3", Delta::Unchanged),
            ("1.2.3", "1.2.4", Delta::Patch),
            ("1.2.3", "1.3.0", Delta::Minor),
            ("1.2.3", "2.0.0", Delta::Major),
            ("2.0.0", "1.9.9", Delta::Downgrade),
            ("1.9.9", "1.10.0", Delta::Minor),
            ("1.0.0-rc.1", "1.0.0", Delta::Patch),
            ("1.0.0+a", "1.0.0+b", Delta::Patch),
            ("0.9.0", "1.0.0", Delta::Major),
            // The shape `x.y.0` says nothing: this is a patch of a minor version that was skipped.
            ("1.2.3", "1.4.7", Delta::Minor),
        ];
        for (old, new, wanted) in cases {
            assert_eq!(delta(Some(&v(old)), Some(&v(new))), wanted, "{old} -> {new}");
        }
        assert_eq!(delta(None, Some(&v("1.0.0"))), Delta::Added);
        assert_eq!(delta(Some(&v("1.0.0")), None), Delta::Removed);
    }

    #[test]
    fn the_product_takes_the_highest_bump() {
        let rules = BumpRules::default();
        assert_eq!(rules.highest([]), Bump::None);
        assert_eq!(rules.highest([Delta::Unchanged, Delta::Patch, Delta::Added]), Bump::Minor);
        assert_eq!(rules.highest([Delta::Downgrade]), Bump::Patch);
        assert_eq!(rules.highest([Delta::Removed, Delta::Patch]), Bump::Major);
    }

    #[test]
    fn next_versions() {
        let cases = [
            ("1.2.3", Bump::None, "1.2.3"),
            ("1.2.3", Bump::Patch, "1.2.4"),
            ("1.2.3", Bump::Minor, "1.3.0"),
            ("1.2.3", Bump::Major, "2.0.0"),
            ("0.4.2", Bump::Major, "0.5.0"),
            ("1.2.0-rc.1", Bump::Patch, "1.2.0"),
            ("1.2.0-rc.1", Bump::Minor, "1.2.0"),
            ("1.2.1-rc.1", Bump::Minor, "1.3.0"),
            ("2.0.0-rc.1", Bump::Major, "2.0.0"),
        ];
        for (current, bump, wanted) in cases {
            assert_eq!(next(&v(current), bump, ZeroMajor::Minor), v(wanted), "{current} {bump:?}");
        }
        assert_eq!(next(&v("0.4.2"), Bump::Major, ZeroMajor::Major), v("1.0.0"));
    }
}
