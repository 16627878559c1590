//! The store: a folder with one folder per evidence.
//!
//! Invariant: a folder under `sha256/` is complete. It is written elsewhere in the store, forced to the disk, and
//! appears by one rename.

use crate::digest::Digest;
use crate::error::EvidenceError;
use crate::files::{make_folder, read_at_most, sync_folder, write_new};
use crate::manifest::{FileRef, Files, MANIFEST, MAX_MANIFEST, Manifest, REST, SAMPLES, SCHEMA};
use crate::{rest, samples};
use chrono::{DateTime, Utc};
use scorer::evidence::{Evidence, Subject};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Where evidence is written before it appears.
const INCOMING: &str = "incoming";

/// Held shared by everybody who writes, and alone by whoever cleans up.
const LOCK: &str = "incoming.lock";

/// Tells apart the folders that one process writes at once.
static STAGED: AtomicU64 = AtomicU64::new(0);

/// Evidence in a folder.
#[derive(Clone, Debug)]
pub struct EvidenceStore {
    root: PathBuf,
}

/// One line of the list.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Address.
    pub digest: Digest,
    /// Whose evidence it is.
    pub subject: Subject,
    /// Size of all its files, bytes.
    pub bytes: u64,
    /// When the recording ended: the latest time in the evidence.
    pub created: DateTime<Utc>,
}

/// What is wrong with one file of an evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// File in its folder.
    pub file: String,
    /// One sentence.
    pub message: String,
}

/// Evidence that is written and on the disk, but not visible yet.
pub(crate) struct Staged {
    folder: PathBuf,
    digest: Digest,
    /// Keeps others from cleaning up.
    _lock: File,
}

impl EvidenceStore {
    /// Opens the store in `dir`, usually `evidence`; makes it if need be, and removes what a killed writer left.
    ///
    /// # Errors
    /// The folder does not exist and cannot be made. A read-only store opens and can be read.
    pub fn open(dir: &Path) -> Result<Self, EvidenceError> {
        let store = EvidenceStore { root: dir.to_owned() };
        let made = make_folder(&store.root.join("sha256")).and_then(|()| store.clean());
        match made {
            Ok(()) => Ok(store),
            Err(EvidenceError::ReadOnly { .. } | EvidenceError::Full { .. }) if dir.is_dir() => Ok(store),
            Err(error) => Err(error),
        }
    }

    /// Stores evidence and returns its address; storing it again changes nothing, and mends it if it was damaged.
    ///
    /// # Errors
    /// A rule of the schema is broken, the disk is full, the folder is read-only; then nothing new is visible.
    pub fn put(&self, evidence: &Evidence) -> Result<Digest, EvidenceError> {
        let staged = self.stage(evidence)?;
        self.publish(&staged)?;
        Ok(staged.digest)
    }

    /// Reads evidence; every byte is checked before any is used.
    ///
    /// # Errors
    /// It is not there, damaged, or newer than this program.
    pub fn get(&self, digest: &Digest) -> Result<Evidence, EvidenceError> {
        let manifest = self.manifest(digest)?;
        let damaged = |file: &str, what| EvidenceError::Damaged { digest: *digest, file: file.to_owned(), what };
        let table = self.checked(digest, SAMPLES, &manifest.files.samples)?;
        let document = self.checked(digest, REST, &manifest.files.rest)?;
        let mut evidence = rest::from_json(&document).map_err(|what| damaged(REST, what))?;
        samples::from_parquet(table, &mut evidence.series).map_err(|what| damaged(SAMPLES, what))?;
        Ok(evidence)
    }

