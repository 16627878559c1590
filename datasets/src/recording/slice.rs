//! One slice of a recording: a table of its own, named by its number and digest.

use crate::digest::Digest;
use crate::error::EvidenceError;
use crate::files::{UNFINISHED, write_whole};
use crate::samples::{self, Extent};
use crate::store::names;
use scorer::evidence::RawSeries;
use std::fs;
use std::path::{Path, PathBuf};

/// A slice on the disk.
#[derive(Debug)]
pub(super) struct Slice {
    path: PathBuf,
    digest: Digest,
    /// What is in it; nothing until it was read.
    pub(super) extent: Extent,
}

impl Slice {
    /// Slices in a folder in their order; what is not whole is removed.
    pub(super) fn all(folder: &Path) -> Result<Vec<Self>, EvidenceError> {
        let mut found: Vec<(usize, Slice)> = Vec::new();
        for name in names(folder)? {
            let path = folder.join(&name);
            if path.extension().is_some_and(|extension| extension == UNFINISHED) {
                fs::remove_file(&path).map_err(|source| EvidenceError::io("clean", &path, source))?;
            } else if let Some((number, digest)) = named(&name) {
                found.push((number, Slice { path, digest, extent: Extent::EMPTY }));
            }
        }
        found.sort_by_key(|(number, _)| *number);
        if let Some((wanted, _)) = (1..).zip(&found).find(|(wanted, (number, _))| wanted != number) {
            // A hole would look like a component that was not scraped.
            let what = format!("slice {wanted} is not there, or twice");
            return Err(EvidenceError::Slice { path: folder.join(format!("{wanted:06}-*.parquet")), what });
        }
        Ok(found.into_iter().map(|(_, slice)| slice).collect())
    }

    /// Writes a slice; it is on the disk then.
    pub(super) fn write(folder: &Path, number: usize, bytes: &[u8], extent: Extent) -> Result<Self, EvidenceError> {
        let digest = Digest::of(bytes);
        let path = folder.join(format!("{number:06}-{digest}.parquet"));
        write_whole(&path, bytes).inspect_err(|_| {
            // It may be there and not forced to the disk: the next slice takes its number.
            let _ = fs::remove_file(&path);
        })?;
        Ok(Slice { path, digest, extent })
    }

    /// Its samples, checked by its digest.
    pub(super) fn read(&self) -> Result<Vec<RawSeries>, EvidenceError> {
        let bytes = fs::read(&self.path).map_err(|source| EvidenceError::io("read", &self.path, source))?;
        if Digest::of(&bytes) != self.digest {
            return Err(self.damaged("its bytes are not those that were written"));
        }
        let series = samples::named(bytes).map_err(|what| self.damaged(&what))?;
        samples::check(&series)?;
        Ok(series)
    }

    pub(super) fn damaged(&self, what: &str) -> EvidenceError {
        EvidenceError::Slice { path: self.path.clone(), what: what.to_owned() }
    }
}

/// Number and digest in the name of a slice.
fn named(name: &str) -> Option<(usize, Digest)> {
    let (number, digest) = name.strip_suffix(".parquet")?.split_once('-')?;
    Some((number.parse().ok()?, digest.parse().ok()?))
}
