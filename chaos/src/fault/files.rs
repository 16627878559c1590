//! What all faults of files have in common.

use crate::problem::Problem;
use crate::sandbox::{FileOperation, probe_path};
use std::collections::BTreeSet;

pub(super) const OPERATIONS: (&str, &str) = (
    "operations",
    "some of open, read (what the kernel has not in memory), write, fsync, create, remove, rename, list, resize (default [read, write, fsync])",
);
pub(super) const PATH: (&str, &str) =
    ("path", "pattern of paths below the folder, with * in its last part: data/*.db, **/*.log (default: all)");
pub(super) const HELD_BY: &str =
    "the holder's connection to the component's sandbox, and its lease: without either the fault is out";
pub(super) const UNDO: &str = "the connection to the sandbox ends, and the fault with it";

/// What is hit when nothing is said.
pub(super) fn usual() -> BTreeSet<FileOperation> {
    [FileOperation::Read, FileOperation::Write, FileOperation::Fsync].into()
}

pub(super) fn requested(
    operations: &BTreeSet<FileOperation>,
    path: Option<&str>,
    share: f64,
) -> Vec<(&'static str, String)> {
    let operations: Vec<String> = operations.iter().map(ToString::to_string).collect();
    let path = path.map(|path| ("path", path.to_owned()));
    [("operations", operations.join(" ")), ("share", share.to_string())].into_iter().chain(path).collect()
}

pub(super) fn problems(key: &str, operations: &BTreeSet<FileOperation>, path: Option<&str>) -> Vec<Problem> {
    let none = operations.is_empty().then(|| {
        let remedy = "name at least one, such as write, or leave the key out";
        Problem::new(format!("{key}.operations"), "[]", "names no operation", remedy)
    });
    let path = path.and_then(|path| {
        let why = probe_path(Some(path), "0").err()?;
        let remedy = "write a pattern below the folder with * in its last part, such as data/*.db or **/*.log";
        Some(Problem::new(format!("{key}.path"), path, why, remedy))
    });
    none.into_iter().chain(path).collect()
}
