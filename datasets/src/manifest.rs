//! The manifest: what belongs to one evidence. Its bytes are what the address is the digest of.

use crate::digest::Digest;
use scorer::evidence::{Evidence, Subject};
use serde::{Deserialize, Serialize};

/// Newest schema that is written and read.
pub const SCHEMA: u64 = 1;

/// Name of the manifest.
pub(crate) const MANIFEST: &str = "manifest.json";
/// Name of the table of samples.
pub(crate) const SAMPLES: &str = "samples.parquet";
/// Name of the rest.
pub(crate) const REST: &str = "rest.json";

/// Largest manifest that is read, bytes; a real one has about one kilobyte.
pub(crate) const MAX_MANIFEST: u64 = 64 * 1024;

/// Two files and whose they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Manifest {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) schema: u64,
    pub(crate) subject: Subject,
    /// Latest time in the evidence, milliseconds since the epoch: the same for the same evidence.
    pub(crate) recorded_until_ms: i64,
    pub(crate) series: u64,
    pub(crate) samples: u64,
    pub(crate) files: Files,
}

/// The two files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Files {
    pub(crate) samples: FileRef,
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
    pub(crate) fn new(evidence: &Evidence, files: Files) -> Self {
        Manifest {
            api_version: "mettle/v1".to_owned(),
            kind: "Evidence".to_owned(),
            schema: SCHEMA,
            subject: evidence.subject.clone(),
            recorded_until_ms: recorded_until_ms(evidence),
            series: evidence.series.len() as u64,
            samples: evidence.series.iter().map(|series| series.values.len() as u64).sum(),
            files,
        }
    }

    /// Schema of a manifest that may be newer than [`SCHEMA`]; `None` when it is no manifest.
    pub(crate) fn schema_of(bytes: &[u8]) -> Option<u64> {
        let value: serde_json::Value = serde_json::from_slice(bytes).ok()?;
        (value.get("kind")? == "Evidence").then(|| value.get("schema")?.as_u64())?
    }
}

fn recorded_until_ms(evidence: &Evidence) -> i64 {
    let samples = evidence.series.iter().filter_map(|series| series.times_ms.last().copied());
    let phases = evidence.phases.iter().map(|phase| phase.end_ms);
    let events = evidence.events.iter().map(|event| event.at_ms);
    samples.chain(phases).chain(events).max().unwrap_or(0)
}
