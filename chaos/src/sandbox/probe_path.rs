//! Names of files of ours that a fault of files meets, so that its dose can be seen.

use glob::{MatchOptions, Pattern};
use std::path::{Path, PathBuf};

/// Part of the name of every file that is only there to be looked at.
pub(crate) const PROBE: &str = ".mettle-probe-";

/// Path of a probe below the folder that the pattern names.
///
/// # Errors
/// Why no probe could match the pattern, or none should.
pub(crate) fn probe_path(pattern: Option<&str>, key: &str) -> Result<PathBuf, &'static str> {
    let name = format!("{PROBE}{key}");
    let Some(pattern) = pattern else { return Ok(name.into()) };
    let compiled = Pattern::new(pattern).map_err(|_| "is not a pattern")?;
    let (folders, last) = pattern.rsplit_once('/').unwrap_or(("", pattern));
    let mut path = PathBuf::new();
    for part in folders.split('/').filter(|_| !folders.is_empty()) {
        match part {
            "**" => (),
            "" | "." | ".." => return Err("leads out of the folder"),
            part if part.contains(['*', '?', '[']) => {
                return Err("has a pattern in a folder's name: only ** may stand there");
            }
            part => path.push(part),
        }
    }
    if !last.contains('*') || last.contains(['?', '[']) {
        return Err("names no file of ours: nobody could see whether the fault is in");
    }
    path.push(last.replacen('*', &name, 1).replace('*', ""));
    let options = MatchOptions { require_literal_separator: true, ..MatchOptions::new() };
    if compiled.matches_path_with(&path, options) { Ok(path) } else { Err("is not a pattern of files") }
}

/// Whether a file is a probe, of this key or of any.
pub(crate) fn is_probe(file: &Path, key: Option<&str>) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let Some((_, rest)) = name.split_once(PROBE) else { return false };
    match key {
        Some(key) => rest.starts_with(key),
        None => rest.len() >= KEY_DIGITS && rest.bytes().take(KEY_DIGITS).all(|byte| byte.is_ascii_hexdigit()),
    }
}

/// Hexadecimal digits at the start of every key.
pub(crate) const KEY_DIGITS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_match_the_pattern_that_they_are_made_for() {
        let path = |pattern| probe_path(Some(pattern), "0123456789abcdef").map(|path| path.display().to_string());
        assert_eq!(path("data/*.db").unwrap(), "data/.mettle-probe-0123456789abcdef.db");
        assert_eq!(path("**/wal*").unwrap(), "wal.mettle-probe-0123456789abcdef");
        assert_eq!(path("**/a/*x*").unwrap(), "a/.mettle-probe-0123456789abcdefx");
        for pattern in ["wal", "../*", "/etc/*", "a*/b*", "a?*", "[ab]*", "a/./*", ""] {
            assert!(path(pattern).is_err(), "{pattern}");
        }
        assert!(is_probe(Path::new("x/.mettle-probe-0123456789abcdef-3.db"), None));
        assert!(!is_probe(Path::new("x/.mettle-probe-mine"), None));
    }
}
