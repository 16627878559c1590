//! A person says that the taint of a soak is dealt with.

use super::adopt::REASON_MIN;
use super::facts;
use super::installation::Installation;
use crate::soak::machine::{Outcome, State};
use chrono::{DateTime, Utc};
use gate_api::facts::Resolution;

/// Why there is nothing to resolve.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The reason is too short.
    #[error(
        "the reason has {0} characters, at least {REASON_MIN} are needed: whoever reads it in a year should understand it; write what was left and how it was cleared"
    )]
    ReasonTooShort(usize),
    /// No soak of the tag ended tainted.
    #[error("no soak of {0} ended tainted: there is nothing to resolve; see `mettle soak list --tag {0}`")]
    NotTainted(String),
    /// The worker ended before it told the gate.
    #[error(
        "the gate does not know yet that soak {0} ended tainted; start `mettle up`, which tells it, then try again"
    )]
    NotTold(String),
}

/// A taint that is dealt with.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// Soak.
    pub soak: String,
    /// The word that is kept: the first one.
    pub word: Resolution,
}

/// Keeps the word for the newest tainted soak of `tag`, in the gate's store and its audit trail.
///
/// # Errors
/// The stores cannot be used. A refusal is a value.
pub fn resolve(
    installation: &Installation,
    tag: &str,
    (who, reason): (&str, &str),
    now: DateTime<Utc>,
) -> anyhow::Result<Result<Resolved, Refusal>> {
    let (reason, tag) = (reason.trim(), tag.to_owned());
    let length = reason.chars().count();
    if length < REASON_MIN {
        return Ok(Err(Refusal::ReasonTooShort(length)));
    }
    let mut soaks = installation.store.every_soak()?;
    soaks.retain(|s| s.tag == tag && matches!(s.state, State::Ended { outcome: Outcome::Tainted { .. } }));
    let Some(soak) = soaks.pop() else { return Ok(Err(Refusal::NotTainted(tag))) };
    let word = Resolution { by: who.to_owned(), at: now, reason: reason.to_owned() };
    let kept = facts::resolve_taint(installation.gate.as_ref(), &soak, word)?;
    let id = soak.id.to_string();
    Ok(kept.map(|word| Resolved { soak: id.clone(), word }).ok_or(Refusal::NotTold(id)))
}
