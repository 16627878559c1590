//! One atomic push with a lease on every ref.

use super::Oid;
use super::error::GitError;
use super::mirror::Mirror;
use super::run::{Call, tidy};

/// One ref to be set on the remote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefUpdate {
    /// Full name, `refs/heads/mettle/ledger`.
    pub name: String,
    /// New object.
    pub new: Oid,
    /// What the remote must have now; none: the ref must not exist.
    pub expected: Option<Oid>,
}

/// How a push ended. Losing a race is an answer, not an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushOutcome {
    /// All refs are set.
    Accepted,
    /// Somebody was faster: no ref is set; look again.
    Lost {
        /// What git said.
        detail: String,
    },
    /// The remote does not allow it: no ref is set, and trying again will not help.
    Refused {
        /// What git said.
        detail: String,
    },
}

impl Mirror {
    /// Sets all refs or none, each only if the remote has what is expected.
    ///
    /// # Errors
    /// The remote cannot be reached, the deadline passes (the push may or may not have arrived), or git fails.
    pub async fn push(&self, updates: &[RefUpdate]) -> Result<PushOutcome, GitError> {
        let mut call =
            Call::remote("push", self.path(), self.remote()).args(["push", "--porcelain", "--atomic", "--no-verify"]);
        for RefUpdate { name, expected, .. } in updates {
            call = call.args([format!("--force-with-lease={name}:{}", expected.as_ref().map_or("", Oid::as_str))]);
        }
        call = call.args(["--", self.remote().address()]);
        call = call.args(updates.iter().map(|update| format!("{}:{}", update.new, update.name)));
        let place = call.place();
        let output = self.git().run(call).await?;
        if output.code == 0 {
            return Ok(PushOutcome::Accepted);
        }
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let rejected: Vec<&str> = stdout.lines().filter(|line| line.starts_with('!')).collect();
        if rejected.is_empty() {
            return Err(super::run::explain("push", place, true, &output));
        }
        let detail = tidy(&format!("{}\n{}", rejected.join("\n"), output.stderr));
        // An atomic push says only "atomic transaction failed" per ref; the reason is what the remote wrote.
        let declined = detail.contains("hook declined");
        let raced = !declined && RACES.iter().any(|part| detail.contains(part));
        Ok(if raced { PushOutcome::Lost { detail } } else { PushOutcome::Refused { detail } })
    }
}

const RACES: &[&str] = &[
    "stale info",
    "fetch first",
    "non-fast-forward",
    "already exists",
    "failed to update ref",
    "cannot lock ref",
    "failed to lock",
    "incorrect old value",
    "reference already exists",
];
