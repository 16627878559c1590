//! Operations on files of ours in the component's own view of its folder, against the same past its sandbox.

use super::sandboxed::{AllSeen, Looks, Seen};
use crate::holder::{Order, PROBE_SIZE, let_go, make_anew, probes, seen_by};
use crate::sandbox::{FileEffect, FileFault, FileOperation, TornEnd, is_elsewhere};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Looks past the sandbox, of each operation: the median survives one outlier.
const STRAIGHT: u32 = 3;
/// How often a file is tried to be opened for another operation when opening itself may fail.
const OPENS: u32 = 200;

/// Where the probes are, and what is done with them.
pub(super) struct FileProbe {
    fault: FileFault,
    /// The folder as the component sees it, and as the host does.
    through: PathBuf,
    straight: PathBuf,
    probes: Vec<PathBuf>,
    /// What is written is never written twice.
    writes: AtomicU64,
}

/// One operation that was tried.
struct Tried {
    ended: io::Result<()>,
    took: Duration,
    /// The block that was written.
    block: Option<Vec<u8>>,
}

impl FileProbe {
    pub(super) fn new(order: &Order, fault: &FileFault) -> Result<Self, String> {
        let main = order.processes.first().ok_or("the component does not run")?;
        if !is_elsewhere(main) {
            return Err(format!("process {} lives in no sandbox", main.pid));
        }
        let folder = order.folder.as_ref().ok_or("the component has no folder")?;
        let straight = folder.canonicalize().map_err(|error| format!("{}: {error}", folder.display()))?;
        let through = seen_by(main.pid, &straight);
        let probes = probes(order, fault)?;
        Ok(Self { fault: fault.clone(), through, straight, probes, writes: AtomicU64::new(0) })
    }

    /// Tries every operation of the fault so often. Blocks.
    pub(super) fn look(&self, looks: Looks, stop: &AtomicBool) -> Result<AllSeen, String> {
        let look = |op: &FileOperation| Ok((Some(*op), self.look_at(*op, looks, stop)?));
        self.fault.operations.iter().map(look).collect()
    }

    fn look_at(&self, op: FileOperation, looks: Looks, stop: &AtomicBool) -> Result<Seen, String> {
        let base = self.base(op)?;
        let mut seen = Seen::default();
        while !stop.load(Ordering::Acquire) {
            let wave = looks.left(seen.hits).min(self.at_once(op));
            if wave == 0 {
                break;
            }
            let tried: Vec<_> = std::thread::scope(|scope| {
                let start = |n| scope.spawn(move || self.attempt(&self.through, op, n));
                let threads: Vec<_> = (0..wave as usize).map(start).collect();
                threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
            });
            for (n, tried) in tried.into_iter().enumerate() {
                self.count(&mut seen, (n, tried?), base);
            }
        }
        Ok(seen)
    }

    /// How many do not wait for each other: the kernel changes the names in a folder one at a time.
    fn at_once(&self, op: FileOperation) -> u32 {
        match op {
            FileOperation::Create | FileOperation::Remove | FileOperation::Rename => 1,
            _ => self.probes.len() as u32,
        }
    }

    /// How long the operation takes past the sandbox, where it must not fail.
    fn base(&self, op: FileOperation) -> Result<Duration, String> {
        let mut times = Vec::new();
        for _ in 0..STRAIGHT {
            let tried = self.attempt(&self.straight, op, 0)?;
            tried.ended.map_err(|error| format!("{op} fails past the sandbox, too: {error}"))?;
            times.push(tried.took);
        }
        times.sort();
        Ok(times[times.len() / 2])
    }

