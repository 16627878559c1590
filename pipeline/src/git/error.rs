//! Why a call of `git` brought nothing.

use std::path::PathBuf;
use std::time::Duration;

/// A failed call of `git`. Texts are free of credentials.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The program could not be started or talked to.
    #[error("failed to run `{program}` for {operation}")]
    Start {
        /// Program that was started.
        program: PathBuf,
        /// What it should do.
        operation: &'static str,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The deadline passed; the call and its helpers were killed.
    #[error("git {operation} on {place} did not end within {} s", after.as_secs_f64())]
    TimedOut {
        /// What it should do.
        operation: &'static str,
        /// Remote or folder.
        place: String,
        /// The deadline.
        after: Duration,
    },
    /// The other side could not be reached, or did not let us in.
    #[error("git {operation} cannot reach {remote}: {detail}")]
    Unreachable {
        /// What it should do.
        operation: &'static str,
        /// Remote, without credentials.
        remote: String,
        /// What git said.
        detail: String,
    },
    /// A branch, tag or commit is not there.
    #[error("{place} has no {name}")]
    NoSuchRef {
        /// Remote or folder.
        place: String,
        /// What was looked for.
        name: String,
    },
    /// The output is longer than [`super::run::MAX_OUTPUT_BYTES`].
    #[error("git {operation} on {place} writes more than {limit} bytes")]
    TooMuchOutput {
        /// What it should do.
        operation: &'static str,
        /// Remote or folder.
        place: String,
        /// The limit.
        limit: u64,
    },
    /// Any other failure.
    #[error("git {operation} on {place} failed with exit code {code}: {detail}")]
    Failed {
        /// What it should do.
        operation: &'static str,
        /// Remote or folder.
        place: String,
        /// Exit code; -1 when a signal ended it.
        code: i32,
        /// What git said.
        detail: String,
    },
    /// git said something that this version does not understand.
    #[error("git {operation} on {place} answered {output:?}")]
    Unexpected {
        /// What it should do.
        operation: &'static str,
        /// Remote or folder.
        place: String,
        /// What it said.
        output: String,
    },
    /// The folder of a mirror could not be prepared.
    #[error("failed to prepare {path} for git")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

impl GitError {
    /// What a person can do about it, one sentence each.
    pub fn hints(&self) -> Vec<String> {
        match self {
            GitError::Start { program, .. } => {
                vec![format!("install git and make sure that `{} --version` works", program.display())]
            }
            GitError::TimedOut { place, .. } => {
                vec![format!("run `git ls-remote {place}` by hand and see how long it takes")]
            }
            GitError::Unreachable { remote, detail, .. } => {
                let mut hints = vec![format!("run `git ls-remote {remote}` as the same user")];
                if asks_for_credentials(detail) {
                    hints.push("give git a credential helper (`git help credentials`) or an ssh key".to_owned());
                }
                if detail.contains("dubious ownership") {
                    hints.push(
                        "the repository belongs to another user: see `safe.directory` in `git help config`".to_owned(),
                    );
                }
                hints
            }
            GitError::NoSuchRef { place, name } => {
                vec![format!("push {name} to {place}, or correct the name")]
            }
            GitError::Folder { path, .. } => vec![format!("make {} writable and check the free space", path.display())],
            GitError::TooMuchOutput { .. } | GitError::Failed { .. } | GitError::Unexpected { .. } => Vec::new(),
        }
    }
}

fn asks_for_credentials(detail: &str) -> bool {
    [
        "Authentication failed",
        "could not read Username",
        "could not read Password",
        "Permission denied",
        "terminal prompts",
    ]
    .iter()
    .any(|part| detail.contains(part))
}
