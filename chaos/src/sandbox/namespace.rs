//! The mount namespace of a sandbox: made by it, joined by its component.

use crate::fault::Needs;
use crate::host;
use crate::user_namespace;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use rustix::process::{Pid, PidfdFlags, Resource, Rlimit, getrlimit, pidfd_open, setrlimit};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_no_new_privs};
use std::fs::{File, OpenOptions};
use std::io;

/// The device through which the kernel asks a file system in user space.
pub(super) const FUSE: &str = "/dev/fuse";

/// Whose rights the namespace stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// The host's root, or whoever may mount there.
    Host,
    /// A user namespace in which this user alone exists.
    User,
}

/// Moves this process, which has one thread, to a mount namespace of its own, from which nothing reaches the host.
pub(super) fn enter() -> io::Result<Owner> {
    let owner = match unshare(CloneFlags::CLONE_NEWNS) {
        Ok(()) => Owner::Host,
        Err(_) => {
            let made = user_namespace::unshare_with(CloneFlags::CLONE_NEWNS);
            made.map_err(|error| why("a mount namespace of its own", &error))?;
            Owner::User
        }
    };
    // Slave and not private: an unmount on the host must reach us, or we would keep its disk busy.
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_SLAVE, None::<&str>)?;
    Ok(owner)
}

fn why(what: &str, error: &io::Error) -> io::Error {
    host::explained(what, error, Needs::OwnFiles)
}

pub(super) fn why_names(what: &str, error: &io::Error) -> io::Error {
    host::explained(what, error, Needs::OwnResolver)
}

pub(super) fn open_fuse() -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(FUSE).map_err(|error| why(FUSE, &error))
}

/// Gives up what a file system for other users does not need, and lets it keep as many files open as there may be.
pub(super) fn drop_rights() -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
    set_no_new_privs(true)?;
    let kept = CapabilitySet::CHOWN
        | CapabilitySet::DAC_OVERRIDE
        | CapabilitySet::DAC_READ_SEARCH
        | CapabilitySet::FOWNER
        | CapabilitySet::FSETID
        | CapabilitySet::MKNOD
        | CapabilitySet::SETUID
        | CapabilitySet::SETGID;
    let now = capabilities(None)?;
    let left = CapabilitySets {
        effective: now.effective & kept,
        permitted: now.permitted & kept,
        inheritable: CapabilitySet::empty(),
    };
    Ok(set_capabilities(None, left)?)
}

/// Moves this process, which has one thread, into the namespaces of a sandbox and back to its folder, which may be
/// another one in there. What it becomes afterwards sees the same user and has the same rights.
///
/// # Errors
/// The sandbox is gone, or the kernel refuses.
pub fn join(sandbox: i32) -> io::Result<()> {
    let pid = Pid::from_raw(sandbox).filter(|_| sandbox > 0).ok_or(io::ErrorKind::InvalidInput)?;
    let folder = std::env::current_dir()?;
    let user = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/user"));
    let mut flags = CloneFlags::CLONE_NEWNS;
    if user("self")? != user(&sandbox.to_string())? {
        flags |= CloneFlags::CLONE_NEWUSER;
    }
    setns(pidfd_open(pid, PidfdFlags::empty())?, flags)?;
    std::env::set_current_dir(folder)
}

/// Whether this process may mount in a namespace of its own: tried, not guessed, where a thread can try.
pub(crate) fn can_mount() -> bool {
    // A mount namespace is a thread's own affair, and gone with it.
    let tried = std::thread::spawn(|| unshare(CloneFlags::CLONE_NEWNS).is_ok());
    tried.join().unwrap_or(false) || user_namespace::can_be_made()
}

/// Whether this process may serve a file system.
pub(crate) fn can_open_fuse() -> bool {
    OpenOptions::new().read(true).write(true).open(FUSE).is_ok()
}

/// Whether this process may listen where every resolver is asked.
pub(crate) fn can_bind_resolver() -> bool {
    let free = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap_or_default();
    let may = capabilities(None).is_ok_and(|now| now.effective.contains(CapabilitySet::NET_BIND_SERVICE));
    may || free.trim().parse::<u16>().is_ok_and(|first| first <= 53)
}
