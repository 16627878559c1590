//! The chain: each commit's trailer carries the digest of the commit before.
//!
//! The digest is SHA-256 over author, committer, message (with its own trailer) and the changed paths with the
//! SHA-256 of their contents, so that it does not rest on the object names of git.

use super::{BRANCH, Ledger, LedgerError, git};
use crate::git::Oid;
use crate::report::canonical::digest;

/// Trailer of every commit of the ledger.
pub(super) const TRAILER: &str = "Ledger-Previous: ";
/// Value of the trailer of the first commit.
pub(super) const FIRST: &str = "none";

/// What a walk along the chain found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChainReport {
    /// Commits walked.
    pub commits: usize,
    /// Everything that is not as it must be, oldest first; empty for a sound ledger.
    pub breaks: Vec<ChainBreak>,
}

/// One place where the chain does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainBreak {
    /// The commit.
    pub commit: Oid,
    /// What is wrong.
    pub problem: String,
}

impl Ledger {
    /// Walks the ledger from its first commit, as of the last refresh.
    ///
    /// # Errors
    /// git fails. A broken chain is an answer, not an error.
    pub async fn verify(&self) -> Result<ChainReport, LedgerError> {
        let mut report = ChainReport::default();
        let mut before = FIRST.to_owned();
        let mut parent: Option<Oid> = None;
        for commit in self.mirror.line_of(BRANCH).await.map_err(git("walk"))? {
            let mut wrong = |problem: String| report.breaks.push(ChainBreak { commit: commit.clone(), problem });
            let raw = self.mirror.raw_commit(&commit).await.map_err(git("walk"))?;
            let parents: Vec<&str> = raw
                .lines()
                .take_while(|line| !line.is_empty())
                .filter_map(|line| line.strip_prefix("parent "))
                .collect();
            if parents != parent.iter().map(Oid::as_str).collect::<Vec<_>>() {
                wrong("does not have exactly the commit before as its parent".to_owned());
            }
            match raw.lines().rev().find_map(|line| line.strip_prefix(TRAILER)) {
                Some(carried) if carried == before => {}
                carried => wrong(format!("carries {}, the commit before has {before}", carried.unwrap_or("no digest"))),
            }
            for (kind, path) in self.mirror.changed(&commit).await.map_err(git("walk"))? {
                if path.contains("/verdicts/") && kind != 'A' {
                    wrong(format!("changes {path}, which is written once"));
                }
            }
            before = self.commit_digest(&commit).await?;
            parent = Some(commit);
            report.commits += 1;
        }
        Ok(report)
    }

    pub(super) async fn commit_digest(&self, commit: &Oid) -> Result<String, LedgerError> {
        let raw = self.mirror.raw_commit(commit).await.map_err(git("digest"))?;
        // Names of trees and parents are those of git; the contents below and the trailer stand for them.
        let header = |line: &&str| !line.starts_with("tree ") && !line.starts_with("parent ");
        let (head, message) = raw.split_once("\n\n").unwrap_or((&raw, ""));
        let mut text: String = head.lines().filter(header).flat_map(|line| [line, "\n"]).collect();
        text.push('\n');
        text.push_str(message);
        for (kind, path) in self.mirror.changed(commit).await.map_err(git("digest"))? {
            let content = self.mirror.read_file(commit, &path).await.map_err(git("digest"))?;
            let content = content.map_or_else(|| FIRST.to_owned(), |bytes| digest(&bytes));
            text.push_str(&format!("\n{kind} {content} {path}"));
        }
        Ok(digest(text.as_bytes()))
    }
}
