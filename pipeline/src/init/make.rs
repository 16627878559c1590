//! Writes a sketch to the disk: two repositories that people edit, and the installation beside them.

use super::sketch::Sketch;
use super::texts::{self, Files, Tree};
use crate::documents::Problems;
use crate::git::{Change, Git, GitError, NewCommit, NewTag, ObjectStore, Signature, worktree};
use crate::worker::installation::SETTINGS;
use chrono::{DateTime, Utc};
use std::path::{Path, PathBuf};

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Files and folders, in the order of the eye.
    pub written: Vec<PathBuf>,
    /// The first tag.
    pub tag: String,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// Something is there already.
    #[error("{} would be overwritten: {}; choose another folder with --dir, or other names with --product and --landscape", if paths.len() == 1 { "this" } else { "these" }, paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", "))]
    Exists {
        /// All of it.
        paths: Vec<PathBuf>,
    },
    /// The documents would not be read.
    #[error(transparent)]
    Documents(#[from] Problems),
    /// The disk.
    #[error("cannot write {}", path.display())]
    Disk {
        /// File or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// git.
    #[error("cannot make the repository {}", path.display())]
    Git {
        /// Folder.
        path: PathBuf,
        /// Cause.
        #[source]
        source: GitError,
    },
}

/// Writes everything below `dir`. Repositories are made beside and moved into place, the settings come last: what was
/// interrupted is no installation.
///
/// # Errors
/// Something is in the way, the documents would not be read, or the disk or git fails; nothing of it stays then.
pub async fn make(git: &Git, dir: &Path, sketch: &Sketch, now: DateTime<Utc>) -> Result<Made, MakeError> {
    let files = texts::files(sketch);
    texts::check(&files)?;
    let targets = [dir.join(&sketch.product), dir.join(&sketch.landscape), dir.join(SETTINGS)];
    let paths: Vec<PathBuf> = targets.iter().filter(|path| path.exists()).cloned().collect();
    if !paths.is_empty() {
        return Err(MakeError::Exists { paths });
    }
    let disk = |path: &Path| {
        let path = path.to_owned();
        move |source| MakeError::Disk { path, source }
    };
    std::fs::create_dir_all(dir).map_err(disk(dir))?;
    // git is called from another folder: paths are absolute from here on.
    let dir = &dir.canonicalize().map_err(disk(dir))?;
    let beside = tempfile::Builder::new().prefix(".init-").tempdir_in(dir).map_err(disk(dir))?;
    let by = worktree::identity(git, now).await;
    let tag = format!("v{}", texts::FIRST);
    let Files { product, landscape, settings } = files;
    for (name, tree, tag) in [(&sketch.product, product, Some(tag.as_str())), (&sketch.landscape, landscape, None)] {
        let path = beside.path().join(name);
        let made = repository(git, &path, (&tree, tag), &by).await;
        made.map_err(|source| MakeError::Git { path: dir.join(name), source })?;
    }
    let settings_beside = beside.path().join(SETTINGS);
    std::fs::write(&settings_beside, settings).map_err(disk(&settings_beside))?;
    for (target, name) in targets.iter().zip([sketch.product.as_str(), sketch.landscape.as_str(), SETTINGS]) {
        std::fs::rename(beside.path().join(name), target).map_err(disk(target))?;
    }
    Ok(Made { written: written(dir, sketch), tag })
}

async fn repository(
    git: &Git,
    path: &Path,
    (tree, tag): (&Tree, Option<&str>),
    by: &Signature,
) -> Result<(), GitError> {
    let store: ObjectStore = worktree::init(git, path).await?;
    let changes: Vec<Change> = tree
        .iter()
        .map(|(path, text)| Change::Write { path: path.clone(), content: text.clone().into_bytes() })
        .collect();
    let message = "feat: first documents\n";
    let commit = store.commit(&NewCommit { parents: &[], changes: &changes, message, by }).await?;
    store.set_refs(&[("refs/heads/main", &commit, None)]).await?;
    if let Some(name) = tag {
        let object = store.annotate(&NewTag { name, commit: &commit, message: name, by }).await?;
        store.set_refs(&[(&format!("refs/tags/{name}"), &object, None)]).await?;
    }
    worktree::check_out(git, path).await
}

fn written(dir: &Path, sketch: &Sketch) -> Vec<PathBuf> {
    let files = texts::files(sketch);
    let below = |name: &str, tree: &Tree| tree.keys().map(|path| dir.join(name).join(path)).collect::<Vec<_>>();
    let mut all = vec![dir.join(SETTINGS)];
    all.extend(below(&sketch.product, &files.product));
    all.extend(below(&sketch.landscape, &files.landscape));
    all
}
