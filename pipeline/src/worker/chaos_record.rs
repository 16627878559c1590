//! The record of an experiment that ran on its own: everything that is needed to run the same again.

use super::decided::Decided;
use super::installation::Installation;
use chaos::document::Experiment;
use chaos::load::LoadRecord;
use chaos::plan::Plan;
use chrono::{DateTime, Utc};
use scorer::evidence::Exposure;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Version and kind of the document.
const API_VERSION: &str = "mettle/v1";
const KIND: &str = "ChaosRecord";

/// How an experiment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChaosOutcome {
    /// Every step ran, and every injection was verified.
    Completed,
    /// No injection, or not every one, could be verified.
    NotVerified,
    /// A guard tripped; everything is undone.
    GuardTripped,
    /// A person ended it; everything is undone.
    Aborted,
    /// Something of ours is left.
    Residue,
}

/// The record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChaosRecord {
    /// `mettle/v1`.
    pub api_version: String,
    /// `ChaosRecord`.
    pub kind: String,
    /// Id, also the name of the file.
    pub id: String,
    /// Record that this is a replay of.
    pub replay_of: Option<String>,
    /// Product.
    pub product: String,
    /// Tag that ran.
    pub tag: String,
    /// Its commit.
    pub commit: String,
    /// Landscape.
    pub landscape: String,
    /// The experiment as it was written.
    pub experiment: Experiment,
    /// Repetitions that replaced the experiment's own.
    pub repeat: Option<u32>,
    /// Seed of every draw.
    pub seed: u64,
    /// SHA-256 of the plan.
    pub plan_hash: String,
    /// The plan.
    pub plan: Plan,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When everything was undone.
    pub ended_at: DateTime<Utc>,
    /// How it ended.
    pub outcome: ChaosOutcome,
    /// How far the hypothesis is decided; only with `repeat: {until: decided}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<Decided>,
    /// What is left, in words.
    pub residue: Option<String>,
    /// Every injection with requested and achieved dose.
    pub exposures: Vec<Exposure>,
    /// Loads that ran beside faults, each with what it measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loads: Vec<LoadRecord>,
}

/// Why there is no record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It is not there.
    #[error("there is no record `{name}`; {}", if known.is_empty() { "no experiment was run yet: mettle chaos run FILE".to_owned() } else { format!("known: {}", known.join(", ")) })]
    NotFound {
        /// What was asked for.
        name: String,
        /// Ids that are there.
        known: Vec<String>,
    },
    /// It cannot be read or written.
    #[error("cannot use the record {}", path.display())]
    Disk {
        /// File.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// It is no record, or one of another version.
    #[error("{} is not a record of this version; make one with mettle chaos run FILE", path.display())]
    Unreadable {
        /// File.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
}

impl ChaosRecord {
    /// Version and kind for a new record.
    pub fn head() -> (String, String) {
        (API_VERSION.into(), KIND.into())
    }

    /// Reads the record in the file `name`, or the one of an installation whose id is or begins with `name`.
    ///
    /// # Errors
    /// There is none, or several fit, or it cannot be read.
    pub fn find(installation: &Installation, name: &str) -> Result<Self, RecordError> {
        let path = Path::new(name);
        if path.is_file() {
            return read(path);
        }
        let known = ids(installation)?;
        let fit: Vec<&String> = known.iter().filter(|id| id.starts_with(name)).collect();
        match fit.as_slice() {
            [id] if !name.is_empty() => read(&folder(installation).join(format!("{id}.json"))),
            _ => Err(RecordError::NotFound { name: name.to_owned(), known }),
        }
    }

    /// All records of an installation that can be read, oldest first.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn all(installation: &Installation) -> Result<Vec<Self>, RecordError> {
        let path = |id: String| folder(installation).join(format!("{id}.json"));
        let mut all: Vec<Self> = ids(installation)?.into_iter().filter_map(|id| read(&path(id)).ok()).collect();
        all.sort_by_key(|record| record.started_at);
        Ok(all)
    }

    /// Writes the record into the installation; the path.
    ///
    /// # Errors
    /// The disk.
    pub fn write(&self, installation: &Installation) -> Result<PathBuf, RecordError> {
        let path = folder(installation).join(format!("{}.json", self.id));
        let disk = |source| RecordError::Disk { path: path.clone(), source };
        std::fs::create_dir_all(folder(installation)).map_err(disk)?;
        let text = serde_json::to_string_pretty(self)
            .map_err(|source| RecordError::Unreadable { path: path.clone(), source })?;
        // Beside and renamed: a record that can be seen is whole.
        let beside = path.with_extension("json.new");
        std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, &path)).map_err(disk)?;
        Ok(path)
    }
}

fn folder(installation: &Installation) -> PathBuf {
    installation.work("chaos")
}

fn read(path: &Path) -> Result<ChaosRecord, RecordError> {
    let text = std::fs::read_to_string(path).map_err(|source| RecordError::Disk { path: path.to_owned(), source })?;
    serde_json::from_str(&text).map_err(|source| RecordError::Unreadable { path: path.to_owned(), source })
}

fn ids(installation: &Installation) -> Result<Vec<String>, RecordError> {
    let path = folder(installation);
    let disk = |source| RecordError::Disk { path: path.clone(), source };
    if !path.is_dir() {
        return Ok(vec![]);
    }
    let mut ids = Vec::new();
    for entry in std::fs::read_dir(&path).map_err(disk)? {
        let name = entry.map_err(disk)?.file_name().to_string_lossy().into_owned();
        ids.extend(name.strip_suffix(".json").map(str::to_owned));
    }
    ids.sort();
    Ok(ids)
}
