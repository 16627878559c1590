//! Writing objects into a bare repository without a work tree: blobs, trees by a temporary index, commits, tags.

use super::Oid;
use super::error::GitError;
use super::run::{Call, Git};
use chrono::{DateTime, Utc};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Beginning of the names of the temporary folders in which trees are put together.
pub(super) const INDEX_PREFIX: &str = "mettle-index";

/// Who did it and when; both are arguments, so that the same input makes the same commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Name.
    pub name: String,
    /// Mail address.
    pub email: String,
    /// When; whole seconds count.
    pub at: DateTime<Utc>,
}

impl Signature {
    /// The default identity, `mettle <mettle@localhost>`.
    pub fn mettle(at: DateTime<Utc>) -> Self {
        Signature { name: "mettle".to_owned(), email: "mettle@localhost".to_owned(), at }
    }

    fn date(&self) -> String {
        format!("@{} +0000", self.at.timestamp())
    }
}

/// What happens to one path of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The file is there with this content.
    Write {
        /// Path with `/`.
        path: String,
        /// Content.
        content: Vec<u8>,
    },
    /// The file is gone.
    Remove {
        /// Path with `/`.
        path: String,
    },
}

/// A commit to be made.
#[derive(Clone, Debug)]
pub struct NewCommit<'a> {
    /// Parents, in order; none for a root.
    pub parents: &'a [Oid],
    /// Changes against the first parent.
    pub changes: &'a [Change],
    /// Whole message.
    pub message: &'a str,
    /// Author and committer.
    pub by: &'a Signature,
}

/// An annotated tag to be made.
#[derive(Clone, Debug)]
pub struct NewTag<'a> {
    /// Name without `refs/tags/`.
    pub name: &'a str,
    /// Commit.
    pub commit: &'a Oid,
    /// Whole message.
    pub message: &'a str,
    /// Tagger.
    pub by: &'a Signature,
}

/// A bare repository that objects are written into.
#[derive(Clone, Debug)]
pub struct ObjectStore {
    git: Git,
    path: PathBuf,
}

impl ObjectStore {
    /// The objects of the repository at `path`.
    pub fn new(git: &Git, path: &Path) -> Self {
        ObjectStore { git: git.clone(), path: path.to_owned() }
    }

    /// A new bare repository at `path` whose first branch will be `main`.
    ///
    /// # Errors
    /// git fails.
    pub async fn init(git: &Git, path: &Path) -> Result<Self, GitError> {
        git.ok(Call::local("init", path).args(["init", "--quiet", "--bare", "--initial-branch=main"])).await?;
        Ok(ObjectStore::new(git, path))
    }

    /// Writes a commit; no ref names it yet.
    ///
    /// # Errors
    /// A parent is not there, or git fails.
    pub async fn commit(&self, new: &NewCommit<'_>) -> Result<Oid, GitError> {
        let tree = self.tree(new.parents.first(), new.changes).await?;
        let mut call = Call::local("commit-tree", &self.path).args(["commit-tree", "-F", "-"]).stdin(new.message);
        for parent in new.parents {
            call = call.args(["-p", parent.as_str()]);
        }
        let date = new.by.date();
        let call = call
            .args([tree.as_str()])
            .env("GIT_AUTHOR_NAME", &new.by.name)
            .env("GIT_AUTHOR_EMAIL", &new.by.email)
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_NAME", &new.by.name)
            .env("GIT_COMMITTER_EMAIL", &new.by.email)
            .env("GIT_COMMITTER_DATE", &date);
        self.named(call).await
    }

    /// Writes an annotated tag object; no ref names it yet.
    ///
    /// # Errors
    /// git fails.
    pub async fn annotate(&self, new: &NewTag<'_>) -> Result<Oid, GitError> {
        let NewTag { name, commit, message, by } = new;
        let text = format!(
            "object {commit}\ntype commit\ntag {name}\ntagger {} <{}> {} +0000\n\n{}\n",
            by.name,
            by.email,
            by.at.timestamp(),
            message.trim_end()
        );
        self.named(Call::local("mktag", &self.path).args(["mktag"]).stdin(text)).await
    }

    /// Sets refs in one transaction: full name, new object, and what must be there before (none: nothing).
    ///
    /// # Errors
    /// One of them is not as expected, or git fails.
    pub async fn set_refs(&self, refs: &[(&str, &Oid, Option<&Oid>)]) -> Result<(), GitError> {
        let mut script = String::new();
        for (name, new, old) in refs {
            match old {
                Some(old) => writeln!(script, "update {name} {new} {old}"),
                None => writeln!(script, "create {name} {new}"),
            }
            .expect("writing to a String cannot fail");
        }
        self.git.ok(Call::local("update-ref", &self.path).args(["update-ref", "--stdin"]).stdin(script)).await.map(drop)
    }

    async fn tree(&self, base: Option<&Oid>, changes: &[Change]) -> Result<Oid, GitError> {
        let folder = tempfile::Builder::new().prefix(INDEX_PREFIX).tempdir_in(&self.path);
        let folder = folder.map_err(|source| GitError::Folder { path: self.path.clone(), source })?;
        let index = folder.path().join("index");
        if let Some(base) = base {
            self.git
                .ok(Call::local("read-tree", &self.path)
                    .args(["read-tree", base.as_str()])
                    .env("GIT_INDEX_FILE", &index))
                .await?;
        }
        let mut script = Vec::new();
        for change in changes {
            let line = match change {
                Change::Write { path, content } => {
                    format!("100644 {}\t{path}\0", self.blob(content).await?)
                }
                Change::Remove { path } => format!("0 {}\t{path}\0", "0".repeat(40)),
            };
            script.extend_from_slice(line.as_bytes());
        }
        let call = Call::local("update-index", &self.path)
            .args(["update-index", "-z", "--index-info"])
            .env("GIT_INDEX_FILE", &index)
            .stdin(script);
        self.git.ok(call).await?;
        self.named(Call::local("write-tree", &self.path).args(["write-tree"]).env("GIT_INDEX_FILE", &index)).await
    }

    async fn blob(&self, content: &[u8]) -> Result<Oid, GitError> {
        self.named(Call::local("hash-object", &self.path).args(["hash-object", "-w", "--stdin"]).stdin(content)).await
    }

    async fn named(&self, call: Call<'_>) -> Result<Oid, GitError> {
        let (operation, place) = (call.operation, call.place());
        let line = self.git.line(call).await?;
        Oid::parse(&line).ok_or(GitError::Unexpected { operation, place, output: line })
    }
}
