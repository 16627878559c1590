//! The copy of all evidence in a bucket, as `mettle.yaml` says.

use super::installation::Installation;
use crate::documents::settings::{CredentialsFrom, EvidenceBucket};
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

/// Brings evidence back that the folder lacks and the bucket may have. What cannot be had is told, and found missing by
/// whoever reads it.
pub async fn bring_back(installation: &Installation, digests: Vec<Digest>) {
    if let Err(error) = fetch_all(installation, digests).await {
        tracing::warn!("{}", told(&error));
    }
}

async fn fetch_all(installation: &Installation, digests: Vec<Digest>) -> Result<(), CopyError> {
    let Some(mirror) = mirror(installation)? else { return Ok(()) };
    for digest in digests {
        if mirror.fetch(&digest).await? {
            tracing::info!("evidence {digest} came back from the bucket");
        }
    }
    Ok(())
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
