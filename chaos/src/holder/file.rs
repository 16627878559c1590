//! Another content of a file. The old file itself is kept beside it, under a name that tells which content is ours.

use super::guard::{Guard, Undo};
use super::sandboxed::{let_go, seen_by};
use super::{Held, Order, folder};
use crate::act::Flip;
use crate::digest::hex;
use crate::sandbox::is_probe;
use nix::fcntl::AT_FDCWD;
use nix::sys::stat::{UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Part of the name of a kept file, between its own name and the digest of our content.
pub const KEPT: &str = ".mettle-kept-";
/// Part of the name of a file that is being written.
const NEW: &str = ".mettle-new-";
/// Hex digits of the digest in a name.
const DIGITS: usize = 16;
/// Deepest folder that is searched for kept files.
const DEPTH_MAX: usize = 32;

pub(super) struct Changed {
    guard: Guard,
}

impl Changed {
    /// Puts another value into the file, and leaves every other byte as it is.
    pub(super) fn flip(order: &Order, flip: &Flip) -> io::Result<Self> {
        let told = |error: &dyn std::fmt::Display| io::Error::other(format!("{}: {error}", flip.path));
        let text = fs::read_to_string(inside(folder(order)?, &flip.path)?).map_err(|error| told(&error))?;
        let new = flip.format.with(&text, &flip.key, &flip.value).map_err(|error| told(&error))?;
        Self::change(order, &flip.path, &new)
    }

    /// Puts another content into the file.
    pub(super) fn change(order: &Order, path: &str, content: &str) -> io::Result<Self> {
        let file = inside(folder(order)?, path)?;
        if is_ours(&file, &digest(content.as_bytes())) {
            return Err(io::Error::other(format!("{path} has this content already")));
        }
        let kept = beside(&file, &format!("{KEPT}{}", digest(content.as_bytes())))?;
        if kept.exists() {
            // Without the name of the kept file: it tells a digest of what may be a secret.
            return Err(io::Error::other(format!("an old file is kept beside {path} already")));
        }
        let view = order.processes.first().map(|main| seen_by(main.pid, &file));
        let guard = Guard::post(Undo::Kept { kept: kept.clone(), view })?;
        // The content first, then the second name of the old file: from that name on an undo is owed.
        let new = beside(&file, &format!("{NEW}{}", digest(content.as_bytes())))?;
        write_like(&file, &new, content)?;
        fs::hard_link(&file, &kept)?;
        fs::rename(&new, &file)?;
        Ok(Self { guard })
    }
}

impl Held for Changed {
    fn turn(&mut self, _: Duration) -> io::Result<()> {
        self.guard.stands()
    }

    fn out(&mut self) -> io::Result<()> {
        self.guard.undo()
    }
}

/// The file below the folder, when nothing on the way leads out and it is a plain file.
fn inside(folder: &Path, path: &str) -> io::Result<PathBuf> {
    let folder = folder.canonicalize()?;
    let wanted = folder.join(path);
    let file = wanted.canonicalize().map_err(|error| io::Error::other(format!("{path}: {error}")))?;
    if file != wanted || !file.starts_with(&folder) {
        return Err(io::Error::other(format!("{path} leads through a link; name the file itself")));
    }
    if !file.metadata()?.is_file() {
        return Err(io::Error::other(format!("{path} is not a plain file")));
    }
    Ok(file)
}

fn beside(file: &Path, end: &str) -> io::Result<PathBuf> {
    let mut name = file.file_name().ok_or_else(|| io::Error::other("the file has no name"))?.to_owned();
    name.push(end);
    Ok(file.with_file_name(name))
}

/// Writes a new file with the rights and the owner of another. Until it has them nobody else may read it, and it is
/// none that somebody else has put there, nor one behind a link.
fn write_like(like: &Path, path: &Path, content: &str) -> io::Result<()> {
    let old = like.metadata()?;
    remove(path)?;
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let new = file.metadata()?;
    if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
        std::os::unix::fs::fchown(&file, Some(old.uid()), Some(old.gid()))?;
    }
    // After the owner: a change of it takes rights away.
    file.set_permissions(old.permissions())?;
    file.write_all(content.as_bytes())?;
    file.sync_all()
}

/// Removes a name; that it is not there is as good.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn digest(content: &[u8]) -> String {
    hex(content)[..DIGITS].to_owned()
}

/// Whether the file holds the content with this digest.
fn is_ours(file: &Path, ours: &str) -> bool {
    fs::read(file).is_ok_and(|content| digest(&content) == ours)
}

/// Undoes a change, and lets the component's sandbox let go of our content.
pub(super) fn undo(kept: &Path, view: Option<&Path>) -> io::Result<()> {
    let restored = restore(kept);
    view.into_iter().for_each(let_go);
    restored
}

