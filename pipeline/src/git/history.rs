//! Commits between two points, with what is needed to recognise a commit again: parents and patch-ids.

use super::Oid;
use super::error::GitError;
use super::mirror::Mirror;
use super::run::Call;
use std::collections::BTreeMap;

/// Most commits between two releases that are read; what lies beyond is reported, not hidden.
pub(super) const MAX_COMMITS: usize = 10_000;

/// Which of the two points a commit belongs to alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Only the old point has it: the new one takes it back.
    Old,
    /// Only the new point has it.
    New,
}

/// One commit as git shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitRecord {
    /// Which point has it.
    pub side: Side,
    /// Full name.
    pub id: Oid,
    /// Parents, in order; two or more make it a merge.
    pub parents: Vec<Oid>,
    /// Seconds since the Unix epoch, as the committer's clock had it.
    pub committed_s: i64,
    /// The whole message.
    pub message: String,
    /// `git patch-id --stable` of its change; none for merges and empty commits.
    pub patch_id: Option<String>,
}

/// Commits between two points.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Newest first, children before parents.
    pub commits: Vec<CommitRecord>,
    /// More than [`MAX_COMMITS`] lie between; the oldest are missing.
    pub truncated: bool,
    /// Why commits carry no patch-id, when the patches could not be read.
    pub patch_ids_missing: Option<String>,
}

impl Mirror {
    /// Commits that only one of `old` and `new` has.
    ///
    /// # Errors
    /// One of them is not there, or git fails.
    pub async fn history(&self, old: &Oid, new: &Oid) -> Result<History, GitError> {
        let range = format!("{old}...{new}");
        let mut commits = self.commits(&range).await?;
        let truncated = commits.len() > MAX_COMMITS;
        commits.truncate(MAX_COMMITS);
        // Patches only serve to fold duplicates: without them the log is longer, not wrong.
        let (ids, patch_ids_missing) = match self.patch_ids(&range).await {
            Ok(ids) => (ids, None),
            Err(error) => (BTreeMap::new(), Some(error.to_string())),
        };
        for commit in &mut commits {
            commit.patch_id = ids.get(&commit.id).cloned();
        }
        Ok(History { commits, truncated, patch_ids_missing })
    }

    /// Commits of one branch by first parents, oldest first; none when the branch is not there.
    ///
    /// # Errors
    /// git fails.
    pub async fn line_of(&self, branch: &str) -> Result<Vec<Oid>, GitError> {
        let Some(head) = self.rev_parse(branch).await? else {
            return Ok(Vec::new());
        };
        let call =
            Call::local("rev-list", self.path()).args(["rev-list", "--first-parent", "--reverse", head.as_str(), "--"]);
        let bytes = self.git().ok(call).await?;
        Ok(String::from_utf8_lossy(&bytes).lines().filter_map(Oid::parse).collect())
    }

    /// The commit object as it is stored.
    ///
    /// # Errors
    /// git fails.
    pub async fn raw_commit(&self, commit: &Oid) -> Result<String, GitError> {
        let call = Call::local("cat-file", self.path()).args(["cat-file", "commit", commit.as_str()]);
        Ok(String::from_utf8_lossy(&self.git().ok(call).await?).into_owned())
    }

    /// Paths that a commit changes against its first parent, with git's letter (`A`, `M`, `D`), sorted by path.
    ///
    /// # Errors
    /// git fails.
    pub async fn changed(&self, commit: &Oid) -> Result<Vec<(char, String)>, GitError> {
        let call = Call::local("diff-tree", self.path()).args([
            "diff-tree",
            "-r",
            "-z",
            "-m",
            "--first-parent",
            "--root",
            "--no-renames",
            "--no-commit-id",
            "--name-status",
            commit.as_str(),
        ]);
        let bytes = self.git().ok(call).await?;
        let text = String::from_utf8_lossy(&bytes);
        let fields: Vec<&str> = text.split('\0').collect();
        let mut changes: Vec<(char, String)> =
            fields.chunks_exact(2).filter_map(|pair| Some((pair[0].chars().next()?, pair[1].to_owned()))).collect();
        changes.sort_by(|a, b| a.1.cmp(&b.1));
        Ok(changes)
    }

    async fn commits(&self, range: &str) -> Result<Vec<CommitRecord>, GitError> {
        let limit = format!("--max-count={}", MAX_COMMITS + 1);
        let call = Call::local("log", self.path()).args([
            "log",
            "-z",
            "--topo-order",
            "--left-right",
            "--encoding=UTF-8",
            limit.as_str(),
            "--format=%m%x1f%H%x1f%P%x1f%ct%x1f%B",
            range,
            "--",
        ]);
        let place = call.place();
        let bytes = self.git().ok(call).await?;
        let text = String::from_utf8_lossy(&bytes);
        text.split('\0')
            .filter(|record| !record.trim().is_empty())
            .map(|record| {
                parse(record).ok_or_else(|| GitError::Unexpected {
                    operation: "log",
                    place: place.clone(),
                    output: record.to_owned(),
                })
            })
            .collect()
    }

    /// Patch-id of every commit of the range that changes something and is no merge.
    ///
    /// # Errors
    /// git fails, or the patches are longer than [`super::run::MAX_OUTPUT_BYTES`].
    pub async fn patch_ids(&self, range: &str) -> Result<BTreeMap<Oid, String>, GitError> {
        let patches = Call::local("log", self.path()).args([
            "log",
            "-p",
            "--no-merges",
            "--no-ext-diff",
            "--no-textconv",
            "--no-color",
            "--no-renames",
            "--format=commit %H",
            range,
            "--",
        ]);
        let patches = self.git().ok(patches).await?;
        let call = Call::local("patch-id", self.path()).args(["patch-id", "--stable"]).stdin(patches);
        let bytes = self.git().ok(call).await?;
        let text = String::from_utf8_lossy(&bytes);
        Ok(text
            .lines()
            .filter_map(|line| line.split_once(' '))
            .filter_map(|(id, commit)| Some((Oid::parse(commit)?, id.to_owned())))
            .collect())
    }
}

fn parse(record: &str) -> Option<CommitRecord> {
    let mut fields = record.splitn(5, '\x1f');
    let side = match fields.next()?.trim() {
        "<" => Side::Old,
        ">" => Side::New,
        _ => return None,
    };
    let id = Oid::parse(fields.next()?)?;
    let parents = fields.next()?.split_whitespace().filter_map(Oid::parse).collect();
    let committed_s = fields.next()?.parse().ok()?;
    let message = fields.next()?.trim_end().to_owned();
    Some(CommitRecord { side, id, parents, committed_s, message, patch_id: None })
}
