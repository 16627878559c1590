//! Soaks that a person asks for: the request, and a worker that soaks one of them and nothing that waits behind it.

use super::Worker;
use super::ready::{frozen, frozen_text, waits};
use crate::soak::deployed::deployed;
use crate::soak::record::{Cause, Subject};
use crate::soak::{Soak, SoakId, State};
use crate::store::StoreError;
use crate::worker::facts;
use crate::worker::installation::Installation;
use crate::worker::sources::{SourceError, Sources, Truth};
use anyhow::Context as _;
use chrono::Utc;
use tokio_util::sync::CancellationToken;

/// What became of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// It is in the store.
    Requested(Soak),
    /// A person asked for the same before, and it still waits.
    Waits(Soak),
}

impl Asked {
    /// The soak.
    pub fn soak(&self) -> &Soak {
        match self {
            Asked::Requested(soak) | Asked::Waits(soak) => soak,
        }
    }
}

/// Why a soak cannot be requested.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The product has no such tag.
    #[error("{product} has no tag `{tag}`; {}", if known.is_empty() { "it has no tags yet: git tag -a v1.0.0 -m v1.0.0".to_owned() } else { format!("known: {}", known.join(", ")) })]
    UnknownTag {
        /// Product.
        product: String,
        /// Tag.
        tag: String,
        /// Tags with strict versions, oldest first.
        known: Vec<String>,
    },
    /// The tag names another commit than when it was first seen.
    #[error(
        "tag {tag} moved: it was {was} when it was first seen and is {now} now; what was soaked and what would be soaked must be one thing; make a new tag (git tag -a NEXT), or put this one back (git tag -f -a {tag} {was})"
    )]
    Moved {
        /// Tag.
        tag: String,
        /// First commit.
        was: String,
        /// Commit now.
        now: String,
    },
    /// The repositories cannot be read.
    #[error(transparent)]
    Sources(#[from] SourceError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The gate's store.
    #[error("cannot tell the gate")]
    Gate(#[from] gate_api::StoreError),
}

/// Requests a soak of `tag`; a worker takes it at its next turn.
///
/// # Errors
/// The tag is not there or has moved, or the repositories or the stores cannot be used.
pub async fn ask(installation: &Installation, sources: &Sources, tag: &str, who: &str) -> Result<Asked, AskError> {
    let truth = sources.read().await?;
    let product = truth.landscape.metadata.product.clone();
    let commit = commit_of(installation, &truth, tag)?;
    let landscape = truth.landscape.metadata.name.clone();
    let open = installation.store.open_soaks(&landscape)?;
    let waits = |s: &Soak| s.tag == tag && s.state == State::Requested && matches!(s.cause, Cause::Person { .. });
    if let Some(soak) = open.into_iter().find(waits) {
        return Ok(Asked::Waits(soak));
    }
    let subject = Subject { product, tag: tag.to_owned(), commit, landscape };
    let soak = installation.store.request(subject, Cause::Person { who: who.to_owned() }, Utc::now())?;
    let cluster = &truth.landscape.clusters[0].name;
    facts::put_soak(installation.gate.as_ref(), &soak, cluster, &facts::Progress::default(), Utc::now())?;
    Ok(Asked::Requested(soak))
}

/// The commit of a tag that is there and has not moved.
fn commit_of(installation: &Installation, truth: &Truth, tag: &str) -> Result<String, AskError> {
    let product = &truth.landscape.metadata.product;
    let Some(seen) = truth.tags.iter().find(|t| t.tag.name == tag) else {
        return Err(AskError::UnknownTag {
            product: product.clone(),
            tag: tag.to_owned(),
            known: truth.tags.iter().map(|t| t.tag.name.clone()).collect(),
        });
    };
    let now = seen.tag.commit.clone();
    let was = installation.store.first_commit(product, tag, &now)?;
    if was == now { Ok(now) } else { Err(AskError::Moved { tag: tag.to_owned(), was, now }) }
}

impl Worker {
    /// Works until the soak `id` has ended. A soak that has begun goes first; what waits behind it goes on waiting.
    /// With `stop` the soak is aborted and its faults are undone.
    ///
    /// # Errors
    /// The store failed, or the repositories cannot be read.
    pub async fn run_until_ended(mut self, id: &SoakId, stop: CancellationToken) -> anyhow::Result<Soak> {
        let ended = self.until_ended(id, &stop).await;
        self.end().await;
        ended
    }

    async fn until_ended(&mut self, id: &SoakId, stop: &CancellationToken) -> anyhow::Result<Soak> {
        loop {
            let soak =
                self.installation.store.soak(id)?.with_context(|| format!("soak {id} is gone from the store"))?;
            if soak.ended() {
                return Ok(soak);
            }
            let truth = tokio::select! {
                biased;
                () = stop.cancelled() => anyhow::bail!("interrupted before soak {id} began; it waits for `mettle up`"),
                read = self.sources.read() => read?,
            };
            let lines = self.installation.store.lines(&truth.landscape.metadata.product)?;
            self.tell(&truth, deployed(&lines))?;
            let open = self.installation.store.open_soaks(&truth.landscape.metadata.name)?;
            let next = open.into_iter().find(|s| s.state != State::Requested).unwrap_or(soak);
            if let Some(freeze) = frozen(&truth.landscape.freeze, Utc::now()).filter(|_| waits(&next)) {
                anyhow::bail!("{}; soak {id} waits for `mettle up`", frozen_text(freeze));
            }
            self.soak(truth, next, stop).await?;
        }
    }
}
