//! The manifest: what belongs to one evidence. Its bytes are what the address is the digest of.

use crate::digest::Digest;
use crate::samples::Extent;
use scorer::evidence::{Evidence, Subject};
use serde::{Deserialize, Serialize};

/// Newest schema that is read, and the one that is written. docs/evidence.md has all of them.
pub const SCHEMA: u64 = 2;

/// Name of the manifest.
pub(crate) const MANIFEST: &str = "manifest.json";
/// Name of the one table of samples of schema 1.
const SAMPLES_OF_1: &str = "samples.parquet";
/// Name of the rest.
pub(crate) const REST: &str = "rest.json";

/// Largest manifest that is read, bytes: it names 5,000 tables, of a year of 5,000 series at 15 s.
pub(crate) const MAX_MANIFEST: u64 = 1024 * 1024;

/// The files and whose they are. `T` is how the tables are named: a list, or in schema 1 one file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Manifest<T = Vec<FileRef>> {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) schema: u64,
    pub(crate) subject: Subject,
    /// Latest time in the evidence, milliseconds since the epoch: the same for the same evidence.
    pub(crate) recorded_until_ms: i64,
    pub(crate) series: u64,
    pub(crate) samples: u64,
    pub(crate) files: Files<T>,
}

/// The files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Files<T = Vec<FileRef>> {
    /// Tables of samples, in order of time.
    pub(crate) samples: T,
    pub(crate) rest: FileRef,
}

/// A file by its content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct FileRef {
    pub(crate) sha256: Digest,
    pub(crate) bytes: u64,
}

impl FileRef {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        FileRef { sha256: Digest::of(bytes), bytes: bytes.len() as u64 }
    }
}

impl Manifest {
    /// Of `rest`, whose series may have no samples, and of the samples that the tables hold.
    pub(crate) fn new(rest: &Evidence, samples: &Extent, files: Files) -> Self {
        Manifest {
            api_version: "mettle/v1".to_owned(),
            kind: "Evidence".to_owned(),
            schema: SCHEMA,
            subject: rest.subject.clone(),
            recorded_until_ms: recorded_until_ms(rest, samples),
            series: rest.series.len() as u64,
            samples: samples.samples,
            files,
        }
    }

    /// Reads a manifest of any schema up to [`SCHEMA`]. The text says what is wrong.
    pub(crate) fn read(bytes: &[u8], schema: u64) -> Result<Self, String> {
        if schema >= 2 {
            return serde_json::from_slice(bytes).map_err(|error| error.to_string());
        }
        let one: Manifest<FileRef> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        Ok(Manifest {
            api_version: one.api_version,
            kind: one.kind,
            schema: one.schema,
            subject: one.subject,
            recorded_until_ms: one.recorded_until_ms,
            series: one.series,
            samples: one.samples,
            files: Files { samples: vec![one.files.samples], rest: one.files.rest },
        })
    }

    /// Schema of a manifest that may be newer than [`SCHEMA`]; `None` when it is no manifest.
    pub(crate) fn schema_of(bytes: &[u8]) -> Option<u64> {
        let value: serde_json::Value = serde_json::from_slice(bytes).ok()?;
        (value.get("kind")? == "Evidence").then(|| value.get("schema")?.as_u64())?
    }

    /// Tables of samples with their names, in order of time.
    pub(crate) fn tables(&self) -> impl Iterator<Item = (String, &FileRef)> {
        let name = |at: usize| if self.schema == 1 { SAMPLES_OF_1.to_owned() } else { table_name(at) };
        self.files.samples.iter().enumerate().map(move |(at, file)| (name(at), file))
    }

    /// Every file but the manifest, with its name.
    pub(crate) fn every_file(&self) -> impl Iterator<Item = (String, &FileRef)> {
        self.tables().chain([(REST.to_owned(), &self.files.rest)])
    }
}

/// Name of the table at a place.
pub(crate) fn table_name(at: usize) -> String {
    format!("samples-{:04}.parquet", at + 1)
}

fn recorded_until_ms(rest: &Evidence, samples: &Extent) -> i64 {
    let samples = samples.times_ms.map(|(_, last)| last);
    let phases = rest.phases.iter().map(|phase| phase.end_ms);
    let events = rest.events.iter().map(|event| event.at_ms);
    phases.chain(events).chain(samples).max().unwrap_or(0)
}
