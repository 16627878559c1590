//! From the folder to the bucket.

use super::Mirror;
use super::error::MirrorError;
use super::unfinished::{Unfinished, forget};
use crate::digest::Digest;
use crate::error::EvidenceError;
use crate::manifest::{FileRef, MANIFEST};
use bytes::Bytes;
use object_store::multipart::{MultipartStore as _, PartId};
use object_store::path::Path as Key;
use object_store::{
    Attribute, Attributes, Error as Answer, GetOptions, ObjectStore as _, ObjectStoreExt as _, PutMode,
    PutMultipartOptions, PutOptions,
};
use std::borrow::Cow;

/// Bytes of a part: S3 asks for 5 MiB at least, and an upload that is cut loses at most one.
const PART_BYTES: usize = 8 << 20;

/// Metadata of an object that names the digest of its bytes.
const SHA256: &str = "mettle-sha256";

/// What an upload did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uploaded {
    /// Files that were sent.
    pub sent: usize,
    /// Files that were there.
    pub there: usize,
}

impl Mirror {
    /// Copies one evidence into the bucket, the manifest last. What is there already is not sent again; what was cut
    /// goes on.
    ///
    /// # Errors
    /// The evidence is damaged, the server does not answer or refuses, or has other bytes there.
    pub async fn upload(&self, digest: &Digest) -> Result<Uploaded, MirrorError> {
        let (store, of) = (self.store.clone(), *digest);
        let files = blocking(move || {
            let manifest = store.manifest(&of)?;
            let own = FileRef::of(&store.manifest_bytes(&of)?);
            let rest = manifest.every_file().map(|(name, file)| (name, file.clone()));
            Ok(rest.chain([(MANIFEST.to_owned(), own)]).collect::<Vec<_>>())
        })
        .await?;
        let mut done = Uploaded::default();
        for (name, wanted) in files {
            if self.has(digest, &name, &wanted).await? {
                done.there += 1;
            } else {
                self.send(digest, &name, &wanted).await?;
                done.sent += 1;
            }
            forget(&self.store, &upload_name(digest, &name))?;
        }
        self.remember(digest)?;
        Ok(done)
    }

    /// Whether the bucket has a file; one of other bytes is an error.
    async fn has(&self, digest: &Digest, name: &str, wanted: &FileRef) -> Result<bool, MirrorError> {
        let key = self.key(digest, name);
        let found = match self.remote.get_opts(&key, GetOptions { head: true, ..GetOptions::default() }).await {
            Ok(found) => found,
            // A head has no body that could say that there is no bucket; whoever puts something is told.
            Err(Answer::NotFound { .. }) => return Ok(false),
            Err(source) => return Err(self.failed("look at", &key, source)),
        };
        if found.meta.size != wanted.bytes {
            return Err(self.damaged(&key, format!("{} of {} bytes", found.meta.size, wanted.bytes)));
        }
        let told =
            found.attributes.get(&Attribute::Metadata(Cow::Borrowed(SHA256))).map(|value| value.as_ref().to_owned());
        let sha256 = match told {
            Some(told) => told,
            // Put there by somebody else: its bytes tell.
            None => Digest::of(&self.bytes_of(&key, wanted.bytes).await?).to_string(),
        };
        if sha256 != wanted.sha256.to_string() {
            return Err(self.damaged(&key, "its bytes are not those of the evidence".to_owned()));
        }
        Ok(true)
    }

