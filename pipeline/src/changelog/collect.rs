//! Reads the components' own repositories and puts the changelog together.

use super::sift::sift;
use super::{Changelog, ComponentChange, Entry};
use crate::git::{Git, GitError, Mirror, Remote};
use crate::report::API_VERSION;
use crate::version::{Delta, delta};
use semver::Version;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// A component as one product tag declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentVersion {
    /// Name.
    pub name: String,
    /// Its repository.
    pub repo: Remote,
    /// Exact version.
    pub version: Version,
    /// How its tags are made from versions, `v{version}`.
    pub tag_pattern: String,
}

impl ComponentVersion {
    /// The tag of its version.
    pub fn tag(&self) -> String {
        self.tag_pattern.replace("{version}", &self.version.to_string())
    }
}

/// Which changelog.
#[derive(Clone, Debug)]
pub struct ChangelogRequest<'a> {
    /// Product.
    pub product: &'a str,
    /// Tag before; none for the first.
    pub from: Option<&'a str>,
    /// Tag.
    pub to: &'a str,
    /// Components of the tag before.
    pub old: &'a [ComponentVersion],
    /// Components of the tag.
    pub new: &'a [ComponentVersion],
}

/// How long the repositories may be read, all at once: a verdict is not kept waiting for the notes of it.
const PATIENCE: Duration = Duration::from_secs(30);

/// The changelog. A repository that cannot be read, or not in time, makes it incomplete, never impossible.
/// `folder` holds the mirrors of the components.
pub async fn collect(git: &Git, folder: &Path, request: &ChangelogRequest<'_>) -> Changelog {
    let by_name = |list: &'_ [ComponentVersion]| -> BTreeMap<String, ComponentVersion> {
        list.iter().map(|component| (component.name.clone(), component.clone())).collect()
    };
    let (old, new) = (by_name(request.old), by_name(request.new));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let mut components = Vec::new();
    let mut entries: Vec<Entry> = Vec::new();
    let until = Instant::now() + PATIENCE;
    for name in names {
        let (from, to) = (old.get(name), new.get(name));
        let delta = delta(from.map(|c| &c.version), to.map(|c| &c.version));
        if delta == Delta::Unchanged {
            continue;
        }
        let mut change = ComponentChange {
            name: name.clone(),
            from: from.map(|c| c.version.to_string()),
            to: to.map(|c| c.version.to_string()),
            delta,
            log_unavailable: None,
            hidden: 0,
        };
        if let Some(to) = to {
            let read = timeout_at(until, read(git, folder, from, to)).await;
            let late = || format!("{} was not read within {} s", to.repo, PATIENCE.as_secs());
            let read = read.unwrap_or_else(|_| Read { unavailable: Some(late()), ..Read::default() });
            change.hidden = read.hidden;
            change.log_unavailable = read.unavailable;
            entries.extend(read.entries);
        }
        components.push(change);
    }
    // Stable: within a component the order of its history stays.
    entries.sort_by(|a, b| (a.group, &a.component).cmp(&(b.group, &b.component)));
    Changelog {
        api_version: API_VERSION.to_owned(),
        kind: "Changelog".to_owned(),
        product: request.product.to_owned(),
        from: request.from.map(str::to_owned),
        to: request.to.to_owned(),
        incomplete: components.iter().any(|change| change.log_unavailable.is_some()),
        missing: Vec::new(),
        components,
        entries,
    }
}

#[derive(Default)]
struct Read {
    entries: Vec<Entry>,
    hidden: u32,
    unavailable: Option<String>,
}

async fn read(git: &Git, folder: &Path, from: Option<&ComponentVersion>, to: &ComponentVersion) -> Read {
    match try_read(git, folder, from, to).await {
        Ok(read) => read,
        Err(error) => Read { unavailable: Some(error.to_string()), ..Read::default() },
    }
}

async fn try_read(
    git: &Git,
    folder: &Path,
    from: Option<&ComponentVersion>,
    to: &ComponentVersion,
) -> Result<Read, GitError> {
    let mirror = Mirror::open(git, folder, &to.name, to.repo.clone()).await?;
    mirror.fetch().await?;
    let commit = async |tag: String| -> Result<_, GitError> {
        let found = mirror.tag(&tag).await?;
        found
            .map(|tag| tag.commit)
            .ok_or_else(|| GitError::NoSuchRef { place: to.repo.to_string(), name: format!("tag {tag}") })
    };
    let new = commit(to.tag()).await?;
    // Of a component that is new nothing is listed; that its version is there must be known all the same.
    let Some(from) = from else { return Ok(Read::default()) };
    let history = mirror.history(&commit(from.tag()).await?, &new).await?;
    let sifted = sift(&to.name, &history.commits);
    let unavailable = history.truncated.then(|| format!("only the newest {} commits were read", history.commits.len()));
    Ok(Read { entries: sifted.entries, hidden: sifted.hidden, unavailable })
}
