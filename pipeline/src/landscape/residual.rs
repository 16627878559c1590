//! Finds and ends what an earlier run of the same installation left behind.
//!
//! Every process of a landscape is started with `METTLE_LANDSCAPE=<installation id>` in its environment, which its
//! children inherit and which stays readable in `/proc/<pid>/environ`. Together with all descendants of those
//! processes this finds whatever outlived a reaper that was itself killed. A program that overwrites its own
//! environment and then loses every marked ancestor is the one thing that is not seen.

use super::tree_end;
use chaos::proc_table::{self, Entry};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Environment variable that carries the installation id.
pub const MARK: &str = "METTLE_LANDSCAPE";
/// Environment variable that carries the component name.
pub const COMPONENT_MARK: &str = "METTLE_COMPONENT";

/// How long ending may take before what is left is reported as such.
///
/// SIGKILL takes effect within milliseconds; ten seconds cover a host that swaps.
const END_DEADLINE: Duration = Duration::from_secs(10);

/// A process that was found and should not have been there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Residue {
    /// Process id.
    pub pid: i32,
    /// Its command line, shortened.
    pub command: String,
    /// Whether it is gone.
    pub fate: Fate,
}

/// What became of a residue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It has ended.
    Ended,
    /// It could not be ended; the landscape is tainted.
    Left,
}

/// Why nobody could look for residue.
#[derive(Debug, thiserror::Error)]
#[error("failed to read the process table for remains of installation `{installation}`")]
pub struct ResidualError {
    installation: String,
    #[source]
    source: std::io::Error,
}

/// Ends everything that still runs for this installation. To be called while holding the installation's lock, so
/// that no living Mettle owns what is found. Blocks for at most ten seconds.
pub fn clear(installation: &str) -> Result<Vec<Residue>, ResidualError> {
    clear_marked(&[format!("{MARK}={installation}")])
        .map_err(|source| ResidualError { installation: installation.to_owned(), source })
}

/// Ends everything that still runs for one component of this installation.
pub(crate) fn clear_component(installation: &str, component: &str) -> Result<Vec<Residue>, ResidualError> {
    clear_marked(&[format!("{MARK}={installation}"), format!("{COMPONENT_MARK}={component}")])
        .map_err(|source| ResidualError { installation: installation.to_owned(), source })
}

fn clear_marked(marks: &[String]) -> std::io::Result<Vec<Residue>> {
    let mut named: BTreeMap<(i32, u64), String> = BTreeMap::new();
    // A family stays known after its marked member has died: orphans of a killed parent carry no trace of it.
    let mut known: BTreeSet<(i32, u64)> = BTreeSet::new();
    proc_table::snapshot()?; // the one failure that means "could not look"; later looks see the same /proc
    let left = tree_end::end_all(
        Instant::now() + END_DEADLINE,
        || {
            let found = marked_families(marks, &known);
            for entry in &found {
                known.insert((entry.pid, entry.started));
                named.entry((entry.pid, entry.started)).or_insert_with(|| proc_table::command_line(entry.pid));
            }
            found
        },
        || {},
    );
    let left: BTreeSet<(i32, u64)> = left.iter().map(|e| (e.pid, e.started)).collect();
    Ok(named
        .into_iter()
        .map(|(id, command)| Residue {
            pid: id.0,
            command,
            fate: if left.contains(&id) { Fate::Left } else { Fate::Ended },
        })
        .collect())
}

/// Marked or known processes and their descendants, without ourselves and our ancestors.
fn marked_families(marks: &[String], known: &BTreeSet<(i32, u64)>) -> Vec<Entry> {
    let table = proc_table::snapshot().unwrap_or_default();
    let spared = ancestry(&table);
    let mut found = BTreeSet::new();
    for entry in &table {
        let ours = known.contains(&(entry.pid, entry.started)) || proc_table::environment_has(entry.pid, marks);
        if ours && !spared.contains(&entry.pid) {
            found.insert(*entry);
            found.extend(proc_table::descendants(&table, entry.pid));
        }
    }
    found.into_iter().filter(|entry| !entry.zombie && !spared.contains(&entry.pid)).collect()
}

/// This process and its ancestors.
fn ancestry(table: &[Entry]) -> BTreeSet<i32> {
    let parents: BTreeMap<i32, i32> = table.iter().map(|e| (e.pid, e.parent)).collect();
    let mut pid = i32::try_from(std::process::id()).expect("process ids are positive 32-bit numbers");
    let mut line = BTreeSet::new();
    while pid > 0 && line.insert(pid) {
        pid = parents.get(&pid).copied().unwrap_or(0);
    }
    line
}
