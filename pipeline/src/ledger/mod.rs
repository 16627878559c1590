//! The ledger: the append-only orphan branch `mettle/ledger` of the product repository.
//!
//! Invariant: never lost, never twice. A publication is named by tag, soak id and report digest; what is there
//! already is not written again, and nothing that is there is ever overwritten by another soak's record.

mod chain;
mod publish;

pub use chain::{ChainBreak, ChainReport};
pub use publish::{Publication, Published, ReleaseTag, Standing};

use crate::git::{GitError, Mirror, Oid};
use crate::report::{Report, ReportError};
use scorer::Verdict;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Branch of the ledger.
pub const BRANCH: &str = "refs/heads/mettle/ledger";
/// Tries of one publication: with n writers at most n - 1 pushes are lost to each success of another.
pub const MAX_TRIES: u32 = 12;

/// The ledger of one product repository, read and written through its mirror.
#[derive(Clone, Debug)]
pub struct Ledger {
    pub(super) mirror: Mirror,
    pub(super) seed: u64,
}

/// What the ledger keeps of every soak, `verdicts/<soak id>.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VerdictRecord {
    /// `mettle/v1`.
    pub api_version: String,
    /// `Verdict`.
    pub kind: String,
    /// Product.
    pub product: String,
    /// Tag.
    pub tag: String,
    /// Commit.
    pub commit: String,
    /// Landscape.
    pub landscape: String,
    /// Cluster.
    pub cluster: String,
    /// Soak id.
    pub soak: String,
    /// Attempt.
    pub attempt: u32,
    /// Verdict.
    pub verdict: Verdict,
    /// Digest of the report.
    pub report_digest: String,
    /// Digest of the policy.
    pub policy_digest: String,
    /// Digests of the evidence.
    pub evidence: Vec<String>,
    /// Method of the scorer.
    pub method: String,
}

impl VerdictRecord {
    /// What the ledger keeps of a report with this digest.
    pub fn of(report: &Report, digest: &str) -> Self {
        VerdictRecord {
            api_version: crate::report::API_VERSION.to_owned(),
            kind: "Verdict".to_owned(),
            product: report.product.clone(),
            tag: report.tag.clone(),
            commit: report.commit.clone(),
            landscape: report.landscape.clone(),
            cluster: report.cluster.clone(),
            soak: report.soak.clone(),
            attempt: report.attempt,
            verdict: report.verdict,
            report_digest: digest.to_owned(),
            policy_digest: report.policy_digest.clone(),
            evidence: report.evidence.iter().map(|evidence| evidence.digest.clone()).collect(),
            method: report.method.clone(),
        }
    }
}

/// One tag of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerTag {
    /// Tag.
    pub tag: String,
    /// Ids of its published soaks, sorted.
    pub soaks: Vec<String>,
}

/// Why the ledger could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// git failed.
    #[error("failed to {operation} in the ledger")]
    Git {
        /// What was done.
        operation: &'static str,
        /// Why not.
        #[source]
        source: GitError,
    },
    /// The report has no bytes.
    #[error("failed to prepare the publication of tag {tag}")]
    Report {
        /// Tag.
        tag: String,
        /// Why.
        #[source]
        source: ReportError,
    },
    /// JSON could not be written or read.
    #[error("{path} of the ledger is not a document of this version")]
    Document {
        /// Path in the ledger.
        path: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A tag or soak id that is not fit for a path.
    #[error("`{name}` cannot be a folder or file of the ledger: use letters, digits, `.`, `_`, `+` and `-`")]
    Name {
        /// The name.
        name: String,
    },
    /// The soak was published before with another report.
    #[error("soak {soak} of {tag} is in the ledger with report {published}, not with {offered}")]
    Conflict {
        /// Tag.
        tag: String,
        /// Soak id.
        soak: String,
        /// Digest that is there.
        published: String,
        /// Digest that was offered.
        offered: String,
    },
    /// All tries were lost to other writers.
    #[error("the ledger of {remote} was changed by others during each of {tries} pushes: {detail}")]
    Raced {
        /// Remote.
        remote: String,
        /// Tries.
        tries: u32,
        /// What git said last.
        detail: String,
    },
    /// The remote does not let us write.
    #[error("{remote} refuses the push: {detail}")]
    Refused {
        /// Remote.
        remote: String,
        /// What git said.
        detail: String,
    },
}

