//! A bare mirror of one repository in the work folder: what is read, is read from here.
//!
//! Invariant: a mirror is a cache. Losing it loses nothing, and one process owns the folder.

use super::Oid;
use super::error::GitError;
use super::object::INDEX_PREFIX;
use super::remote::Remote;
use super::run::{Call, Git};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{Mutex, MutexGuard};

/// A bare mirror. Clones share it.
#[derive(Clone, Debug)]
pub struct Mirror {
    git: Git,
    path: PathBuf,
    remote: Remote,
    // Two fetches at a time would fight for the locks of the same refs.
    turn: Arc<Mutex<()>>,
    // A fetch that was given up midway may have left the locks of its killed git.
    cut: Arc<AtomicBool>,
}

/// A tag and the commit that it leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagRef {
    /// Name without `refs/tags/`.
    pub name: String,
    /// The object that the ref names: the tag object when annotated, else the commit.
    pub object: Oid,
    /// The commit.
    pub commit: Oid,
    /// Seconds since the Unix epoch: when it was tagged, or committed for a light tag.
    pub created_s: i64,
}

/// A tag that was seen with another commit before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovedTag {
    /// Name.
    pub name: String,
    /// Commit before the fetch.
    pub was: Oid,
    /// Commit now; none when the tag was deleted.
    pub now: Option<Oid>,
}

/// What a fetch changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fetched {
    /// Tags that were not there before, by name.
    pub new_tags: Vec<TagRef>,
    /// Tags that lead elsewhere now, or are gone.
    pub moved_tags: Vec<MovedTag>,
}

impl Mirror {
    /// The mirror `<folder>/<name>.git` of `remote`; made empty when it is not there. Does not talk to the remote.
    ///
    /// # Errors
    /// The folder cannot be made, or git fails.
    pub async fn open(git: &Git, folder: &Path, name: &str, remote: Remote) -> Result<Mirror, GitError> {
        let path = folder.join(format!("{name}.git"));
        let failed = |source| GitError::Folder { path: path.clone(), source };
        tokio::fs::create_dir_all(folder).await.map_err(failed)?;
        if tokio::fs::try_exists(path.join("HEAD")).await.map_err(failed)? {
            clear_remains(&path).map_err(failed)?;
        } else {
            git.ok(Call::local("init", &path).args(["init", "--quiet", "--bare", "--initial-branch=main"])).await?;
        }
        Ok(Mirror { git: git.clone(), path, remote, turn: Arc::default(), cut: Arc::default() })
    }

    /// Brings branches and tags to what the remote has, deleted ones included.
    ///
    /// # Errors
    /// [`GitError::Unreachable`], [`GitError::TimedOut`], or git fails.
    pub async fn fetch(&self) -> Result<Fetched, GitError> {
        let _turn = self.turn().await;
        self.fetch_in_turn().await
    }

    pub(crate) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// As [`Mirror::fetch`], for a caller that has the turn.
    pub(crate) async fn fetch_in_turn(&self) -> Result<Fetched, GitError> {
        let before: BTreeMap<String, TagRef> =
            self.tags().await?.into_iter().map(|tag| (tag.name.clone(), tag)).collect();
        let call = Call::remote("fetch", &self.path, &self.remote).args([
            "fetch",
            "--quiet",
            "--prune",
            "--force",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-auto-maintenance",
            "--",
            self.remote.address(),
            "+refs/heads/*:refs/heads/*",
            "+refs/tags/*:refs/tags/*",
        ]);
        if self.cut.swap(true, Ordering::Relaxed) {
            let failed = |source| GitError::Folder { path: self.path.clone(), source };
            clear_remains(&self.path).map_err(failed)?;
        }
        let fetched = self.git.ok(call).await;
        // An answer means that git ended by itself and took its locks along; only its deadline kills it.
        let killed = matches!(fetched, Err(GitError::TimedOut { .. } | GitError::TooMuchOutput { .. }));
        self.cut.store(killed, Ordering::Relaxed);
        fetched?;
        let after: BTreeMap<String, TagRef> =
            self.tags().await?.into_iter().map(|tag| (tag.name.clone(), tag)).collect();
        let moved_tags = before
            .values()
            .map(|old| (old, after.get(&old.name).map(|tag| tag.commit.clone())))
            .filter(|(old, now)| now.as_ref() != Some(&old.commit))
            .map(|(old, now)| MovedTag { name: old.name.clone(), was: old.commit.clone(), now })
            .collect();
        let new_tags = after.into_values().filter(|tag| !before.contains_key(&tag.name)).collect();
        Ok(Fetched { new_tags, moved_tags })
    }

