//! A copy of the store in a bucket of an S3-compatible server. The folder stays what is written and read; the bucket
//! keeps it for longer.
//!
//! Keys are the paths of the folder: `<prefix>/sha256/ab/<digest>/<file>`. Invariants: an evidence whose manifest is in
//! the bucket is there whole, because its manifest is sent last; nothing in the bucket is overwritten or removed; no
//! byte from the bucket is used before its digest was checked.

mod bucket;
mod error;
mod fetch;
mod said;
mod unfinished;
mod upload;

use crate::digest::Digest;
use crate::files::write_whole;
use crate::store::EvidenceStore;
use object_store::aws::AmazonS3;
use object_store::path::Path as Key;
use std::path::PathBuf;
use std::sync::Arc;

pub use bucket::{Bucket, Credentials};
pub use error::MirrorError;
pub use said::Said;
pub use upload::Uploaded;

/// Folder of the store that remembers what the bucket has.
const MIRRORED: &str = "mirrored";

/// A store and its copy.
#[derive(Clone, Debug)]
pub struct Mirror {
    store: EvidenceStore,
    remote: Arc<AmazonS3>,
    place: bucket::Place,
}

impl Mirror {
    /// A mirror of `store` in `bucket`. Nothing is asked of the server yet.
    ///
    /// # Errors
    /// The credentials are not there, or the settings are no address of a bucket.
    pub fn new(store: EvidenceStore, bucket: &Bucket) -> Result<Self, MirrorError> {
        let (remote, place) = bucket.connect()?;
        Ok(Mirror { store, remote: Arc::new(remote), place })
    }

    /// Evidence of the folder that is not known to be in the bucket.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn waiting(&self) -> Result<Vec<Digest>, MirrorError> {
        waiting(&self.store, &self.place)
    }

    fn remember(&self, digest: &Digest) -> Result<(), MirrorError> {
        crate::files::make_folder(&self.store.root.join(MIRRORED))?;
        Ok(write_whole(&mark(&self.store, digest), format!("{}\n", self.place).as_bytes())?)
    }

    fn key(&self, digest: &Digest, file: &str) -> Key {
        let digest = digest.to_string();
        let parts = self.place.prefix.iter().map(String::as_str);
        parts.chain(["sha256", &digest[..2], &digest, file]).collect()
    }
}

impl Bucket {
    /// Evidence of `store` that is not known to be in this bucket. It takes no credentials, and nobody is asked.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn waiting(&self, store: &EvidenceStore) -> Result<Vec<Digest>, MirrorError> {
        waiting(store, &self.place())
    }
}

fn waiting(store: &EvidenceStore, place: &bucket::Place) -> Result<Vec<Digest>, MirrorError> {
    let mut digests = store.digests()?;
    let here = place.to_string();
    digests.retain(|digest| std::fs::read_to_string(mark(store, digest)).map_or(true, |mark| mark.trim() != here));
    Ok(digests)
}

/// What remembers where the copy of an evidence is.
fn mark(store: &EvidenceStore, digest: &Digest) -> PathBuf {
    store.root.join(MIRRORED).join(format!("{digest}.txt"))
}
