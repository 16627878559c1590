//! The kernel's process descriptors: a kill that cannot hit a reused pid, and an end that cannot be missed.
#![allow(unsafe_code, reason = "pidfd_open and pidfd_send_signal have no safe wrapper among our dependencies")]

use nix::libc;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A handle on one process, not on its number.
#[derive(Debug)]
pub struct PidFd(AsyncFd<OwnedFd>);

impl PidFd {
    /// Opens the process that has `pid` now. Needs a tokio runtime.
    ///
    /// # Errors
    /// There is no such process, or the kernel refuses.
    pub fn open(pid: u32) -> io::Result<Self> {
        let pid = libc::pid_t::try_from(pid).map_err(io::Error::other)?;
        // SAFETY: takes two integers; no memory is touched.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        let fd = i32::try_from(fd).map_err(io::Error::other)?;
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel just gave us this descriptor, and nobody else knows it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        // SAFETY: the descriptor is owned, stays open and is the same for the life of the AsyncFd.
        Ok(Self(unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE)? }))
    }

    /// Sends SIGKILL.
    ///
    /// # Errors
    /// The process is gone already, or we may not.
    pub fn kill(&self) -> io::Result<()> {
        let fd = self.0.get_ref().as_raw_fd();
        // SAFETY: the descriptor is open; a null siginfo asks for the default.
        let sent = unsafe {
            libc::syscall(libc::SYS_pidfd_send_signal, fd, libc::SIGKILL, std::ptr::null::<libc::siginfo_t>(), 0)
        };
        if sent == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Waits until the process is gone (dead, though perhaps not reaped); false when it outlives `limit`.
    pub async fn gone_within(&self, limit: Duration) -> bool {
        matches!(tokio::time::timeout(limit, self.0.readable()).await, Ok(Ok(_)))
    }
}
