//! The repositories that a worker watches, read anew at every turn.

use super::bundle::{Bundle, FOLDERS, PROGRAMME, Texts};
use super::installation::Installation;
use super::turns::Turns;
use crate::changelog::ComponentVersion;
use crate::documents::landscape::Landscape;
use crate::documents::product::Versioning;
use crate::documents::{Complaint, Problems, read_text, yaml};
use crate::git::{Git, GitError, Mirror, Oid, Remote, RemoteError};
use crate::landscape::processes::Processes;
use crate::soak::triggers::Tag;
use crate::version::parse_tag;
use chrono::{DateTime, Utc};
use semver::Version;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// What the repositories say now.
#[derive(Clone, Debug)]
pub struct Truth {
    /// The landscape.
    pub landscape: Landscape,
    /// Its processes.
    pub processes: Processes,
    /// Product tags with strict versions, oldest version first.
    pub tags: Vec<SeenTag>,
    /// Names of all tags of the product repository, also of those that are no versions.
    pub names: BTreeSet<String>,
}

/// A product tag as it was fetched.
#[derive(Clone, Debug)]
pub struct SeenTag {
    /// Name, version, commit.
    pub tag: Tag,
    /// When it was tagged.
    pub tagged_at: DateTime<Utc>,
}

/// Why the repositories could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// git failed.
    #[error("cannot read {what}")]
    Git {
        /// Which repository.
        what: &'static str,
        /// Cause.
        #[source]
        source: GitError,
    },
    /// An address is wrong.
    #[error("the address of {what} cannot be used")]
    Address {
        /// Which repository.
        what: &'static str,
        /// Cause.
        #[source]
        source: RemoteError,
    },
    /// Documents are wrong.
    #[error(transparent)]
    Documents(#[from] Problems),
    /// A branch or file is not there.
    #[error("the landscape repository has no {what}")]
    Missing {
        /// What.
        what: String,
    },
}

/// The mirrors of an installation.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The `git` program.
    pub git: Git,
    /// Where mirrors lie.
    pub folder: PathBuf,
    /// Product repository.
    pub product: Mirror,
    product_remote: Remote,
    landscape: Mirror,
    branch: String,
    product_branch: String,
    /// Whose turn it is to read the components' mirrors: two at once would fetch into one mirror.
    pub mirrors: Turns,
}

impl Sources {
    /// Opens the mirrors of the worker; does not talk to the remotes. For whoever holds the installation's lock.
    ///
    /// # Errors
    /// An address is wrong, or the work folder cannot be written.
    pub async fn open(installation: &Installation) -> Result<Self, SourceError> {
        // A mark and not a parent-death signal: the signal would not reach the helpers of git (ssh, remote helpers),
        // and would need this program as a wrapper of every call. What a killed worker leaves is found by the mark and
        // ended at the next start, before the mirrors are opened; until then git's own time limits hold.
        let git = Git::default().marked(&installation.mark());
        Self::open_with(installation, installation.work("git"), git).await
    }

    /// Opens mirrors in another folder: one process owns a folder of mirrors, and a worker may own its own now.
    ///
    /// # Errors
    /// As [`Sources::open`].
    pub async fn open_in(installation: &Installation, folder: PathBuf) -> Result<Self, SourceError> {
        // Without the mark: a worker that starts meanwhile must not take these calls for remains of another one.
        Self::open_with(installation, folder, Git::default()).await
    }

