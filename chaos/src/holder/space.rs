//! Memory, disk space and inodes that are taken, with a reserve for whoever else needs them.

use super::nameless;
use super::{Held, Kept};
use crate::act::Fill;
use rustix::fs::{FallocateFlags, StatVfs, fallocate, statvfs};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

/// Memory and disk space that stay free on a shared host.
const RESERVE: u64 = 512 << 20;
/// Memory that is touched between two looks at the lease.
const PART: usize = 64 << 20;
/// Inodes that stay free on a shared disk.
const RESERVE_INODES: u64 = 100_000;
/// Descriptors of the holder itself: pipes, folders, a margin.
const OWN_FILES: u64 = 32;

/// Touched memory.
pub(super) struct Memory(#[expect(dead_code, reason = "it is there to be there")] Vec<u8>);

impl Memory {
    pub(super) fn take(bytes: u64, lease: &mut Kept) -> io::Result<Self> {
        let available = available_memory()?;
        if available < bytes.saturating_add(RESERVE) {
            let text = format!("only {available} bytes of memory are available, and {RESERVE} must stay free");
            return Err(io::Error::other(text));
        }
        // When memory gets short after all, the kernel is to end us and nobody else.
        std::fs::write("/proc/self/oom_score_adj", "1000")?;
        let mut memory = Vec::new();
        let bytes = usize::try_from(bytes).map_err(io::Error::other)?;
        memory.try_reserve_exact(bytes).map_err(io::Error::other)?;
        while memory.len() < bytes {
            // Not zero: pages of zeros may be shared. In parts, because touching takes its time and the lease goes on.
            memory.resize((memory.len() + PART).min(bytes), 0x5a);
            if !lease.goes_on(Duration::ZERO)? {
                return Err(io::Error::other("the fault was ended before it was in"));
            }
        }
        Ok(Self(memory))
    }
}

impl Held for Memory {}

fn available_memory() -> io::Result<u64> {
    let text = std::fs::read_to_string("/proc/meminfo")?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.map(|kib| kib << 10).ok_or_else(|| io::Error::other("the host does not tell its available memory"))
}

/// A file without a name that fills a disk.
pub(super) struct Disk(#[expect(dead_code, reason = "it is there to be there")] File);

impl Disk {
    pub(super) fn fill(folder: &Path, fill: Fill) -> io::Result<Self> {
        let file = nameless::open(folder)?;
        let free = free_bytes(&statvfs(folder)?);
        let bytes = match fill {
            Fill::Bytes(bytes) => bytes,
            Fill::AllBut(leave) => free.saturating_sub(leave),
        };
        if bytes == 0 {
            return Err(io::Error::other(format!("the disk has only {free} bytes free already")));
        }
        let left = free.checked_sub(bytes);
        let enough = left.is_some_and(|left| left >= RESERVE) || (left.is_some() && nameless::is_own_disk(folder)?);
        if !enough {
            let text = format!("{free} bytes are free, and {RESERVE} must stay so on a disk that others share");
            return Err(io::Error::other(text));
        }
        fallocate(&file, FallocateFlags::empty(), 0, bytes)?;
        Ok(Self(file))
    }
}

impl Held for Disk {}

/// What a process of our user can still write.
fn free_bytes(disk: &StatVfs) -> u64 {
    let blocks = if rustix::process::geteuid().is_root() { disk.f_bfree } else { disk.f_bavail };
    blocks * disk.f_frsize
}

/// Empty files without names.
pub(super) struct Inodes(#[expect(dead_code, reason = "it is there to be there")] Vec<File>);

impl Inodes {
    pub(super) fn fill(folder: &Path, count: u32) -> io::Result<Self> {
        let free = statvfs(folder)?.f_ffree;
        let left = free.checked_sub(count.into());
        if left.is_none_or(|left| left < RESERVE_INODES) && !nameless::is_own_disk(folder)? {
            let text = format!("{free} inodes are free, and {RESERVE_INODES} must stay so on a disk that others share");
            return Err(io::Error::other(text));
        }
        allow_files(u64::from(count) + OWN_FILES)?;
        (0..count).map(|_| nameless::open(folder)).collect::<io::Result<_>>().map(Self)
    }
}

impl Held for Inodes {}

/// Raises our own limit of open files as far as the host allows.
pub(super) fn allow_files(wanted: u64) -> io::Result<()> {
    let now = getrlimit(Resource::Nofile);
    if now.current.is_some_and(|current| current < wanted) {
        if now.maximum.is_some_and(|maximum| maximum < wanted) {
            let maximum = now.maximum.unwrap_or_default();
            return Err(io::Error::other(format!("one process may open {maximum} files here, {wanted} are needed")));
        }
        setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: now.maximum })?;
    }
    Ok(())
}
