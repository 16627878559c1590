//! An upload in parts that was cut: what the server has of it.

use crate::error::EvidenceError;
use crate::files::{make_folder, write_whole};
use crate::store::EvidenceStore;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::PathBuf;

/// Folder of the store that remembers uploads in parts.
const UPLOADS: &str = "uploads";

/// The parts so far.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Unfinished {
    /// Key with the address of the copy.
    pub(super) object: String,
    /// Id that the server gave.
    pub(super) upload: String,
    pub(super) part_bytes: u64,
    /// What the server said of each part, in order.
    pub(super) parts: Vec<String>,
    #[serde(skip)]
    path: PathBuf,
}

impl Unfinished {
    /// A new one; on the disk only with [`Unfinished::save`].
    pub(super) fn new(store: &EvidenceStore, name: &str, object: String, upload: String, part_bytes: u64) -> Self {
        Unfinished { object, upload, part_bytes, parts: Vec::new(), path: place(store, name) }
    }

    /// What was saved under a name for the same object and length of parts; anything else is of no use any more.
    pub(super) fn load(store: &EvidenceStore, name: &str, object: &str, part_bytes: u64) -> Option<Self> {
        let path = place(store, name);
        let saved: Unfinished = serde_json::from_slice(&fs::read(&path).ok()?).ok()?;
        (saved.object == object && saved.part_bytes == part_bytes).then_some(Unfinished { path, ..saved })
    }

    pub(super) fn save(&self) -> Result<(), EvidenceError> {
        if let Some(folder) = self.path.parent() {
            make_folder(folder)?;
        }
        let bytes = serde_json::to_vec(self).map_err(|source| EvidenceError::Json { file: "an upload", source })?;
        write_whole(&self.path, &bytes)
    }
}

/// Forgets an upload that is over.
pub(super) fn forget(store: &EvidenceStore, name: &str) -> Result<(), EvidenceError> {
    let path = place(store, name);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(EvidenceError::io("remove", &path, error)),
        _ => Ok(()),
    }
}

fn place(store: &EvidenceStore, name: &str) -> PathBuf {
    store.root.join(UPLOADS).join(format!("{name}.json"))
}
