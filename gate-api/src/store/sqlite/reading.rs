//! A store in a folder that cannot be written: opened for reading alone.

use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// What a file that nobody writes looks like. Taken when it is opened without any locks, compared at every reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frozen {
    bytes: u64,
    changed: Option<SystemTime>,
    log_bytes: u64,
}

impl Frozen {
    /// How the file is now; none when it cannot be seen.
    pub fn of(path: &Path) -> Option<Self> {
        let seen = std::fs::metadata(path).ok()?;
        let log_bytes = std::fs::metadata(log_of(path)).map_or(0, |log| log.len());
        Some(Frozen { bytes: seen.len(), changed: seen.modified().ok(), log_bytes })
    }
}

fn log_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}

/// Opens an existing database for reading. With [`Frozen`] when it was opened without locks, because the files that
/// readers and writers meet in could not be made: whoever reads must look whether it is still the same.
///
/// # Errors
/// It is not there, cannot be read, or holds writes in its log that cannot be read without writing.
pub fn read_only(path: &Path, busy: Duration) -> rusqlite::Result<(Connection, Option<Frozen>)> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let look = |connection: &Connection| connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(busy)?;
    let refused = match look(&connection) {
        Ok(()) => return Ok((connection, None)),
        Err(error) => error,
    };
    let unwritable = matches!(refused.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly));
    match Frozen::of(path) {
        // A log that is left would be ignored below, and with it the newest verdicts.
        Some(frozen) if unwritable && frozen.log_bytes == 0 => {
            let connection = Connection::open_with_flags(immutable(path), flags)?;
            look(&connection)?;
            Ok((connection, Some(frozen)))
        }
        Some(_) | None => Err(refused),
    }
}

/// The URI of a file that nobody changes while it is open.
fn immutable(path: &Path) -> String {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' => uri.push(char::from(*byte)),
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_quoted() {
        assert_eq!(immutable(Path::new("/a b/c?d%.db")), "file:/a%20b/c%3Fd%25.db?immutable=1");
    }
}
