//! A repository that people edit: with a work tree beside its objects.

use super::error::GitError;
use super::object::{ObjectStore, Signature};
use super::run::{Call, Git};
use chrono::{DateTime, Utc};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

fn git_dir(path: &Path) -> PathBuf {
    path.join(".git")
}

/// A new repository at `path` whose first branch will be `main`; its work tree is empty.
///
/// # Errors
/// The folder cannot be made, or git fails.
pub async fn init(git: &Git, path: &Path) -> Result<ObjectStore, GitError> {
    tokio::fs::create_dir_all(path).await.map_err(|source| GitError::Folder { path: path.to_owned(), source })?;
    let folder = git_dir(path);
    git.ok(Call::local("init", &folder).args(["init", "--quiet", "--initial-branch=main"])).await?;
    Ok(ObjectStore::new(git, &folder))
}

/// Writes the files of the branch `main` into the work tree.
///
/// # Errors
/// git fails.
pub async fn check_out(git: &Git, path: &Path) -> Result<(), GitError> {
    let mut tree = OsString::from("--work-tree=");
    tree.push(path);
    let folder = git_dir(path);
    git.ok(Call::local("reset", &folder).args([tree]).args(["reset", "--quiet", "--hard", "main"])).await.map(drop)
}

/// Who the person at this machine is for git; Mettle's own identity where git does not know.
pub async fn identity(git: &Git, now: DateTime<Utc>) -> Signature {
    let mut by = Signature::mettle(now);
    let name = known(git, "user.name").await;
    let email = known(git, "user.email").await;
    if let (Some(name), Some(email)) = (name, email) {
        (by.name, by.email) = (name, email);
    }
    by
}

async fn known(git: &Git, key: &str) -> Option<String> {
    // Outside of any repository: only the person's own settings count.
    let output =
        git.run(Call::local("config", Path::new("/dev/null")).args(["config", "--global", "--get", key])).await;
    let text = output.ok().filter(|o| o.code == 0).map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned())?;
    let legal = !text.is_empty() && !text.contains(['<', '>', '\n']);
    legal.then_some(text)
}
