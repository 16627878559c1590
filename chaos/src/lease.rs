//! The permission that keeps a fault alive. No lease, no injection; without renewal the fault ends by itself.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// Time to live of a fault lease.
///
/// Five renewals: one lost renewal must not end a fault, and an orphan must end within six seconds.
pub const LEASE_TTL: Duration = Duration::from_secs(5);

/// How often the executor renews a lease.
pub const LEASE_RENEW_EVERY: Duration = Duration::from_secs(1);

/// Names one injection of one fault: our id on the object itself. Undo and residual scan go by it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FaultId(String);

impl FaultId {
    /// The id of fault `local` (unique within the run) in run `run`.
    pub fn new(run: &str, local: &str) -> Self {
        Self(format!("{run}/{local}"))
    }

    /// Whether this id was made by run `run`.
    pub fn belongs_to(&self, run: &str) -> bool {
        self.0.strip_prefix(run).is_some_and(|rest| rest.starts_with('/'))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for FaultId {
    /// An id that was read back from an object that carries it.
    fn from(id: String) -> Self {
        Self(id)
    }
}

impl fmt::Display for FaultId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Authority to inject one fault: only [`Lease::grant`] builds one, and an entry cannot be made without it.
#[derive(Debug)]
pub struct Lease {
    id: FaultId,
    ttl: Duration,
}

impl Lease {
    /// Grants a lease of [`LEASE_TTL`] for the fault `id`.
    pub fn grant(id: FaultId) -> Self {
        Self { id, ttl: LEASE_TTL }
    }

    /// The fault that this lease keeps alive.
    pub fn id(&self) -> &FaultId {
        &self.id
    }

    /// How long the fault lives after the last renewal.
    pub fn ttl(&self) -> Duration {
        self.ttl
    }
}
