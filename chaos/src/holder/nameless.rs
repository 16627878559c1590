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

/// Whether a folder is the root of a file system of its own: filling it hurts nobody else.
pub(super) fn is_own_disk(folder: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let folder = folder.canonicalize()?;
    let above = folder.parent().ok_or_else(|| io::Error::other("the folder is the root of the host"))?;
    Ok(folder.metadata()?.dev() != above.metadata()?.dev())
}
