//! The copy of all evidence in a bucket, as `mettle.yaml` says.

use super::installation::Installation;
use crate::documents::settings::{CredentialsFrom, EvidenceBucket};
use crate::soak::Soak;
use datasets::{Bucket, Credentials, Digest, Mirror, MirrorError};
use std::path::Path;

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The settings were checked when they were read; they say something else by now.
    #[error("`{0}` is no address of a server")]
    Endpoint(String),
    /// The mirror.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
}

/// The mirror of an installation, if its settings name a bucket. Credentials are read now.
///
/// # Errors
/// There are no credentials.
pub fn mirror(installation: &Installation) -> Result<Option<Mirror>, CopyError> {
    let Some(settings) = &installation.settings.evidence else { return Ok(None) };
    Ok(Some(Mirror::new(installation.evidence.clone(), &bucket(settings, &installation.dir)?)?))
}

fn bucket(settings: &EvidenceBucket, dir: &Path) -> Result<Bucket, CopyError> {
    Ok(Bucket {
        name: settings.bucket.clone(),
        endpoint: settings.endpoint.parse().map_err(|_| CopyError::Endpoint(settings.endpoint.clone()))?,
        region: settings.region.clone(),
        prefix: settings.prefix.clone(),
        credentials: match &settings.credentials {
            CredentialsFrom::Environment => Credentials::Environment,
            CredentialsFrom::File(path) => Credentials::File(dir.join(path)),
        },
    })
}

/// Evidence that is not known to be in the bucket; none if the settings name no bucket. Nobody is asked.
///
/// # Errors
/// The folder cannot be read.
pub fn waiting(installation: &Installation) -> Result<Vec<Digest>, CopyError> {
    let Some(settings) = &installation.settings.evidence else { return Ok(Vec::new()) };
    Ok(bucket(settings, &installation.dir)?.waiting(&installation.evidence)?)
}

/// Brings evidence back that the folder lacks and the bucket has. What the bucket has not, or damaged, is told, and
/// found missing by whoever reads it.
///
/// # Errors
/// The bucket cannot be asked: whether it has the evidence is open.
pub async fn bring_back(installation: &Installation, digests: Vec<Digest>) -> Result<(), CopyError> {
    let digests = lacking(installation, digests).await;
    if digests.is_empty() {
        return Ok(());
    }
    let Some(mirror) = mirror(installation)? else { return Ok(()) };
    for digest in digests {
        match mirror.fetch(&digest).await {
            Ok(_) => tracing::info!("evidence {digest} came back from the bucket"),
            Err(error @ (MirrorError::NotThere { .. } | MirrorError::Damaged { .. })) => {
                tracing::warn!("{}", told(&error.into()));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Brings evidence back that is not in the folder at all. What is damaged there stays as it is, for whoever looks for
/// damage.
///
/// # Errors
/// As [`bring_back`].
pub async fn bring_missing(installation: &Installation, digests: Vec<Digest>) -> Result<(), CopyError> {
    let known = installation.evidence.digests().map_err(MirrorError::from)?;
    bring_back(installation, digests.into_iter().filter(|digest| !known.contains(digest)).collect()).await
}

/// The evidence of these soaks, as [`bring_missing`].
///
/// # Errors
/// As [`bring_back`], with what to do.
pub async fn bring_missing_of(installation: &Installation, soaks: &[&Soak]) -> anyhow::Result<()> {
    let digests = soaks.iter().filter_map(|soak| soak.evidence()?.parse().ok()).collect();
    bring_missing(installation, digests).await.map_err(|error| anyhow::anyhow!(told(&error)))
}

/// What of `digests` the folder has not whole; nothing where no bucket could give it.
async fn lacking(installation: &Installation, digests: Vec<Digest>) -> Vec<Digest> {
    if installation.settings.evidence.is_none() {
        return Vec::new();
    }
    let (store, all) = (installation.evidence.clone(), digests.clone());
    let lacks = move || digests.into_iter().filter(|digest| !store.verify(digest).is_empty()).collect();
    // A check that panicked leaves everything to be fetched, which checks again.
    tokio::task::spawn_blocking(lacks).await.unwrap_or(all)
}

/// An error with what can be done, for people.
pub fn told(error: &CopyError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    let hints = match error {
        CopyError::Mirror(error) => error.hints(),
        CopyError::Endpoint(_) => vec![],
    };
    hints.into_iter().fold(text, |text, hint| format!("{text}; {}", hint.0))
}