    /// Everything that is there, by time of recording. Damaged manifests are left out; [`Self::verify`] names them.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub fn list(&self) -> Result<Vec<Entry>, EvidenceError> {
        let mut entries = Vec::new();
        for digest in self.digests()? {
            let Ok(manifest) = self.manifest(&digest) else {
                continue;
            };
            let own = fs::metadata(self.folder(&digest).join(MANIFEST)).map_or(0, |file| file.len());
            entries.push(Entry {
                digest,
                bytes: own + manifest.files.samples.bytes + manifest.files.rest.bytes,
                created: DateTime::from_timestamp_millis(manifest.recorded_until_ms).unwrap_or_default(),
                subject: manifest.subject,
            });
        }
        entries.sort_by_key(|entry| (entry.created, entry.digest));
        Ok(entries)
    }

    /// Addresses of everything that is there, damaged or not.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub fn digests(&self) -> Result<Vec<Digest>, EvidenceError> {
        let mut digests = Vec::new();
        for shard in names(&self.root.join("sha256"))? {
            let shard = self.root.join("sha256").join(shard);
            digests.extend(names(&shard)?.iter().filter_map(|name| name.parse::<Digest>().ok()));
        }
        digests.sort_unstable();
        Ok(digests)
    }

    /// Copies one evidence, checked, into the new folder `target`.
    ///
    /// # Errors
    /// As [`Self::get`], or `target` exists or cannot be written.
    pub fn export(&self, digest: &Digest, target: &Path) -> Result<(), EvidenceError> {
        let manifest = self.manifest(digest)?;
        let files = [
            (MANIFEST, self.manifest_bytes(digest)?),
            (SAMPLES, self.checked(digest, SAMPLES, &manifest.files.samples)?),
            (REST, self.checked(digest, REST, &manifest.files.rest)?),
        ];
        fs::create_dir(target).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => EvidenceError::TargetExists { path: target.to_owned() },
            _ => EvidenceError::io("create", target, source),
        })?;
        let written = files.iter().try_for_each(|(name, bytes)| write_new(&target.join(name), bytes));
        if written.is_err() {
            // Nothing half-written stays; the first error is the one that matters.
            let _ = fs::remove_dir_all(target);
        }
        written
    }

    /// Everything that is wrong with one evidence; nothing when it can be read.
    pub fn verify(&self, digest: &Digest) -> Vec<Problem> {
        let problem = |file: &str, error: &EvidenceError| {
            let message = match error {
                EvidenceError::Damaged { what, .. } => what.clone(),
                error => error.to_string(),
            };
            Problem { file: file.to_owned(), message }
        };
        let manifest = match self.manifest(digest) {
            Ok(manifest) => manifest,
            Err(error) => return vec![problem(MANIFEST, &error)],
        };
        let files = [(SAMPLES, &manifest.files.samples), (REST, &manifest.files.rest)];
        let mut problems: Vec<Problem> = files
            .iter()
            .filter_map(|(name, wanted)| self.checked(digest, name, wanted).err().map(|error| problem(name, &error)))
            .collect();
        if problems.is_empty()
            && let Err(error) = self.get(digest)
        {
            let file = if let EvidenceError::Damaged { file, .. } = &error { file.clone() } else { REST.to_owned() };
            problems.push(problem(&file, &error));
        }
        problems
    }

    /// Writes evidence beside what is visible.
    pub(crate) fn stage(&self, evidence: &Evidence) -> Result<Staged, EvidenceError> {
        samples::check(&evidence.series)?;
        let json = |file| move |source| EvidenceError::Json { file, source };
        let table = samples::to_parquet(&evidence.series)?;
        let document = rest::to_json(evidence).map_err(json(REST))?;
        let files = Files { samples: FileRef::of(&table), rest: FileRef::of(&document) };
        let mut manifest = serde_json::to_vec(&Manifest::new(evidence, files)).map_err(json(MANIFEST))?;
        manifest.push(b'\n');
        let digest = Digest::of(&manifest);

        let lock = self.lock_file()?;
        lock.lock_shared().map_err(|source| EvidenceError::io("lock", &self.root.join(LOCK), source))?;
        let number = STAGED.fetch_add(1, Ordering::Relaxed);
        let folder = self.root.join(INCOMING).join(format!("{}-{number}-{digest}", std::process::id()));
        // From here on, dropping `staged` removes what was written.
        let staged = Staged { folder, digest, _lock: lock };
        make_folder(&staged.folder)?;
        for (name, bytes) in [(SAMPLES, &table), (REST, &document), (MANIFEST, &manifest)] {
            write_new(&staged.folder.join(name), bytes)?;
        }
        sync_folder(&staged.folder)?;
        Ok(staged)
    }

    /// Makes staged evidence visible by one rename.
    pub(crate) fn publish(&self, staged: &Staged) -> Result<(), EvidenceError> {
        let target = self.folder(&staged.digest);
        let shard = self.shard(&staged.digest);
        make_folder(&shard)?;
        if target.is_dir() {
            if self.verify(&staged.digest).is_empty() {
                return Ok(());
            }
            // Damaged: it leaves in one step, and is removed where nobody looks for evidence.
            let aside = staged.folder.with_extension("damaged");
            fs::rename(&target, &aside).map_err(|source| EvidenceError::io("replace", &target, source))?;
            let _ = fs::remove_dir_all(&aside);
        }
        match fs::rename(&staged.folder, &target) {
            // Somebody else stored the same bytes meanwhile.
            Err(_) if self.verify(&staged.digest).is_empty() => Ok(()),
            Err(source) => Err(EvidenceError::io("publish", &target, source)),
            Ok(()) => [&shard, &self.root.join("sha256")].into_iter().try_for_each(|folder| sync_folder(folder)),
        }
    }

    fn lock_file(&self) -> Result<File, EvidenceError> {
        let path = self.root.join(LOCK);
        let opened = File::options().create(true).truncate(false).write(true).open(&path);
        opened.map_err(|source| EvidenceError::io("create", &path, source))
    }

    /// Removes what killed writers left; leaves everything while somebody writes.
    fn clean(&self) -> Result<(), EvidenceError> {
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

    fn shard(&self, digest: &Digest) -> PathBuf {
        self.root.join("sha256").join(&digest.to_string()[..2])
    }

    fn folder(&self, digest: &Digest) -> PathBuf {
        self.shard(digest).join(digest.to_string())
    }

    fn manifest_bytes(&self, digest: &Digest) -> Result<Vec<u8>, EvidenceError> {
        let path = self.folder(digest).join(MANIFEST);
        let damaged =
            |what: &str| EvidenceError::Damaged { digest: *digest, file: MANIFEST.to_owned(), what: what.to_owned() };
        match read_at_most(&path, MAX_MANIFEST) {
            Ok(bytes) if Digest::of(&bytes) == *digest => Ok(bytes),
            Ok(_) => Err(damaged("its bytes are not those of its address")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => match self.folder(digest).is_dir() {
                true => Err(damaged("it is missing")),
                false => Err(EvidenceError::NotFound { digest: *digest }),
            },
            Err(source) => Err(EvidenceError::io("read", &path, source)),
        }
    }

    fn manifest(&self, digest: &Digest) -> Result<Manifest, EvidenceError> {
        let bytes = self.manifest_bytes(digest)?;
        let damaged = |what| EvidenceError::Damaged { digest: *digest, file: MANIFEST.to_owned(), what };
        match Manifest::schema_of(&bytes) {
            Some(SCHEMA) => serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string())),
            Some(found) if found > SCHEMA => Err(EvidenceError::Newer { digest: *digest, found, known: SCHEMA }),
            Some(_) | None => Err(damaged("it is no manifest of evidence".to_owned())),
        }
    }

    /// Bytes of a file that are exactly those of the manifest.
    fn checked(&self, digest: &Digest, name: &str, wanted: &FileRef) -> Result<Vec<u8>, EvidenceError> {
        let path = self.folder(digest).join(name);
        let damaged = |what| EvidenceError::Damaged { digest: *digest, file: name.to_owned(), what };
        let bytes = match read_at_most(&path, wanted.bytes) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(damaged("it is missing".to_owned()));
            }
            Err(source) => return Err(EvidenceError::io("read", &path, source)),
        };
        match bytes.len() as u64 {
            len if len < wanted.bytes => Err(damaged(format!("truncated: {len} of {} bytes", wanted.bytes))),
            len if len > wanted.bytes => Err(damaged(format!("longer than its {} bytes", wanted.bytes))),
            _ if Digest::of(&bytes) != wanted.sha256 => Err(damaged("its bytes were changed".to_owned())),
            _ => Ok(bytes),
        }
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // Gone already when it was published; otherwise nothing half-written stays.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn names(folder: &Path) -> Result<Vec<String>, EvidenceError> {
    let failed = |source| EvidenceError::io("read", folder, source);
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    entries.map(|entry| Ok(entry.map_err(failed)?.file_name().to_string_lossy().into_owned())).collect()
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
        assert!(staged.folder.join(MANIFEST).is_file());
        // A kill: no destructor runs, the kernel drops the lock.
        let folder = staged.folder.clone();
        staged._lock.unlock().unwrap();
        std::mem::forget(staged);
        let again = EvidenceStore::open(dir.path()).unwrap();
        assert!(!folder.exists());
        assert_eq!(again.list().unwrap(), []);
    }
}
