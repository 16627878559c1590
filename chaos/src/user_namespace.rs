//! A user namespace in which one user exists, with the same number as outside: for who may not make other namespaces.

use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::unistd::{getegid, geteuid};
use std::io;
use std::path::Path;

/// Moves this process, which has one thread, to a user namespace and to further ones that stand on it.
///
/// # Errors
/// The kernel or the distribution forbids it.
pub(crate) fn unshare_with(further: CloneFlags) -> io::Result<()> {
    let (uid, gid) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER | further)?;
    // Who may set groups could leave one that takes rights away.
    std::fs::write("/proc/self/setgroups", "deny")?;
    std::fs::write("/proc/self/uid_map", format!("{uid} {uid} 1"))?;
    std::fs::write("/proc/self/gid_map", format!("{gid} {gid} 1"))?;
    // Others of this user open our namespaces through /proc.
    prctl::set_dumpable(true)?;
    Ok(())
}

/// Whether one could be made. It can be tried by a process with one thread only: these are the switches of the kernel
/// and of the distributions that forbid it.
pub(crate) fn can_be_made() -> bool {
    let number = |path: &str| std::fs::read_to_string(path).ok().and_then(|text| text.trim().parse::<u64>().ok());
    Path::new("/proc/self/ns/user").exists()
        && number("/proc/sys/user/max_user_namespaces") != Some(0)
        && number("/proc/sys/kernel/unprivileged_userns_clone") != Some(0)
        && number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").unwrap_or(0) == 0
}