    /// All tags that lead to a commit, by name, as of the last fetch.
    ///
    /// # Errors
    /// git fails.
    pub async fn tags(&self) -> Result<Vec<TagRef>, GitError> {
        let format = "--format=%(refname:strip=2)%1f%(objecttype)%1f%(objectname)%1f%(*objecttype)%1f%(*objectname)%1f%(creatordate:unix)";
        let bytes =
            self.git.ok(Call::local("for-each-ref", &self.path).args(["for-each-ref", format, "refs/tags"])).await?;
        let mut tags = Vec::new();
        for line in String::from_utf8_lossy(&bytes).lines() {
            let unexpected = || GitError::Unexpected {
                operation: "for-each-ref",
                place: self.path.display().to_string(),
                output: line.to_owned(),
            };
            let fields: Vec<&str> = line.split('\x1f').collect();
            let [name, kind, object, peeled_kind, peeled, created] = fields[..] else {
                return Err(unexpected());
            };
            let object = Oid::parse(object).ok_or_else(unexpected)?;
            let commit = match (kind, peeled_kind) {
                ("commit", _) => Some(object.clone()),
                ("tag", "commit") => Oid::parse(peeled),
                // A tag of a tag: older gits peel once.
                ("tag", "tag") => self.rev_parse(&format!("{object}^{{commit}}")).await?,
                _ => None,
            };
            if let Some(commit) = commit {
                tags.push(TagRef { name: name.to_owned(), object, commit, created_s: created.parse().unwrap_or(0) });
            }
        }
        Ok(tags)
    }

    /// The tag `name`, if it is there.
    ///
    /// # Errors
    /// git fails.
    pub async fn tag(&self, name: &str) -> Result<Option<TagRef>, GitError> {
        Ok(self.tags().await?.into_iter().find(|tag| tag.name == name))
    }

    /// The object that `name` leads to, if there is one.
    ///
    /// # Errors
    /// git fails.
    pub async fn rev_parse(&self, name: &str) -> Result<Option<Oid>, GitError> {
        let call =
            Call::local("rev-parse", &self.path).args(["rev-parse", "--verify", "--quiet", "--end-of-options", name]);
        let output = self.git.run(call).await?;
        Ok(Oid::parse(String::from_utf8_lossy(&output.stdout).trim()).filter(|_| output.code == 0))
    }

    /// Content of the file `path` at `commit`; none when the commit has no such file.
    ///
    /// # Errors
    /// [`GitError::NoSuchRef`] when the commit is not there; or git fails.
    pub async fn read_file(&self, commit: &Oid, path: &str) -> Result<Option<Vec<u8>>, GitError> {
        let Some((mode, object)) = self.entry(commit, path).await? else {
            return Ok(None);
        };
        if mode != "blob" {
            return Ok(None);
        }
        self.git.ok(Call::local("cat-file", &self.path).args(["cat-file", "blob", object.as_str()])).await.map(Some)
    }

    async fn entry(&self, commit: &Oid, path: &str) -> Result<Option<(String, Oid)>, GitError> {
        let listed = self.ls_tree(commit, path, &[]).await?;
        Ok(listed.into_iter().find(|(_, _, at)| at == path).map(|(kind, object, _)| (kind, object)))
    }

    /// Paths of all files at `commit` below `folder` (all with an empty one), sorted.
    ///
    /// # Errors
    /// [`GitError::NoSuchRef`] when the commit is not there; or git fails.
    pub async fn list_files(&self, commit: &Oid, folder: &str) -> Result<Vec<String>, GitError> {
        let mut files: Vec<String> =
            self.ls_tree(commit, folder, &["-r"]).await?.into_iter().map(|(_, _, path)| path).collect();
        files.sort();
        Ok(files)
    }