    async fn open_with(installation: &Installation, folder: PathBuf, git: Git) -> Result<Self, SourceError> {
        let remote = |what, address: &str| {
            Remote::within(&installation.dir, address).map_err(|source| SourceError::Address { what, source })
        };
        let product_remote = remote("the product repository", &installation.settings.product.repo)?;
        let landscape = remote("the landscape repository", &installation.settings.landscape.repo)?;
        let open = |name: &'static str, remote: Remote| {
            let (git, folder) = (git.clone(), folder.clone());
            async move {
                Mirror::open(&git, &folder, name, remote)
                    .await
                    .map_err(|source| SourceError::Git { what: name, source })
            }
        };
        let (product, landscape) =
            (open("product", product_remote.clone()).await?, open("landscape", landscape).await?);
        Ok(Sources {
            git,
            folder,
            product,
            product_remote,
            landscape,
            branch: installation.settings.landscape.branch.clone(),
            product_branch: installation.settings.product.branch.clone(),
            mirrors: Turns::default(),
        })
    }

    /// Fetches and reads landscape and tags.
    ///
    /// # Errors
    /// A remote cannot be reached, or the landscape's documents are wrong.
    pub async fn read(&self) -> Result<Truth, SourceError> {
        self.landscape.fetch().await.map_err(|source| SourceError::Git { what: "the landscape repository", source })?;
        self.product.fetch().await.map_err(|source| SourceError::Git { what: "the product repository", source })?;
        let (landscape, processes) = self.landscape().await?;
        let failed = |source| SourceError::Git { what: "the product repository", source };
        let tags = self.product.tags().await.map_err(failed)?;
        let names = tags.iter().map(|t| t.name.clone()).collect();
        let prefix = self.tag_prefix().await.map_err(failed)?;
        let mut seen: Vec<SeenTag> = tags
            .into_iter()
            .filter_map(|t| {
                let version = parse_tag(&prefix, &t.name).ok()?;
                let tagged_at = DateTime::from_timestamp(t.created_s, 0).unwrap_or_default();
                Some(SeenTag { tag: Tag { name: t.name, version, commit: t.commit.as_str().to_owned() }, tagged_at })
            })
            .collect();
        seen.sort_by(|a, b| a.tag.version.cmp(&b.tag.version));
        Ok(Truth { landscape, processes, tags: seen, names })
    }

    /// Prefix of product tags, as the newest `product.yaml` of the branch says. One that cannot be read says nothing:
    /// its problems are told when a tag of it is soaked.
    async fn tag_prefix(&self) -> Result<String, GitError> {
        let standard = Versioning::default().tag_prefix;
        let Some(head) = self.product.rev_parse(&format!("refs/heads/{}", self.product_branch)).await? else {
            return Ok(standard);
        };
        let Some(bytes) = self.product.read_file(&head, "product.yaml").await? else { return Ok(standard) };
        let document = yaml::parse("product.yaml", &String::from_utf8_lossy(&bytes)).unwrap_or_default();
        Ok(document.value["versioning"]["tagPrefix"].as_str().map_or(standard, str::to_owned))
    }

    async fn landscape(&self) -> Result<(Landscape, Processes), SourceError> {
        let commit = commit_of(&self.landscape, &self.branch).await?;
        let text = |path: String| {
            let commit = commit.clone();
            async move {
                let bytes = self.landscape.read_file(&commit, &path).await;
                let bytes = bytes.map_err(|source| SourceError::Git { what: "the landscape repository", source })?;
                bytes
                    .map(|b| String::from_utf8_lossy(&b).into_owned())
                    .ok_or(SourceError::Missing { what: format!("file {path}") })
            }
        };
        let document = text("landscape.yaml".into()).await?;
        let landscape = read_text("landscape.yaml", &document, Landscape::complaints)?.value;
        let path = landscape.clusters[0].processes.clone().unwrap_or_default();
        let processes =
            read_text(&path, &text(path.clone()).await?, |p: &Processes| Complaint::all(p.problems()))?.value;
        Ok((landscape, processes))
    }

    /// The documents of a product commit.
    ///
    /// # Errors
    /// git fails, or the documents have problems.
    pub async fn bundle(&self, commit: &str, programme: Option<&str>) -> Result<Bundle, SourceError> {
        let failed = |source| SourceError::Git { what: "the product repository", source };
        let oid = Oid::parse(commit).ok_or_else(|| SourceError::Missing { what: format!("commit {commit}") })?;
        let mut paths = vec!["product.yaml".to_owned()];
        for folder in FOLDERS {
            paths.extend(self.product.list_files(&oid, folder).await.map_err(failed)?);
        }
        let programme = programme.unwrap_or(PROGRAMME);
        paths.push(programme.to_owned());
        let mut texts = Texts::new();
        for path in paths {
            if let Some(bytes) = self.product.read_file(&oid, &path).await.map_err(failed)? {
                texts.insert(path, String::from_utf8_lossy(&bytes).into_owned());
            }
        }
        Ok(Bundle::read(&texts, programme)?)
    }

    /// Components of a bundle as the changelog wants them; those without a usable address are left to its own report.
    pub fn components(&self, bundle: &Bundle) -> Vec<ComponentVersion> {
        let one = |c: &crate::documents::product::Component| {
            let repo = Remote::relative_to(&self.product_remote, &c.repo).ok()?;
            Some(ComponentVersion {
                name: c.name.clone(),
                repo,
                version: Version::parse(&c.version).ok()?,
                tag_pattern: c.tag_pattern.clone(),
            })
        };
        bundle.product.components.iter().filter_map(one).collect()
    }
}

async fn commit_of(mirror: &Mirror, branch: &str) -> Result<Oid, SourceError> {
    let found = mirror
        .rev_parse(&format!("refs/heads/{branch}"))
        .await
        .map_err(|source| SourceError::Git { what: "the landscape repository", source })?;
    found.ok_or_else(|| SourceError::Missing { what: format!("branch `{branch}`") })
}
