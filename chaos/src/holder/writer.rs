//! Writes to a disk at a rate, each write down to the disk itself.

use super::{Held, nameless};
use rustix::fs::statfs;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Magic number of tmpfs (`linux/magic.h`).
const TMPFS: u64 = 0x0102_1994;
/// Size of the file that is written over and over.
const FILE_SIZE: u64 = 16 << 20;
/// Largest single write.
const CHUNK_MAX: usize = 1 << 20;
/// Writes a second at a low rate: enough to be felt all the time.
const WRITES_PER_SECOND: u64 = 16;
/// Time that a slow disk may fall behind and make up for; beyond it the dose says so.
const BEHIND_MAX: Duration = Duration::from_millis(200);

pub(super) struct Writer {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Writer {
    pub(super) fn start(folder: &Path, bytes_per_second: u64) -> io::Result<Self> {
        if statfs(folder)?.f_type as u64 == TMPFS {
            return Err(io::Error::other("the folder is on a file system in memory (tmpfs): nothing reaches a disk"));
        }
        let file = nameless::open(folder)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::Builder::new()
            .name("writer".into())
            .spawn(move || write(&file, bytes_per_second, &stopped))?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Held for Writer {
    fn turn(&mut self, _: Duration) -> io::Result<()> {
        if self.thread.as_ref().is_some_and(JoinHandle::is_finished) { self.out() } else { Ok(()) }
    }

    fn out(&mut self) -> io::Result<()> {
        self.stop.store(true, Ordering::Release);
        let ended = self.thread.take().map(JoinHandle::join);
        ended.unwrap_or(Ok(Ok(()))).unwrap_or_else(|_| Err(io::Error::other("the writer failed")))
    }
}

fn write(file: &File, rate: u64, stop: &AtomicBool) -> io::Result<()> {
    let chunk = usize::try_from(rate / WRITES_PER_SECOND).unwrap_or(CHUNK_MAX).clamp(1, CHUNK_MAX);
    // Bytes that no file system can leave out or pack.
    let bytes: Vec<u8> = (0..chunk as u64).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
    let step = Duration::from_secs_f64(chunk as f64 / rate as f64);
    let (mut at, mut due) = (0, Instant::now());
    while !stop.load(Ordering::Acquire) {
        file.write_all_at(&bytes, at)?;
        file.sync_data()?;
        at = (at + chunk as u64) % FILE_SIZE;
        due = (due + step).max(Instant::now().checked_sub(BEHIND_MAX).unwrap_or(due));
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    Ok(())
}
