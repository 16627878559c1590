//! The kernel's process descriptors: a signal that cannot hit a reused pid, and an end that cannot be missed.
#![allow(unsafe_code, reason = "tokio's safe way to watch a descriptor is deprecated as unsound")]

use nix::sys::signal::Signal;
use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal};
use std::io;
use std::os::fd::OwnedFd;
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
        let pid = Pid::from_raw(pid).filter(|_| pid > 0).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Self(pidfd_open(pid, PidfdFlags::empty())?))
    }

    /// Sends a signal to it.
    ///
    /// # Errors
    /// The process is gone already, or we may not.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        let signal = rustix::process::Signal::from_named_raw(signal as i32).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(pidfd_send_signal(&self.0, signal)?)
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
