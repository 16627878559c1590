//! Log files of a component: a reader of its own, rotation, and a cap on what is kept.

use super::events::Events;
use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, PipeReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Read at once: the size of a Linux pipe, so that a component that floods is read in as few calls as possible.
const CHUNK_BYTES: usize = 64 * 1024;
/// Kept in memory to quote the last lines from.
const TAIL_BYTES: usize = 8 * 1024;
/// Lines that are quoted.
const TAIL_LINES: usize = 20;
/// Longest quoted line, in characters.
const TAIL_LINE_CHARS: usize = 300;

/// Where and how much.
#[derive(Clone, Debug)]
pub(crate) struct LogFiles {
    /// Component, for events.
    pub(crate) component: String,
    /// The file that is written; rotated ones get `.1` (newest) and up.
    pub(crate) path: PathBuf,
    /// Size in bytes at which it is rotated.
    pub(crate) max_bytes: u64,
    /// Rotated files that are kept.
    pub(crate) keep: u32,
}

/// The last bytes that a component wrote; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Tail(Arc<Mutex<VecDeque<u8>>>);

impl Tail {
    fn push(&self, bytes: &[u8]) {
        let mut tail = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = &bytes[bytes.len().saturating_sub(TAIL_BYTES)..];
        let surplus = (tail.len() + bytes.len()).saturating_sub(TAIL_BYTES);
        tail.drain(..surplus);
        tail.extend(bytes);
    }

    /// The last lines, oldest first.
    pub(crate) fn lines(&self) -> Vec<String> {
        let bytes: Vec<u8> = self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let from = lines.len().saturating_sub(TAIL_LINES);
        lines[from..].iter().map(|line| line.chars().take(TAIL_LINE_CHARS).collect()).collect()
    }
}

/// Reads a pipe into the files until its last writer is gone. A thread of its own, because file writes block and a
/// flood must not hold up the tasks that watch other components.
pub(crate) fn follow(
    pipe: PipeReader,
    files: LogFiles,
    tail: Tail,
    events: Events,
) -> io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().name(format!("log-{}", files.component)).spawn(move || copy(pipe, files, &tail, &events))
}

fn copy(mut pipe: PipeReader, files: LogFiles, tail: &Tail, events: &Events) {
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut writer = Writer { files, open: None };
    // Each is told once per start of the component: a flood must not flood the events too.
    let (mut told_lost, mut told_failed) = (false, false);
    loop {
        let bytes = match pipe.read(&mut chunk) {
            Ok(0) => return,
            Ok(n) => &chunk[..n],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                return events.emit(
                    "log_truncated",
                    &writer.files.component,
                    format!("the log cannot be read: {error}"),
                );
            }
        };
        tail.push(bytes);
        match writer.write(bytes) {
            Ok(Rotation::OldestRemoved) if !told_lost => {
                told_lost = true;
                let detail = format!(
                    "wrote more than {} log files of {} bytes; the oldest are removed",
                    writer.files.keep + 1,
                    writer.files.max_bytes
                );
                events.emit("log_truncated", &writer.files.component, detail);
            }
            Ok(_) => {}
            // The component goes on: a full disk under the logs is not its fault. The next chunk tries again.
            Err(error) if !told_failed => {
                told_failed = true;
                let detail = format!("{} cannot be written, lines are lost: {error}", writer.files.path.display());
                events.emit("log_truncated", &writer.files.component, detail);
            }
            Err(_) => {}
        }
    }
}

/// What making room for a chunk cost.
#[derive(PartialEq, Eq)]
enum Rotation {
    NothingLost,
    OldestRemoved,
}

struct Writer {
    files: LogFiles,
    open: Option<(File, u64)>,
}

impl Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<Rotation> {
        let mut rotation = Rotation::NothingLost;
        let (file, written) = match self.open.take() {
            Some(open) => open,
            None => {
                let file = OpenOptions::new().create(true).append(true).open(&self.files.path)?;
                let written = file.metadata()?.len();
                (file, written)
            }
        };
        let (mut file, mut written) = (file, written);
        if written > 0 && written + bytes.len() as u64 > self.files.max_bytes {
            rotation = self.rotate()?;
            file = OpenOptions::new().create(true).append(true).open(&self.files.path)?;
            written = 0;
        }
        file.write_all(bytes)?;
        self.open = Some((file, written + bytes.len() as u64));
        Ok(rotation)
    }

    fn rotate(&self) -> io::Result<Rotation> {
        let numbered =
            |n: u32| -> PathBuf { if n == 0 { self.files.path.clone() } else { with_number(&self.files.path, n) } };
        let oldest = numbered(self.files.keep);
        let rotation = if oldest.exists() { Rotation::OldestRemoved } else { Rotation::NothingLost };
        if self.files.keep == 0 {
            fs::remove_file(&oldest)?;
            return Ok(rotation);
        }
        for n in (0..self.files.keep).rev() {
            if numbered(n).exists() {
                fs::rename(numbered(n), numbered(n + 1))?;
            }
        }
        Ok(rotation)
    }
}

fn with_number(path: &Path, n: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{n}"));
    PathBuf::from(name)
}