    fn count(&self, seen: &mut Seen, (n, tried): (usize, Tried), base: Duration) {
        seen.hits.probes += 1;
        let errno = tried.ended.as_ref().err().and_then(io::Error::raw_os_error);
        let is_hit = match self.fault.effect {
            FileEffect::Error(error) => errno == Some(error.number()),
            FileEffect::Delay { delay, .. } => {
                let added = tried.took.saturating_sub(base);
                let is_late = tried.ended.is_ok() && added * 2 >= delay;
                seen.delays_ms.extend(is_late.then_some(added.as_secs_f64() * 1_000.0));
                is_late
            }
            FileEffect::Tear(end) => {
                let said = match end {
                    TornEnd::Error => errno == Some(nix::libc::EIO),
                    TornEnd::Success => errno.is_none(),
                };
                let mut stored = Vec::new();
                let file = no_link().read(true).open(self.straight.join(&self.probes[n]));
                // What cannot be read is no block.
                let _ = file.and_then(|mut file| file.read_to_end(&mut stored));
                said && tried.block.is_some_and(|block| !stored.starts_with(&block))
            }
        };
        seen.hits.hits += u32::from(is_hit);
    }

    /// Tries one operation on probe `n`; an error when that is not possible at all.
    fn attempt(&self, root: &Path, op: FileOperation, n: usize) -> Result<Tried, String> {
        let file = root.join(&self.probes[n]);
        let open = || self.open(&file);
        Ok(match op {
            FileOperation::Open => timed(|| no_link().read(true).open(&file).map(drop)),
            FileOperation::Read => {
                let open = open()?;
                timed(|| open.read_exact_at(&mut [0; PROBE_SIZE], 0))
            }
            FileOperation::Write => {
                let open = open()?;
                let number = self.writes.fetch_add(1, Ordering::Relaxed) + 1;
                let block = number.to_le_bytes().repeat(PROBE_SIZE / 8);
                let tried = timed(|| open.write_all_at(&block, 0));
                Tried { block: Some(block), ..tried }
            }
            FileOperation::Fsync => {
                let open = open()?;
                timed(|| open.sync_data())
            }
            FileOperation::Resize => {
                let open = open()?;
                timed(|| open.set_len(PROBE_SIZE as u64))
            }
            FileOperation::List => {
                timed(|| fs::read_dir(file.parent().unwrap_or(root))?.try_for_each(|entry| entry.map(drop)))
            }
            FileOperation::Create | FileOperation::Remove | FileOperation::Rename => self.name(op, n, &file)?,
        })
    }

    /// Tries an operation that makes or takes names; whatever comes of it, only the probe is there afterwards.
    fn name(&self, op: FileOperation, n: usize, file: &Path) -> Result<Tried, String> {
        let beside = |file: &Path, end: &str| {
            let mut path = file.as_os_str().to_owned();
            path.push(end);
            PathBuf::from(path)
        };
        let (new, other) = (beside(file, "+"), beside(file, "++"));
        let own = self.straight.join(&self.probes[n]);
        let make = || make_anew(&beside(&own, "+")).map_err(|error| format!("{}: {error}", own.display()));
        let tried = match op {
            FileOperation::Create => timed(|| OpenOptions::new().write(true).create_new(true).open(&new).map(drop)),
            FileOperation::Remove => {
                make()?;
                timed(|| fs::remove_file(&new))
            }
            _ => {
                make()?;
                timed(|| fs::rename(&new, &other))
            }
        };
        for (end, seen) in [("+", new), ("++", other)] {
            // An error is what is expected of one of them.
            let _ = fs::remove_file(beside(&own, end));
            let_go(&seen);
        }
        Ok(tried)
    }

    /// Opens a probe, however often that fails by the fault itself.
    fn open(&self, file: &Path) -> Result<File, String> {
        let open = || no_link().read(true).write(true).open(file);
        let mut tried = open();
        for _ in 0..OPENS {
            if tried.is_ok() {
                break;
            }
            tried = open();
        }
        tried.map_err(|error| format!("{}: {error}", file.display()))
    }
}

/// The component may have put a link in place of a probe.
fn no_link() -> OpenOptions {
    let mut open = OpenOptions::new();
    open.custom_flags(nix::libc::O_NOFOLLOW);
    open
}

fn timed(what: impl FnOnce() -> io::Result<()>) -> Tried {
    let start = Instant::now();
    let ended = what();
    Tried { ended, took: start.elapsed(), block: None }
}
