//! The store: a folder with one folder per evidence.
//!
//! Invariant: a folder under `sha256/` is complete. It is written elsewhere in the store, forced to the disk, and
//! appears by one rename (`staging`).

mod staging;

use crate::digest::Digest;
use crate::error::EvidenceError;
use crate::files::{make_folder, read_at_most, write_new};
use crate::manifest::{FileRef, MANIFEST, MAX_MANIFEST, Manifest, REST, SCHEMA};
use crate::{rest, samples};
use chrono::{DateTime, Utc};
use scorer::evidence::{Evidence, RawSeries, Subject};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Evidence in a folder.
#[derive(Clone, Debug)]
pub struct EvidenceStore {
    pub(crate) root: PathBuf,
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
        Ok(staged.digest())
    }

    /// Reads evidence; every byte is checked before any is used.
    ///
    /// # Errors
    /// It is not there, damaged, or newer than this program.
    pub fn get(&self, digest: &Digest) -> Result<Evidence, EvidenceError> {
        self.get_only(digest, |series| vec![true; series.len()])
    }

    /// Reads evidence with the samples of some series alone; the others are there without samples. `choose` gets all
    /// series, without samples, and says for each whether it is wanted. Every byte is checked before any is used.
    ///
    /// # Errors
    /// As [`Self::get`].
    ///
    /// # Panics
    /// `choose` gives another number of answers than there are series.
    pub fn get_only(
        &self,
        digest: &Digest,
        choose: impl FnOnce(&[RawSeries]) -> Vec<bool>,
    ) -> Result<Evidence, EvidenceError> {
        let manifest = self.manifest(digest)?;
        let damaged = |file: &str, what| EvidenceError::Damaged { digest: *digest, file: file.to_owned(), what };
        let document = self.checked(digest, REST, &manifest.files.rest)?;
        let mut evidence = rest::from_json(&document).map_err(|what| damaged(REST, what))?;
        let read = if manifest.schema == 1 { samples::into_series_of_1 } else { samples::into_series };
        let (wanted, mut found) = (choose(&evidence.series), 0);
        assert_eq!(wanted.len(), evidence.series.len(), "`choose` says something of every series");
        for (name, file) in manifest.tables() {
            let table = self.checked(digest, &name, file)?;
            found += read(table, &mut evidence.series, &wanted).map_err(|what| damaged(&name, what))?;
        }
        samples::check(&evidence.series).map_err(|error| damaged("samples", error.to_string()))?;
        if found != manifest.samples {
            return Err(damaged("samples", format!("{found} samples, and {} in the manifest", manifest.samples)));
        }
        Ok(evidence)
    }

    /// Everything of an evidence but the samples, checked; its series are there without them.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn rest(&self, digest: &Digest) -> Result<Evidence, EvidenceError> {
        let document = self.checked(digest, REST, &self.manifest(digest)?.files.rest)?;
        let damaged = |what| EvidenceError::Damaged { digest: *digest, file: REST.to_owned(), what };
        rest::from_json(&document).map_err(damaged)
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
                bytes: own + manifest.every_file().map(|(_, file)| file.bytes).sum::<u64>(),
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

    /// Removes one evidence in one step; what a kill leaves of it is removed when the store is opened again.
    ///
    /// # Errors
    /// It is not there, or the folder cannot be written.
    pub fn remove(&self, digest: &Digest) -> Result<(), EvidenceError> {
        let folder = self.folder(digest);
        match folder.is_dir() {
            true => self.set_aside(&folder),
            false => Err(EvidenceError::NotFound { digest: *digest }),
        }
    }

    /// Copies one evidence, checked, into the new folder `target`.
    ///
    /// # Errors
    /// As [`Self::get`], or `target` exists or cannot be written.
    pub fn export(&self, digest: &Digest, target: &Path) -> Result<(), EvidenceError> {
        let manifest = self.manifest(digest)?;
        fs::create_dir(target).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => EvidenceError::TargetExists { path: target.to_owned() },
            _ => EvidenceError::io("create", target, source),
        })?;
        let copy = |name: &str, bytes: Result<Vec<u8>, EvidenceError>| write_new(&target.join(name), &bytes?);
        let written = manifest
            .every_file()
            .try_for_each(|(name, wanted)| copy(&name, self.checked(digest, &name, wanted)))
            .and_then(|()| copy(MANIFEST, self.manifest_bytes(digest)));
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
        let mut problems: Vec<Problem> = manifest
            .every_file()
            .filter_map(|(name, wanted)| self.checked(digest, &name, wanted).err().map(|error| problem(&name, &error)))
            .collect();
        if problems.is_empty()
            && let Err(error) = self.get(digest)
        {
            let file = if let EvidenceError::Damaged { file, .. } = &error { file.clone() } else { REST.to_owned() };
            problems.push(problem(&file, &error));
        }
        problems
    }

    fn shard(&self, digest: &Digest) -> PathBuf {
        self.root.join("sha256").join(&digest.to_string()[..2])
    }

    fn folder(&self, digest: &Digest) -> PathBuf {
        self.shard(digest).join(digest.to_string())
    }

    pub(crate) fn manifest_bytes(&self, digest: &Digest) -> Result<Vec<u8>, EvidenceError> {
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

    pub(crate) fn manifest(&self, digest: &Digest) -> Result<Manifest, EvidenceError> {
        self.read_manifest(digest, &self.manifest_bytes(digest)?)
    }

    /// The manifest in bytes that are those of the address.
    pub(crate) fn read_manifest(&self, digest: &Digest, bytes: &[u8]) -> Result<Manifest, EvidenceError> {
        let damaged = |what| EvidenceError::Damaged { digest: *digest, file: MANIFEST.to_owned(), what };
        match Manifest::schema_of(bytes) {
            Some(schema @ 1..=SCHEMA) => Manifest::read(bytes, schema).map_err(damaged),
            Some(found) if found > SCHEMA => Err(EvidenceError::Newer { digest: *digest, found, known: SCHEMA }),
            Some(_) | None => Err(damaged("it is no manifest of evidence".to_owned())),
        }
    }

    /// Bytes of a file that are exactly those of the manifest.
    pub(crate) fn checked(&self, digest: &Digest, name: &str, wanted: &FileRef) -> Result<Vec<u8>, EvidenceError> {
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

pub(crate) fn names(folder: &Path) -> Result<Vec<String>, EvidenceError> {
    let failed = |source| EvidenceError::io("read", folder, source);
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    entries.map(|entry| Ok(entry.map_err(failed)?.file_name().to_string_lossy().into_owned())).collect()
}