/// Undoes the change whose old file is kept as `kept`. Nothing is kept: nothing was changed, or it is undone.
fn restore(kept: &Path) -> io::Result<()> {
    let name = kept.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let Some((own, ours)) = name.rsplit_once(KEPT) else {
        return Err(io::Error::other(format!("{} is not a kept file", kept.display())));
    };
    let file = kept.with_file_name(own);
    remove(&beside(&file, &format!("{NEW}{ours}"))?)?;
    if !kept.try_exists()? {
        return Ok(());
    }
    // Between the second name and the change both names lead to the same file.
    if is_ours(&file, ours) || !file.try_exists()? || same(&file, kept)? {
        // A rename between two names of one file does nothing: the second name goes on its own.
        if same(&file, kept).unwrap_or(false) { fs::remove_file(kept) } else { put_back(kept, &file) }
    } else {
        let text = "was changed by somebody else meanwhile; compare it with the file kept beside it, then remove one";
        Err(io::Error::other(format!("{} {text}", file.display())))
    }
}

/// Puts the old file back as one that was changed now: whoever reads a file again when its time is later than that of
/// the last reading would otherwise stay with our content.
fn put_back(kept: &Path, file: &Path) -> io::Result<()> {
    // Who may rename it but not touch it still has to put it back.
    let _ = utimensat(AT_FDCWD, kept, &TimeSpec::UTIME_OMIT, &TimeSpec::UTIME_NOW, UtimensatFlags::NoFollowSymlink);
    fs::rename(kept, file)
}

fn same(one: &Path, other: &Path) -> io::Result<bool> {
    let (one, other) = (one.metadata()?, other.metadata()?);
    Ok((one.dev(), one.ino()) == (other.dev(), other.ino()))
}

/// Undoes every change below `folder` that nobody undid, as after a crash of the host; what was undone, and why not.
///
/// To be called while no holder is at work there.
pub fn restore_kept(folder: &Path) -> Vec<(PathBuf, io::Result<()>)> {
    let mut done = Vec::new();
    for path in ours_below(folder, 0) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let undone = if name.contains(KEPT) { restore(&path) } else { fs::remove_file(&path) };
        if !undone.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            done.push((path, undone));
        }
    }
    done
}

/// Every file below `folder` whose name is one of ours. Links are not followed.
pub(crate) fn ours_below(folder: &Path, depth: usize) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth < DEPTH_MAX => found.extend(ours_below(&entry.path(), depth + 1)),
            Ok(kind) if kind.is_file() && is_name_of_ours(&name) => found.push(entry.path()),
            _ => (),
        }
    }
    found
}

fn is_name_of_ours(name: &str) -> bool {
    let digits = |end: &str| end.len() == DIGITS && end.bytes().all(|byte| byte.is_ascii_hexdigit());
    let with_digest = [KEPT, NEW].iter().any(|mark| name.rsplit_once(mark).is_some_and(|(_, end)| digits(end)));
    with_digest || is_probe(Path::new(name), None) || name.starts_with(super::nameless::PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn what_somebody_put_in_the_place_of_the_new_file_neither_gets_nor_shows_the_content() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("old"), "old").unwrap();
        fs::set_permissions(at("old"), fs::Permissions::from_mode(0o640)).unwrap();
        fs::write(at("victim"), "theirs").unwrap();
        symlink(at("victim"), at("new")).unwrap();
        write_like(&at("old"), &at("new"), "secret").unwrap();
        assert_eq!(fs::read_to_string(at("victim")).unwrap(), "theirs");
        let new = at("new").symlink_metadata().unwrap();
        assert_eq!((new.is_file(), new.mode() & 0o7777), (true, 0o640));

        fs::write(at("planted"), "").unwrap();
        let mut open = fs::File::open(at("planted")).unwrap();
        write_like(&at("old"), &at("planted"), "secret").unwrap();
        let mut seen = String::new();
        open.read_to_string(&mut seen).unwrap();
        assert_eq!((seen.as_str(), fs::read_to_string(at("planted")).unwrap().as_str()), ("", "secret"));
    }

    #[test]
    fn a_file_that_is_put_back_was_changed_now() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        let kept = beside(&file, &format!("{KEPT}{}", digest(b"ours"))).unwrap();
        fs::write(&kept, "old").unwrap();
        let long_ago = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        fs::File::open(&kept).unwrap().set_modified(long_ago).unwrap();
        fs::write(&file, "ours").unwrap();
        let changed = file.metadata().unwrap().modified().unwrap();
        restore(&kept).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "old");
        assert!(file.metadata().unwrap().modified().unwrap() >= changed);
    }
}
