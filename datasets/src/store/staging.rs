//! Evidence on its way into the store: written beside what is visible, then published by one rename.

use super::EvidenceStore;
use crate::digest::Digest;
use crate::error::EvidenceError;
use crate::files::{make_folder, sync_folder, write_new};
use crate::manifest::{FileRef, Files, MANIFEST, Manifest, REST, table_name};
use crate::rest;
use crate::samples::{self, Extent};
use scorer::evidence::Evidence;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// Where evidence is written before it appears.
const INCOMING: &str = "incoming";

/// Held shared by everybody who writes, and alone by whoever cleans up.
const LOCK: &str = "incoming.lock";

/// A folder that is being written. Dropping it removes it.
pub(crate) struct Staging {
    folder: PathBuf,
    tables: Vec<FileRef>,
    /// Keeps others from cleaning up.
    _lock: File,
}

/// Evidence that is written and on the disk, but not visible yet.
pub(crate) struct Staged {
    staging: Staging,
    digest: Digest,
}

impl Staged {
    /// Its address.
    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }
}

impl Staging {
    /// Adds the next table of samples.
    pub(crate) fn add_table(&mut self, bytes: &[u8]) -> Result<(), EvidenceError> {
        self.write(&table_name(self.tables.len()), bytes)?;
        self.tables.push(FileRef::of(bytes));
        Ok(())
    }

    /// Writes everything but the samples, of which the tables hold `samples`.
    pub(crate) fn seal(mut self, rest: &Evidence, samples: &Extent) -> Result<Staged, EvidenceError> {
        let json = |file| move |source| EvidenceError::Json { file, source };
        let document = rest::to_json(rest).map_err(json(REST))?;
        let files = Files { samples: std::mem::take(&mut self.tables), rest: FileRef::of(&document) };
        let mut manifest = serde_json::to_vec(&Manifest::new(rest, samples, files)).map_err(json(MANIFEST))?;
        manifest.push(b'\n');
        self.write(REST, &document)?;
        self.write(MANIFEST, &manifest)?;
        self.sealed(Digest::of(&manifest))
    }

    /// Adds a file as it is.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), EvidenceError> {
        write_new(&self.folder.join(name), bytes)
    }

    /// Says that all files are there, the manifest with the digest among them.
    pub(crate) fn sealed(self, digest: Digest) -> Result<Staged, EvidenceError> {
        sync_folder(&self.folder)?;
        Ok(Staged { digest, staging: self })
    }
}

impl EvidenceStore {
    /// Takes a visible folder away in one step, and removes it where nobody looks for evidence.
    pub(crate) fn set_aside(&self, folder: &Path) -> Result<(), EvidenceError> {
        let staging = self.staging()?;
        let aside = staging.folder.join("aside");
        fs::rename(folder, &aside).map_err(|source| EvidenceError::io("remove", folder, source))?;
        folder.parent().map_or(Ok(()), sync_folder)?;
        fs::remove_dir_all(&aside).map_err(|source| EvidenceError::io("remove", &aside, source))
    }

    /// Begins to write beside what is visible.
    pub(crate) fn staging(&self) -> Result<Staging, EvidenceError> {
        let lock = self.lock_file()?;
        lock.lock_shared().map_err(|source| EvidenceError::io("lock", &self.root.join(LOCK), source))?;
        // Chance, because processes of two containers may have one number.
        let folder = self.root.join(INCOMING).join(Uuid::new_v4().to_string());
        make_folder(&folder)?;
        Ok(Staging { folder, tables: Vec::new(), _lock: lock })
    }

    /// Writes evidence beside what is visible.
    pub(crate) fn stage(&self, evidence: &Evidence) -> Result<Staged, EvidenceError> {
        samples::check(&evidence.series)?;
        let (labels, extent) = (samples::label_texts(&evidence.series), Extent::of(&evidence.series));
        let mut staging = self.staging()?;
        for stretch in extent.stretches() {
            staging.add_table(&samples::to_parquet(&evidence.series, &labels, &stretch)?)?;
        }
        staging.seal(evidence, &extent)
    }

    /// Makes staged evidence visible by one rename.
    pub(crate) fn publish(&self, staged: &Staged) -> Result<(), EvidenceError> {
        let (target, shard) = (self.folder(&staged.digest), self.shard(&staged.digest));
        make_folder(&shard)?;
        if target.is_dir() {
            if self.verify(&staged.digest).is_empty() {
                return Ok(());
            }
            // Damaged.
            self.set_aside(&target)?;
        }
        match fs::rename(&staged.staging.folder, &target) {
            // Somebody else stored the same bytes meanwhile.
            Err(_) if self.verify(&staged.digest).is_empty() => Ok(()),
            Err(source) => Err(EvidenceError::io("publish", &target, source)),
            Ok(()) => [&shard, &self.root.join("sha256")].into_iter().try_for_each(|folder| sync_folder(folder)),
        }
    }

    /// Removes what killed writers left; leaves everything while somebody writes.
    pub(super) fn clean(&self) -> Result<(), EvidenceError> {
        let incoming = self.root.join(INCOMING);
        if !incoming.is_dir() {
            return Ok(());
        }
        // Held until the end of this function.
        let lock = self.lock_file()?;
        if lock.try_lock().is_ok() {
            fs::remove_dir_all(&incoming).map_err(|source| EvidenceError::io("clean", &incoming, source))?;
        }
        Ok(())
    }

    fn lock_file(&self) -> Result<File, EvidenceError> {
        let path = self.root.join(LOCK);
        let opened = File::options().create(true).truncate(false).write(true).open(&path);
        opened.map_err(|source| EvidenceError::io("create", &path, source))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // Gone already when it was published; otherwise nothing half-written stays.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_staged_by_a_killed_writer_is_invisible_and_cleaned() {
        let dir = tempfile::tempdir().unwrap();
        let store = EvidenceStore::open(dir.path()).unwrap();
        let staged = store.stage(&Evidence::default()).unwrap();
        assert_eq!(store.digests().unwrap(), []);
        // While the writer lives, its folder is left alone.
        EvidenceStore::open(dir.path()).unwrap();
        assert!(staged.staging.folder.join(MANIFEST).is_file());
        // A kill: no destructor runs, the kernel drops the lock.
        let folder = staged.staging.folder.clone();
        staged.staging._lock.unlock().unwrap();
        std::mem::forget(staged);
        let again = EvidenceStore::open(dir.path()).unwrap();
        assert!(!folder.exists());
        assert_eq!(again.list().unwrap(), []);
    }
}
