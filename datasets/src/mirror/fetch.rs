//! From the bucket to the folder.

use super::Mirror;
use super::error::MirrorError;
use super::upload::blocking;
use crate::digest::Digest;
use crate::error::EvidenceError;
use crate::manifest::{MANIFEST, MAX_MANIFEST};
use object_store::{Error as Answer, ObjectStoreExt as _};
use scorer::evidence::Evidence;

impl Mirror {
    /// Reads evidence from the folder, and what the folder lacks from the bucket first.
    ///
    /// # Errors
    /// It is in neither of them, damaged, or newer than this program; or the server does not answer.
    pub async fn get(&self, digest: &Digest) -> Result<Evidence, MirrorError> {
        self.fetch(digest).await?;
        let (store, digest) = (self.store.clone(), *digest);
        blocking(move || store.get(&digest)).await
    }

    /// Makes sure that the folder has an evidence whole: what is missing or damaged there comes from the bucket, every
    /// byte checked before it is visible. Says whether anything had to come.
    ///
    /// # Errors
    /// As [`Mirror::get`].
    pub async fn fetch(&self, digest: &Digest) -> Result<bool, MirrorError> {
        let (store, of) = (self.store.clone(), *digest);
        if blocking(move || Ok(store.verify(&of).is_empty())).await? {
            return Ok(false);
        }
        let manifest = self.manifest_bytes(digest).await?;
        let files = self.store.read_manifest(digest, &manifest)?;
        let store = self.store.clone();
        let mut staging = blocking(move || store.staging()).await?;
        for (name, wanted) in files.every_file() {
            let key = self.key(digest, &name);
            let bytes = self.bytes_of(&key, wanted.bytes).await?;
            let wanted = wanted.sha256;
            staging = self
                .checked(key.as_ref(), move || {
                    if Digest::of(&bytes) != wanted {
                        return Ok(None);
                    }
                    staging.write(&name, &bytes)?;
                    Ok(Some(staging))
                })
                .await?;
        }
        let store = self.store.clone();
        let of = *digest;
        blocking(move || {
            staging.write(MANIFEST, &manifest)?;
            store.publish(&staging.sealed(of)?)
        })
        .await?;
        self.remember(digest)?;
        Ok(true)
    }

    /// What `check` gives; nothing means that the bytes are wrong.
    async fn checked<T: Send + 'static>(
        &self,
        key: &str,
        check: impl FnOnce() -> Result<Option<T>, EvidenceError> + Send + 'static,
    ) -> Result<T, MirrorError> {
        let wrong = || MirrorError::Damaged {
            key: key.to_owned(),
            place: self.place.to_string(),
            what: "its bytes are not those of the evidence".to_owned(),
        };
        blocking(check).await?.ok_or_else(wrong)
    }

    async fn manifest_bytes(&self, digest: &Digest) -> Result<Vec<u8>, MirrorError> {
        let key = self.key(digest, MANIFEST);
        let found = match self.remote.get(&key).await {
            Err(Answer::NotFound { source, .. }) if !source.to_string().contains("NoSuchBucket") => {
                return Err(MirrorError::NotThere { digest: *digest, place: self.place.to_string() });
            }
            found => found.map_err(|source| self.failed("get", &key, source))?,
        };
        if found.meta.size > MAX_MANIFEST {
            return Err(self.damaged(&key, format!("{} bytes are too many for a manifest", found.meta.size)));
        }
        let bytes = found.bytes().await.map_err(|source| self.failed("get", &key, source))?;
        if Digest::of(&bytes) != *digest {
            return Err(self.damaged(&key, "its bytes are not those of its address".to_owned()));
        }
        Ok(bytes.into())
    }
}
