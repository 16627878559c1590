//! Files without names: the kernel frees them when whoever holds them open is gone, also after a crash of the host.

use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, unlinkat};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::path::Path;

/// Start of the name that a file has for an instant where the file system cannot make one without.
pub const PREFIX: &str = ".mettle-filler-";

/// A new empty file in `folder` that no name leads to.
pub(super) fn open(folder: &Path) -> io::Result<File> {
    let mode = Mode::RUSR | Mode::WUSR;
    match openat(CWD, folder, OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC, mode) {
        Ok(file) => Ok(file.into()),
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::NOENT) if folder.is_dir() => {
            let path = folder.join(format!("{PREFIX}{}", uuid::Uuid::new_v4().simple()));
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
            let file = openat(CWD, &path, flags, mode)?;
            unlinkat(CWD, &path, AtFlags::empty())?;
            Ok(file.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether a whole file system is mounted at a folder, and nothing else of it elsewhere: filling it hurts nobody else. A
/// part of another one (a bind mount, a subvolume) is shared.
pub(super) fn is_own_disk(folder: &Path) -> io::Result<bool> {
    let folder = folder.canonicalize()?;
    let mounts = std::fs::read_to_string("/proc/self/mountinfo")?;
    let fields: Vec<Vec<&str>> = mounts.lines().map(|line| line.split(' ').collect()).collect();
    // Device, root within the file system, mount point (proc_pid_mountinfo(5)).
    let at = |line: &&Vec<&str>| line.get(4).is_some_and(|point| Path::new(point) == folder);
    let Some(own) = fields.iter().rev().find(at) else {
        return Ok(false);
    };
    let mounted = fields.iter().filter(|line| line.get(2) == own.get(2)).count();
    Ok(folder.parent().is_some() && own.get(3) == Some(&"/") && mounted == 1)
}