    async fn ls_tree(
        &self,
        commit: &Oid,
        path: &str,
        options: &[&str],
    ) -> Result<Vec<(String, Oid, String)>, GitError> {
        let mut call = Call::local("ls-tree", &self.path)
            .args(["ls-tree", "-z", "--full-tree"])
            .args(options)
            .args([commit.as_str(), "--"]);
        if !path.is_empty() {
            call = call.args([path]);
        }
        let place = call.place();
        let output = self.git.run(call).await?;
        if output.code != 0 && self.rev_parse(&format!("{commit}^{{commit}}")).await?.is_none() {
            return Err(GitError::NoSuchRef { place, name: commit.to_string() });
        }
        if output.code != 0 {
            return Err(GitError::Failed {
                operation: "ls-tree",
                place,
                code: output.code,
                detail: super::run::tidy(&output.stderr),
            });
        }
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.split('\0').filter_map(parse_entry).collect())
    }

    /// Refs of the remote that match the patterns, asked right now: full name and object.
    ///
    /// # Errors
    /// As [`Mirror::fetch`].
    pub async fn ls_remote(&self, patterns: &[&str]) -> Result<BTreeMap<String, Oid>, GitError> {
        let call = Call::remote("ls-remote", &self.path, &self.remote)
            .args(["ls-remote", "--refs", "--", self.remote.address()])
            .args(patterns);
        let bytes = self.git.ok(call).await?;
        let text = String::from_utf8_lossy(&bytes);
        Ok(text
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .filter_map(|(id, name)| Some((name.to_owned(), Oid::parse(id)?)))
            .collect())
    }

    /// Folder of the mirror.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it mirrors.
    pub fn remote(&self) -> &Remote {
        &self.remote
    }

    pub(crate) fn git(&self) -> &Git {
        &self.git
    }
}

fn parse_entry(line: &str) -> Option<(String, Oid, String)> {
    let (meta, path) = line.split_once('\t')?;
    let mut meta = meta.split(' ');
    let (_mode, kind, object) = (meta.next()?, meta.next()?, meta.next()?);
    Some((kind.to_owned(), Oid::parse(object)?, path.to_owned()))
}

/// A git that was killed leaves its lock files, and every later one would refuse to start; its half-written objects
/// and our temporary indexes only take room. For whoever owns the folder while no call runs.
fn clear_remains(mirror: &Path) -> std::io::Result<()> {
    let mut folders = vec![mirror.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            // Names of branches and tags are files here, too, and may begin as they like.
            let index = folder == mirror && name.starts_with(INDEX_PREFIX);
            let object = name.starts_with("tmp_") && path.starts_with(mirror.join("objects"));
            match (entry.file_type()?.is_dir(), index || object) {
                (true, true) => std::fs::remove_dir_all(&path)?,
                (true, false) => folders.push(path),
                (false, true) => std::fs::remove_file(&path)?,
                (false, false) if name.ends_with(".lock") => std::fs::remove_file(&path)?,
                (false, false) => {}
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn opening_clears_what_a_killed_git_left_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let git = Git::default();
        let open = || Mirror::open(&git, dir.path(), "x", Remote::folder(dir.path()));
        let path = open().await.unwrap().path().to_owned();
        let left = ["packed-refs.lock", "objects/tmp_obj_1", "objects/pack/tmp_pack_2", "mettle-index3/index"];
        for (name, folder) in left.iter().map(|name| (name, path.join(name).parent().unwrap().to_owned())) {
            std::fs::create_dir_all(folder).unwrap();
            std::fs::write(path.join(name), "").unwrap();
        }
        let kept = ["objects/pack/kept.pack", "refs/tags/tmp_kept"];
        kept.iter().for_each(|name| std::fs::write(path.join(name), "").unwrap());
        open().await.unwrap();
        for name in left {
            assert!(!path.join(name).exists(), "{name} is left");
        }
        assert!(!path.join("mettle-index3").exists() && kept.iter().all(|name| path.join(name).exists()));
    }
}
