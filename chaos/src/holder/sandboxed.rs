//! Faults that the sandbox of the component has in its table for as long as we are connected to it.

use super::guard::{Guard, Undo};
use super::{Held, MARK, Order, folder};
use crate::sandbox::{Asked, Connection, FileFault, NOTICED_WITHIN, is_probe, probe_path};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Files of ours that are looked at: so many operations can be delayed at once.
pub(crate) const PROBES: u32 = 8;
/// Bytes of each.
pub(crate) const PROBE_SIZE: usize = 4_096;

pub(super) struct Sandboxed {
    connection: Option<Connection>,
    guard: Option<Guard>,
}

impl Sandboxed {
    /// A fault of files; makes the files on which its dose is measured first, past the sandbox.
    pub(super) fn files(order: &Order, fault: &FileFault) -> io::Result<Self> {
        let paths = probes(order, fault).map_err(io::Error::other)?;
        let root = folder(order)?.canonicalize()?;
        let beside = root.join(paths[0].parent().unwrap_or(Path::new("")));
        let place =
            beside.canonicalize().map_err(|error| io::Error::other(format!("{}: {error}", beside.display())))?;
        if place != beside || !place.is_dir() {
            return Err(io::Error::other(format!("{} leads through a link", beside.display())));
        }
        let views = order.processes.first().map(|main| seen_by(main.pid, &root)).unwrap_or_default();
        let views = paths.iter().map(|path| views.join(path)).collect();
        let guard = Guard::post(Undo::Probes { folder: place, key: order.probe_key(), views })?;
        for path in &paths {
            let mut file = make_anew(&root.join(path))?;
            file.write_all(&[0; PROBE_SIZE])?;
        }
        Ok(Self { connection: Some(ask(order)?), guard: Some(guard) })
    }

    /// A fault of names.
    pub(super) fn names(order: &Order) -> io::Result<Self> {
        Ok(Self { connection: Some(ask(order)?), guard: None })
    }
}

fn ask(order: &Order) -> io::Result<Connection> {
    let address = order.sandbox.as_deref().ok_or_else(|| io::Error::other("the component has no sandbox"))?;
    let asked = Asked {
        hold: order.hold.clone(),
        id: std::env::var(MARK).unwrap_or_default(),
        seed: order.seed,
        ttl_ms: order.ttl_ms,
    };
    Connection::open(address, &order.mark, &asked)
}

/// Paths of the probes below the folder.
pub(crate) fn probes(order: &Order, fault: &FileFault) -> Result<Vec<PathBuf>, &'static str> {
    let path = |n: u32| probe_path(fault.path.as_deref(), &format!("{}-{n}", order.probe_key()));
    (0..PROBES).map(path).collect()
}

/// Where a process sees a folder.
pub(crate) fn seen_by(pid: i32, folder: &Path) -> PathBuf {
    Path::new("/proc").join(pid.to_string()).join("root").join(folder.strip_prefix("/").unwrap_or(folder))
}

/// Makes a file in a folder of the component, and never follows a link that the component may have put there.
pub(crate) fn make_anew(path: &Path) -> io::Result<fs::File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => fs::OpenOptions::new().write(true).create_new(true).open(path),
    }
}

/// Lets a sandbox let go of a file that was removed behind its back: until somebody asks for the name it keeps the file
/// open, and the disk its blocks.
pub(crate) fn let_go(view: &Path) {
    // An error is what is expected.
    let _ = fs::symlink_metadata(view);
}

/// Removes every probe with this key.
pub(super) fn remove_probes(folder: &Path, key: &str, views: &[PathBuf]) -> io::Result<()> {
    remove_all(folder, key)?;
    // One more may be made by an operation that was held back until now.
    std::thread::sleep(NOTICED_WITHIN * 2);
    remove_all(folder, key)?;
    views.iter().for_each(|view| let_go(view));
    Ok(())
}

fn remove_all(folder: &Path, key: &str) -> io::Result<()> {
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        if is_probe(&path, Some(key)) {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => (),
            }
        }
    }
    Ok(())
}

impl Held for Sandboxed {
    fn turn(&mut self, _: Duration) -> io::Result<()> {
        if let Some(guard) = &mut self.guard {
            guard.stands()?;
        }
        self.connection.as_mut().map_or(Ok(()), Connection::renew)
    }

    fn out(&mut self) -> io::Result<()> {
        drop(self.connection.take());
        self.guard.as_mut().map_or(Ok(()), Guard::undo)
    }
}