    async fn send(&self, digest: &Digest, name: &str, wanted: &FileRef) -> Result<(), MirrorError> {
        let (store, of, file, checked) = (self.store.clone(), *digest, name.to_owned(), wanted.clone());
        let bytes = Bytes::from(blocking(move || store.checked(&of, &file, &checked)).await?);
        let key = self.key(digest, name);
        if bytes.len() > PART_BYTES {
            return self.send_in_parts(&key, &upload_name(digest, name), &bytes, wanted).await;
        }
        let options = PutOptions { mode: PutMode::Create, attributes: attributes(wanted), ..PutOptions::default() };
        match self.remote.put_opts(&key, bytes.into(), options).await {
            Ok(_) => Ok(()),
            // Somebody was faster. What they put there is looked at like everything else.
            Err(Answer::AlreadyExists { .. } | Answer::Precondition { .. }) => {
                self.has(digest, name, wanted).await.map(drop)
            }
            Err(source) => Err(self.failed("put", &key, source)),
        }
    }

    async fn send_in_parts(&self, key: &Key, name: &str, bytes: &Bytes, wanted: &FileRef) -> Result<(), MirrorError> {
        let object = format!("{}: {key}", self.place);
        if let Some(cut) = Unfinished::load(&self.store, name, &object, PART_BYTES as u64) {
            let upload = cut.upload.clone();
            match self.send_parts(key, cut, bytes).await {
                Err(error) if error.forgot_upload() => {
                    // From the beginning, once. What the server still has of it would be paid for until a rule of the
                    // bucket removes it; a server that knows nothing of it has nothing to free.
                    let _ = self.remote.abort_multipart(key, &upload).await;
                    forget(&self.store, name)?;
                }
                sent => return sent,
            }
        }
        let options = PutMultipartOptions { attributes: attributes(wanted), ..PutMultipartOptions::default() };
        let begun = self.remote.create_multipart_opts(key, options).await;
        let upload = begun.map_err(|source| self.failed("begin", key, source))?;
        let new = Unfinished::new(&self.store, name, object, upload, PART_BYTES as u64);
        new.save()?;
        self.send_parts(key, new, bytes).await
    }

    /// Sends what is missing of the parts and puts them together.
    async fn send_parts(&self, key: &Key, mut upload: Unfinished, bytes: &Bytes) -> Result<(), MirrorError> {
        for at in upload.parts.len()..bytes.len().div_ceil(PART_BYTES) {
            let part = bytes.slice(at * PART_BYTES..bytes.len().min((at + 1) * PART_BYTES));
            let put = self.remote.put_part(key, &upload.upload, at, part.into()).await;
            upload.parts.push(put.map_err(|source| self.failed("put a part of", key, source))?.content_id);
            upload.save()?;
        }
        let parts = upload.parts.iter().map(|content_id| PartId { content_id: content_id.clone() }).collect();
        let put = self.remote.complete_multipart(key, &upload.upload, parts).await;
        put.map(drop).map_err(|source| self.failed("complete", key, source))
    }

    /// Bytes of an object that must have `size` of them.
    pub(super) async fn bytes_of(&self, key: &Key, size: u64) -> Result<Bytes, MirrorError> {
        let found = self.remote.get(key).await.map_err(|source| self.failed("get", key, source))?;
        if found.meta.size != size {
            return Err(self.damaged(key, format!("{} of {size} bytes", found.meta.size)));
        }
        found.bytes().await.map_err(|source| self.failed("get", key, source))
    }

    pub(super) fn failed(&self, doing: &'static str, key: &Key, source: Answer) -> MirrorError {
        MirrorError::answer(doing, key.as_ref(), self.place.to_string(), &source)
    }

    pub(super) fn damaged(&self, key: &Key, what: String) -> MirrorError {
        MirrorError::Damaged { key: key.to_string(), place: self.place.to_string(), what }
    }
}

/// Runs what waits for a disk beside the runtime.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EvidenceError> + Send + 'static,
) -> Result<T, MirrorError> {
    Ok(tokio::task::spawn_blocking(work).await.expect("reading and writing files does not panic")?)
}

fn upload_name(digest: &Digest, file: &str) -> String {
    format!("{digest}-{file}")
}

fn attributes(file: &FileRef) -> Attributes {
    let name = Attribute::Metadata(Cow::Borrowed(SHA256));
    Attributes::from_iter([(name, file.sha256.to_string())])
}
