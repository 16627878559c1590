//! Files that are there whole or not at all.

use crate::error::EvidenceError;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;

/// Extension of a file that is not whole yet.
pub(crate) const UNFINISHED: &str = "unfinished";

/// Writes a new file and forces it to the disk.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), EvidenceError> {
    let written = File::create_new(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|source| EvidenceError::io("write", path, source))
}

/// Writes a file beside `path`, forces it to the disk, and puts it in the place of `path` by one rename.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), EvidenceError> {
    let beside = path.with_extension(UNFINISHED);
    let written = File::create(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    });
    written.map_err(|source| {
        let _ = fs::remove_file(&beside);
        EvidenceError::io("write", path, source)
    })?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Forces the names in a folder to the disk.
pub(crate) fn sync_folder(path: &Path) -> Result<(), EvidenceError> {
    let synced = File::open(path).and_then(|folder| folder.sync_all());
    synced.map_err(|source| EvidenceError::io("sync", path, source))
}

/// Makes a folder and those above it.
pub(crate) fn make_folder(path: &Path) -> Result<(), EvidenceError> {
    fs::create_dir_all(path).map_err(|source| EvidenceError::io("create", path, source))
}

/// Reads a file of at most `max` bytes; one byte more than that is read from a longer one, so that it is seen.
pub(crate) fn read_at_most(path: &Path, max: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(max.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}
