//! The kernel's process descriptors: a signal that cannot hit a reused pid, and an end that cannot be missed.
#![allow(unsafe_code, reason = "pidfd_open and pidfd_send_signal have no safe wrapper among our dependencies")]

use nix::libc;
use nix::sys::signal::Signal;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A handle on one process, not on its number.
#[derive(Debug)]
pub struct PidFd(OwnedFd);

impl PidFd {
    /// Opens the process that has `pid` now.
    ///
    /// # Errors
    /// There is no such process, or the kernel refuses.
    pub fn open(pid: i32) -> io::Result<Self> {
        // SAFETY: takes two integers, returns a new descriptor (close-on-exec) or -1.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        let fd = RawFd::try_from(fd).map_err(io::Error::other)?;
        // SAFETY: the kernel has just given us this descriptor and nobody else owns it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Sends a signal to it.
    ///
    /// # Errors
    /// The process is gone already, or we may not.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        let none: *const libc::siginfo_t = std::ptr::null();
        // SAFETY: the descriptor is open for the whole call; a null siginfo asks for the default.
        let sent =
            unsafe { libc::syscall(libc::SYS_pidfd_send_signal, self.0.as_raw_fd(), signal as libc::c_int, none, 0) };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Waits until the process is gone (dead, though perhaps not reaped); false when it outlives `limit` or cannot be
    /// watched. Needs a tokio runtime.
    pub async fn gone_within(&self, limit: Duration) -> bool {
        let watched = self.0.try_clone().and_then(|fd| {
            // SAFETY: the descriptor is owned, stays open and is the same for the life of the AsyncFd.
            unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }.map_err(io::Error::from)
        });
        let Ok(watched) = watched else { return false };
        matches!(tokio::time::timeout(limit, watched.readable()).await, Ok(Ok(_)))
    }
}