impl LedgerError {
    /// What a person can do about it.
    pub fn hints(&self) -> Vec<String> {
        match self {
            LedgerError::Git { source, .. } => source.hints(),
            LedgerError::Refused { .. } => {
                vec!["allow the worker to push mettle/ledger and release/* (branch and tag protection)".to_owned()]
            }
            LedgerError::Conflict { .. } => {
                vec![
                    "a soak is published once and its entry stays: see `git log -p mettle/ledger`, and soak the tag anew"
                        .to_owned(),
                ]
            }
            LedgerError::Raced { .. } => {
                vec!["the publication stays in the outbox and is tried again".to_owned()]
            }
            LedgerError::Report { .. } | LedgerError::Document { .. } | LedgerError::Name { .. } => Vec::new(),
        }
    }
}

pub(super) fn git(operation: &'static str) -> impl Fn(GitError) -> LedgerError {
    move |source| LedgerError::Git { operation, source }
}

impl Ledger {
    /// The ledger in the repository that `mirror` mirrors. `seed` spreads the retries of writers that race.
    pub fn new(mirror: Mirror, seed: u64) -> Self {
        Ledger { mirror, seed }
    }

    /// Brings the mirror to what the remote has.
    ///
    /// # Errors
    /// The remote cannot be reached, or git fails.
    pub async fn refresh(&self) -> Result<(), LedgerError> {
        self.mirror.fetch().await.map(drop).map_err(git("fetch"))
    }

    /// The report that decides about `tag`, as of the last refresh; none when the tag was never published.
    ///
    /// # Errors
    /// git fails, or the document is not one of this version.
    pub async fn read(&self, tag: &str) -> Result<Option<Report>, LedgerError> {
        let Some(head) = self.head().await? else {
            return Ok(None);
        };
        let path = format!("tags/{tag}/report.json");
        let Some(bytes) = self.mirror.read_file(&head, &path).await.map_err(git("read"))? else {
            return Ok(None);
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|source| LedgerError::Document { path, source })
    }

    /// One file of a tag's folder, `release.md`, as of the last refresh.
    ///
    /// # Errors
    /// git fails.
    pub async fn read_file(&self, tag: &str, name: &str) -> Result<Option<Vec<u8>>, LedgerError> {
        let Some(head) = self.head().await? else {
            return Ok(None);
        };
        self.mirror.read_file(&head, &format!("tags/{tag}/{name}")).await.map_err(git("read"))
    }

    /// All published tags with their soaks, as of the last refresh.
    ///
    /// # Errors
    /// git fails.
    pub async fn list(&self) -> Result<Vec<LedgerTag>, LedgerError> {
        let Some(head) = self.head().await? else {
            return Ok(Vec::new());
        };
        let mut tags: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for path in self.mirror.list_files(&head, "tags").await.map_err(git("list"))? {
            if let ["tags", tag, "verdicts", file] = path.split('/').collect::<Vec<_>>()[..] {
                let soak = file.strip_suffix(".json").unwrap_or(file);
                tags.entry(tag.to_owned()).or_default().push(soak.to_owned());
            }
        }
        Ok(tags.into_iter().map(|(tag, soaks)| LedgerTag { tag, soaks }).collect())
    }

    pub(super) async fn head(&self) -> Result<Option<Oid>, LedgerError> {
        self.mirror.rev_parse(BRANCH).await.map_err(git("read the head"))
    }
}
